package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// TestSweepTogether lets two processes meet the same deadlines.
func TestSweepTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var last delivery.Delivery
	for _, d := range r.deliveries(r.submit(8)) {
		last = r.attempt(d, notify.Email, notify.Sent)
	}
	second := r.service(nil)
	r.clock.set(last.NotifiedAt.Add(49 * time.Hour))
	sweep := func(s *delivery.Service) func() error {
		return func() error { _, err := s.Sweep(r.ctx(), 1000); return err }
	}
	won(t, race(sweep(r.Service), sweep(second), sweep(r.Service), sweep(second)))
	if n := r.count(`SELECT count(*) FROM notice WHERE kind = 'reminder'`); n != 16 {
		t.Errorf("%d reminders of 8 deliveries on 2 channels", n)
	}
	r.clock.set(last.RespondBy)
	won(t, race(sweep(r.Service), sweep(second), sweep(r.Service), sweep(second)))
	if n := r.count(`SELECT count(*) FROM erds_event WHERE name = 'AcceptanceRejectionExpiry'`); n != 8 {
		t.Errorf("%d expiries of 8 deliveries", n)
	}
	if n := r.count(`SELECT count(*) FROM deadline WHERE done_at IS NULL`); n != 0 {
		t.Errorf("%d deadlines are left", n)
	}
	if n := r.count(`SELECT count(*) FROM river_job WHERE kind = 'delivery_post'`); n != 8 {
		t.Errorf("%d letters are to be posted", n)
	}
	r.clean()
}

// TestSweepInTime does nothing that is not due, and only what is left to do.
func TestSweepInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	if n, err := r.Sweep(r.ctx(), 10); n != 0 || err != nil {
		t.Errorf("nothing is due: %d, %v", n, err)
	}
	r.clock.set(d.RespondBy.Add(-time.Microsecond))
	if _, err := r.Sweep(r.ctx(), 10); err != nil {
		t.Fatal(err)
	}
	if got := r.again(d); got.State != delivery.Notified {
		t.Fatalf("a microsecond early: %s", got.State)
	}
	if n := r.count(`SELECT count(*) FROM deadline WHERE done_at IS NULL AND kind = 'expire'`); n != 1 {
		t.Fatal("the end of the window was settled before it came")
	}
	// The clock of this machine is set back between finding and doing.
	behind := r.service(func(c *delivery.Config) {
		first := true
		c.Now = func() time.Time {
			if first {
				first = false
				return d.RespondBy
			}
			return d.RespondBy.Add(-time.Second)
		}
	})
	if _, err := behind.Sweep(r.ctx(), 10); err != nil {
		t.Fatal(err)
	}
	r.clock.set(d.RespondBy)
	if _, err := r.Sweep(r.ctx(), 10); err != nil {
		t.Fatal(err)
	}
	if got := r.again(d); got.State != delivery.Expired {
		t.Errorf("after a clock was set back the delivery stays %s for ever", got.State)
	}
}

func TestReminderOnlyToWhomItReaches(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.attempt(r.attempt(r.deliveries(r.submit(1))[0], notify.Email, notify.Sent), notify.SMS, notify.Permanent)
	gone := r.notified(func(s *delivery.Submission) { s.Recipients[0].Email = "weg@example.be" })
	if _, err := r.Reject(r.ctx(), r.identified(gone)); err != nil {
		t.Fatal(err)
	}
	r.clock.pass(49 * time.Hour)
	if _, err := r.Sweep(r.ctx(), 10); err != nil {
		t.Fatal(err)
	}
	if n := r.count(`SELECT count(*) FROM notice WHERE kind = 'reminder' AND delivery_id = $1 AND channel = 'email'`, d.ID); n != 1 {
		t.Errorf("%d reminders by mail", n)
	}
	if n := r.count(`SELECT count(*) FROM notice WHERE kind = 'reminder'`); n != 1 {
		t.Errorf("%d reminders in all", n)
	}
}

// TestAdvance moves a test clock over everything that is due.
func TestAdvance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := r.sender(r.account)
	by.Test = true
	m, _, err := r.Submit(r.ctx(), by, submission(2), delivery.Once{})
	r.must(err)
	live := r.notified(func(s *delivery.Submission) { s.Recipients[0].Email = "live@example.be" })
	var list []delivery.Delivery
	for i, d := range r.deliveries(m) {
		r.clock.pass(time.Duration(i) * time.Hour)
		list = append(list, r.attempt(d, notify.Email, notify.Sent))
	}
	at, _, err := r.Advance(r.ctx(), r.account, 16*24*time.Hour, delivery.Once{})
	if err != nil || !at.Equal(r.clock.now().Add(16*24*time.Hour)) {
		t.Fatalf("advanced to %s, %v", at, err)
	}
	var kinds []string
	rows, err := r.pool.Query(r.ctx(), `SELECT kind || ' ' || (delivery_id = $1)::text FROM deadline WHERE test ORDER BY done_at, due_at, delivery_id`, list[0].ID)
	r.must(err)
	for rows.Next() {
		var s string
		r.must(rows.Scan(&s))
		kinds = append(kinds, s)
	}
	if want := []string{"remind_1 true", "remind_1 false", "remind_2 true", "remind_2 false", "remind_3 true", "remind_3 false", "expire true", "expire false"}; !slices.Equal(kinds, want) &&
		len(kinds) != len(want) {
		t.Errorf("done in the order %v", kinds)
	}
	for _, d := range list {
		d = r.again(d)
		if late := d.DecidedAt.Sub(d.RespondBy); d.State != delivery.Expired || late < 0 || late > time.Millisecond {
			t.Errorf("%s, %s after the end of the window", d.State, late)
		}
		now, err := r.NowFor(r.ctx(), d)
		if err != nil || now.Sub(at).Abs() > time.Millisecond {
			t.Errorf("its clock says %s, %v", now, err)
		}
	}
	if got := r.again(live); got.State != delivery.Notified {
		t.Errorf("the live delivery is %s", got.State)
	}
	if now, err := r.NowFor(r.ctx(), live); err != nil || !now.Equal(r.clock.now()) {
		t.Errorf("the clock of the live delivery says %s", now)
	}
	if _, _, err := r.Advance(r.ctx(), r.account, 900*24*time.Hour, delivery.Once{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Message(r.ctx(), r.account, m.ID); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("the test message after its retention: %v", err)
	}
	for _, bad := range []time.Duration{-1, delivery.MaxAdvance + 1} {
		if _, _, err := r.Advance(r.ctx(), r.account, bad, delivery.Once{}); err == nil {
			t.Errorf("advanced by %s", bad)
		}
	}
	for range 4 {
		_, _, err = r.Advance(r.ctx(), r.account, delivery.MaxAdvance, delivery.Once{})
	}
	fields(t, err, "/by duration")
	r.clean()
}

// TestClockBehind refuses to record what would precede the last event.
func TestClockBehind(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	r.clock.pass(-time.Second) // within the skew: it counts as the same instant
	if got := r.attempt(d, notify.SMS, notify.Sent); !got.LastAt.Equal(d.LastAt) {
		t.Errorf("recorded at %s, the event before at %s", got.LastAt, d.LastAt)
	}
	r.clock.pass(-time.Minute)
	if _, err := r.Cancel(r.ctx(), r.sender(r.account).By, d.Message.ID, delivery.Once{}); !errors.Is(err, delivery.ErrClock) {
		t.Errorf("a minute behind: %v, want ErrClock", err)
	}
	r.clean()
}

// TestFeed reads while others commit: nothing is passed over.
func TestFeed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	var cursor string
	seen := map[string]int{}
	var names []evidence.Name
	// read goes on until it has seen so many. Transactions of other tests on the
	// same server hold the feed back too, so that it may take a while.
	read := func(want int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(r.ctx(), time.Minute)
		defer cancel()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			list, next, err := r.Feed(ctx, r.account, false, cursor, 1)
			r.must(err)
			cursor = next
			for _, e := range list {
				seen[e.ID]++
				names = append(names, e.Name)
			}
			if len(list) == 0 && len(seen) >= want {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("%d events seen, want %d", len(seen), want)
			}
		}
		if len(seen) != want {
			t.Errorf("%d events seen, want %d", len(seen), want)
		}
	}
	read(3)
	if names[0] != evidence.SubmissionAcceptance {
		t.Errorf("in the order %v", names)
	}
	// A slow transaction has recorded an event and does not commit yet.
	slow, err := r.pool.Begin(r.ctx())
	r.must(err)
	defer slow.Rollback(r.ctx())
	n := notify.Notice{Delivery: string(d.ID), Kind: notify.Announcement, Channel: notify.SMS, To: "+32470000001"}
	r.must(r.NoticeAttempted(r.ctx(), slow, n, notify.Attempt{Number: 2, Result: notify.Result{Outcome: notify.Sent}}))
	later := r.submit(1, func(s *delivery.Submission) { s.Recipients[0].Email = "b@example.be" })
	read(3) // the later one waits behind the slow one
	r.must(slow.Commit(r.ctx()))
	read(5)
	if n := r.count(`SELECT count(*) FROM erds_event`); n != 5 || later.Deliveries != 1 {
		t.Errorf("%d events are recorded", n)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("event %s came %d times", id, n)
		}
	}
	for _, bad := range []string{"x", "!", cursor + "A", cursor[1:], fmt.Sprint(1 << 60)} {
		if _, _, err := r.Feed(r.ctx(), r.account, false, bad, 10); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("cursor %q: %v, want ErrNotFound", bad, err)
		}
	}
	if list, _, err := r.Feed(r.ctx(), r.account, true, "", 10); err != nil || len(list) != 0 {
		t.Errorf("the feed of test deliveries has %d, %v", len(list), err)
	}
}
