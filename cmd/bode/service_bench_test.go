package main

import (
	"fmt"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// submit sends the n-th message and returns its first delivery.
func (w *works) submit(b *testing.B, n, recipients int) delivery.Message {
	s := delivery.Submission{Subject: "Algemene vergadering", Body: "U bent uitgenodigd.", Language: "nl", Policy: w.deliveries.DefaultPolicy()}
	for i := range recipients {
		s.Recipients = append(s.Recipients, delivery.Recipient{Given: "Amina", Family: "Janssens", Language: "nl",
			Email: fmt.Sprintf("amina.%d.%d@post.example", n, i), Mobile: fmt.Sprintf("+3247%07d", (n*recipients+i)%10_000_000),
			Address: &delivery.PostalAddress{Lines: []string{"Vlasmarkt 7"}, Postcode: "9000", City: "Gent", Country: "BE"}})
	}
	m, _, err := w.deliveries.Submit(b.Context(), w.by, s, delivery.Once{})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// BenchmarkSubmit is a submission without HTTP and without waiting for the disk.
func BenchmarkSubmit(b *testing.B) {
	for _, recipients := range []int{1, 100} {
		b.Run(fmt.Sprint(recipients), func(b *testing.B) {
			r, n := newWorks(b), 0
			for b.Loop() {
				n++
				r.submit(b, n, recipients)
			}
		})
	}
}

// BenchmarkSealEvent makes the evidence of one event, alone in its batch: XML and
// PDF, each sealed, time-stamped over HTTP by the stand-in, checked, and stored.
func BenchmarkSealEvent(b *testing.B) {
	r, n := newWorks(b), 0
	r.ledger.Pace = 0
	for b.Loop() {
		n++
		b.StopTimer()
		m := r.submit(b, n, 1)
		list, err := r.deliveries.Deliveries(b.Context(), m.Account, m.ID, 0, 1)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		id := string(list[0].ID)
		if err := r.ledger.Seal(b.Context(), firstOf(id)); err != nil {
			b.Fatal(err)
		}
		if n, err := r.ledger.Batch(b.Context()); n != 1 || err != nil {
			b.Fatal(n, err)
		}
		if err := r.ledger.Finish(b.Context(), firstOf(id)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFold folds a history of ten events, as fsck does for each delivery.
func BenchmarkFold(b *testing.B) {
	events := make([]evidence.Event, 10)
	for i := range events {
		events[i].Seq, events[i].Name = i+1, evidence.NotificationForAcceptance
	}
	events[0].Name = evidence.SubmissionAcceptance
	if _, err := delivery.Fold(events); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := delivery.Fold(events); err != nil {
			b.Fatal(err)
		}
	}
}
