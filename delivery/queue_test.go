package delivery_test

import (
	"context"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// leading is a queue of which number 0 leads and as many as asked for wait.
func leading(t *testing.T, waiting int) *delivery.Queue {
	t.Helper()
	var q delivery.Queue
	if !q.Join() {
		t.Fatal("the first does not lead")
	}
	for range waiting {
		if q.Join() {
			t.Fatal("one more leads")
		}
	}
	return &q
}

// TestQueueNextBeforeTheDisk lets the next one lead while the one before waits for
// the disk, up to four of them, and once each.
func TestQueueNextBeforeTheDisk(t *testing.T) {
	t.Parallel()
	q := leading(t, 0)
	var ends []func()
	for i := range 4 {
		n, soon, end := q.Take(i)
		if n != 1 {
			t.Fatalf("%d go together", n)
		}
		ends = append(ends, end)
		if q.Join() {
			t.Fatalf("%d leads beside %d that is being written", i+1, i)
		}
		soon()
		soon()
		if got, want := q.Leads(i+1), i < 3; got != want {
			t.Fatalf("%d transactions are open, and the next one leads: %t", i+1, got)
		}
	}
	if ends[0](); q.Leads(4) {
		t.Error("the end of one lets somebody lead twice")
	}
	if ends[3](); !q.Leads(4) {
		t.Error("at its end it lets nobody lead")
	}
	n, _, end := q.Take(4)
	if end(); n != 1 || !q.Join() {
		t.Errorf("%d went together, and after all of them nobody leads", n)
	}
}

// TestQueueWaitsForCompany waits for those who went together the last time, and
// for nobody else.
func TestQueueWaitsForCompany(t *testing.T) {
	t.Parallel()
	q := leading(t, 2)
	if q.Company() {
		t.Error("the very first waits for somebody")
	}
	if n, _, end := q.Take(0); n != 3 {
		t.Fatalf("%d go together", n)
	} else if end(); !q.Join() {
		t.Fatal("nobody leads any more")
	}
	gathered := make(chan struct{})
	if q.Ago(-time.Hour); !q.Company() {
		t.Fatal("who comes back first waits for nobody")
	}
	go func() { defer close(gathered); q.Gather(t.Context(), time.Hour) }()
	q.Join()
	select {
	case <-gathered:
		t.Error("it does not wait for the third")
	default:
	}
	q.Join()
	<-gathered
	if q.Company() {
		t.Error("all are here, and it waits")
	}
	n, _, end := q.Take(3)
	if end(); n != 3 {
		t.Errorf("%d go together", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q.Gather(ctx, time.Hour) // gives up with its request
	q.Gather(t.Context(), 0) // nobody came
	if q.Ago(time.Second); q.Company() {
		t.Error("those of long ago are waited for")
	}
	q.Join()
	if n, _, end := q.Take(6); n != 1 {
		t.Errorf("%d go together", n)
	} else if end(); true {
		q.Ago(-time.Hour)
	}
	if q.Company() {
		t.Error("who went alone waits for somebody")
	}
}
