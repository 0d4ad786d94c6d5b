package delivery_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// count is how often an event happened.
func count(names []evidence.Name, n evidence.Name) (times int) {
	for _, x := range names {
		if x == n {
			times++
		}
	}
	return times
}

// expired is a delivery whose window is over, as the sweep left it.
func (r *rig) expired(change ...func(*delivery.Submission)) delivery.Delivery {
	r.t.Helper()
	d := r.notified(change...)
	r.clock.set(d.RespondBy)
	_, err := r.Sweep(r.ctx(), 100)
	r.must(err)
	return r.again(d)
}

// TestLateBeforeHandOver shows a message that is collected after its window and
// before its letter: no letter is made.
func TestLateBeforeHandOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.expired()
	r.clock.pass(time.Second)
	c := r.identified(d)
	after, err := r.Accept(r.ctx(), c)
	r.must(err)
	if after.State != delivery.Consigned {
		t.Fatalf("late acceptance: %s", after.State)
	}
	r.must(r.PostNow(r.ctx(), d.ID))
	if len(r.partner.letters) != 0 {
		t.Error("a letter was made for a message that was collected")
	}
	if d = r.read(c, d.Message); d.State != delivery.HandedOver {
		t.Errorf("state %s", d.State)
	}
	if n := r.count(`SELECT count(*) FROM notice WHERE delivery_id = $1 AND kind = 'receipt' AND ref IN ('expired', 'accepted')`, d.ID); n != 2 {
		t.Errorf("the sender was told %d times of the end of the window and the late acceptance", n)
	}
	r.clean()
}

// TestLateBeforeSweep shows that it makes no difference whether the sweep ran.
func TestLateBeforeSweep(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	c := r.identified(d)
	r.clock.set(d.RespondBy.Add(time.Minute))
	if _, err := r.Reject(r.ctx(), c); !errors.Is(err, delivery.ErrWindowClosed) {
		t.Fatalf("a refusal after the window: %v", err)
	}
	_, err := r.Accept(r.ctx(), c)
	r.must(err)
	names := r.names(d)
	expiry, acceptance := slices.Index(names, evidence.AcceptanceRejectionExpiry), slices.Index(names, evidence.ConsignmentAcceptance)
	if expiry < 0 || acceptance < expiry || count(names, evidence.AcceptanceRejectionExpiry) != 1 {
		t.Errorf("events %v", names)
	}
	r.clean()
}

// noPaper leads to no letter.
func noPaper(s *delivery.Submission) {
	s.Policy.Fallback, s.Policy.PostAtOnce = delivery.FallbackNone, false
}

// TestLateNeedsPaper shows that a window that leads to no letter stays closed.
func TestLateNeedsPaper(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified(noPaper)
	c := r.identified(d)
	r.clock.set(d.RespondBy)
	if _, err := r.Accept(r.ctx(), c); !errors.Is(err, delivery.ErrWindowClosed) {
		t.Fatalf("acceptance: %v", err)
	}
	if d = r.again(d); d.State != delivery.Notified {
		t.Errorf("state %s", d.State)
	}
	r.clean()
}

// TestLateAtHandOver collects while the partner is being given the letter: both
// are recorded, and the letter is cancelled or stands.
func TestLateAtHandOver(t *testing.T) {
	t.Parallel()
	for name, tooLate := range map[string]bool{"in time": false, "too late": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.expired()
			c := r.identified(d)
			r.partner.late = tooLate
			r.partner.during = func() {
				if _, err := r.Accept(r.ctx(), c); err != nil {
					t.Errorf("accept: %v", err)
				}
			}
			r.must(r.PostNow(r.ctx(), d.ID))
			d = r.again(d)
			if names := r.names(d); d.State != delivery.Consigned || d.Post == nil || names[len(names)-1] != evidence.RelayToNonERDS {
				t.Fatalf("state %s, letter %v, events %v", d.State, d.Post, names)
			}
			for range 2 { // a job may run twice
				r.must(r.CancelPostNow(r.ctx(), d.ID))
			}
			d = r.again(d)
			if got := count(r.names(d), evidence.PostalItemCancelled); (got == 1) == tooLate || d.Post.Ended() == tooLate {
				t.Errorf("cancelled %d times, letter %+v", got, d.Post)
			}
			r.clean()
		})
	}
}

// TestLateAfterCrash dies after the partner got the letter and before that was
// recorded; the recipient collects; the next run still finds the letter.
func TestLateAfterCrash(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.expired()
	r.exec(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'killed'; END $$`)
	r.exec(`CREATE TRIGGER die BEFORE INSERT ON letter FOR EACH ROW EXECUTE FUNCTION die()`)
	if err := r.PostNow(r.ctx(), d.ID); err == nil {
		t.Fatal("the hand-over was recorded")
	}
	r.exec(`DROP TRIGGER die ON letter`)
	first := r.partner.letters[0]
	c := r.identified(d)
	_, err := r.Accept(r.ctx(), c)
	r.must(err)
	r.must(r.PostNow(r.ctx(), d.ID))
	if again := r.partner.letters[1]; again.Reason != first.Reason || !again.DecidedAt.Equal(first.DecidedAt) {
		t.Errorf("the second try is another letter: %q %s, %q %s", first.Reason, first.DecidedAt, again.Reason, again.DecidedAt)
	}
	if d = r.again(d); d.State != delivery.Consigned || d.Post == nil {
		t.Errorf("state %s, letter %v", d.State, d.Post)
	}
	r.must(r.PostNow(r.ctx(), d.ID))
	if len(r.partner.letters) != 2 {
		t.Error("a letter was made once more")
	}
	r.clean()
}

// TestBothWaysStand collects a message whose letter is on its way: what the
// postal operator says is recorded beside, and the evidence says which came first.
func TestBothWaysStand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.expired()
	r.must(r.PostNow(r.ctx(), d.ID))
	d = r.again(d)
	report := func(s delivery.PostStatus) {
		r.partner.say(delivery.PostReport{ID: string(s), Item: d.Post.Item, Status: s, Tracking: "323212345678", At: r.clock.now()})
		r.must(r.ReadPost(r.ctx()))
		d = r.again(d)
	}
	report(delivery.PostAccepted)
	if d.State != delivery.Posted || d.Post.Tracking != "323212345678" {
		t.Fatalf("state %s, letter %+v", d.State, d.Post)
	}
	if n := r.count(`SELECT count(*) FROM notice WHERE delivery_id = $1 AND kind = 'letter_posted'`, d.ID); n != 1 {
		t.Errorf("the recipient was told %d times that the letter is with the post", n)
	}
	c := r.identified(d)
	_, err := r.Accept(r.ctx(), c)
	r.must(err)
	r.partner.late = true
	r.must(r.CancelPostNow(r.ctx(), d.ID))
	if d = r.read(c, d.Message); d.State != delivery.HandedOver {
		t.Fatalf("state %s", d.State)
	}
	report(delivery.PostDelivered)
	names := r.names(d)
	if d.State != delivery.HandedOver || slices.Index(names, evidence.ContentHandover) > slices.Index(names, evidence.PostalItemDelivered) {
		t.Errorf("state %s, events %v", d.State, names)
	}
	if _, err := r.Accept(r.ctx(), c); !errors.Is(err, delivery.ErrDecided) {
		t.Errorf("a second acceptance: %v", err)
	}
	r.clean()
}

// TestArrivedIsOver shows that a letter that arrived, or came back, ends it.
func TestArrivedIsOver(t *testing.T) {
	t.Parallel()
	for _, s := range []delivery.PostStatus{delivery.PostDelivered, delivery.PostReturned, delivery.PostLost} {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.expired()
			r.must(r.PostNow(r.ctx(), d.ID))
			d = r.again(d)
			c := r.identified(d)
			r.partner.say(delivery.PostReport{ID: "1", Item: d.Post.Item, Status: s, Cause: "unclaimed", At: r.clock.now()})
			r.must(r.ReadPost(r.ctx()))
			if _, err := r.Accept(r.ctx(), c); !errors.Is(err, delivery.ErrWindowClosed) {
				t.Errorf("acceptance: %v", err)
			}
			r.clean()
		})
	}
}

// TestReportsInAnyOrder tells what a postal operator says in every order of
// arrival: what is known never goes back, nothing is lost, nothing counts twice.
func TestReportsInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, order := range [][]delivery.PostStatus{
		{delivery.PostAcknowledged, delivery.PostPrinted, delivery.PostAccepted, delivery.PostPresented, delivery.PostAwaiting, delivery.PostDelivered},
		{delivery.PostDelivered, delivery.PostAccepted, delivery.PostPrinted},
		{delivery.PostPrinted, delivery.PostAcknowledged, delivery.PostDelivered, delivery.PostDelivered, delivery.PostReturned},
		{delivery.PostAwaiting, delivery.PostAwaiting, delivery.PostDelivered, delivery.PostAwaiting},
	} {
		t.Run(string(order[0])+"-"+string(order[1]), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.expired()
			r.must(r.PostNow(r.ctx(), d.ID))
			d = r.again(d)
			before, distinct := len(r.names(d)), map[delivery.PostStatus]bool{}
			for i, s := range order {
				distinct[s] = true
				r.partner.say(delivery.PostReport{ID: strings.Repeat("x", i+1), Item: d.Post.Item, Status: s, At: r.clock.now().Add(-time.Duration(i) * time.Hour)})
				r.must(r.ReadPost(r.ctx()))
			}
			d = r.again(d)
			if d.State != delivery.DeliveredByPost || d.Post.Status != delivery.PostDelivered {
				t.Errorf("state %s, letter %+v", d.State, d.Post)
			}
			if got := len(r.names(d)) - before; got != len(distinct) {
				t.Errorf("%d events of %d different reports", got, len(distinct))
			}
			r.clean()
		})
	}
}

// TestLateFailure reaches nobody after all: the announcement was taken, and later
// both channels said that it failed. It goes on paper without waiting, and the
// recipient may still collect.
func TestLateFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	r.exec(`UPDATE delivery SET email = 'failed', sms = 'failed' WHERE id = $1`, d.ID)
	if d = r.again(d); d.PostReason() != "undeliverable" {
		t.Fatalf("reason %q", d.PostReason())
	}
	r.must(r.PostNow(r.ctx(), d.ID))
	if d = r.again(d); d.State != delivery.Posting || !d.Late() || r.count(`SELECT count(*) FROM deadline WHERE delivery_id = $1 AND done_at IS NULL`, d.ID) != 0 {
		t.Errorf("state %s, late %t", d.State, d.Late())
	}
	r.clean()
}

// TestLastTry has a date to keep and reaches nobody, though every try is still
// under way: it goes on paper in time all the same.
func TestLastTry(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := delivery.DateOf(r.clock.now(), brussels(t)).AddDays(12)
	m := r.submit(1, func(s *delivery.Submission) { s.Policy.ServeBy = by.String() })
	d := r.deliveries(m)[0]
	last := d.Message.Policy.LastPaper
	r.clock.set(last.Add(-2*time.Hour - time.Second))
	if n, err := r.Sweep(r.ctx(), 10); n != 0 || err != nil {
		t.Fatalf("a second too early: %d, %v", n, err)
	}
	d = r.attempt(d, notify.Email, notify.Temporary)
	r.clock.pass(time.Second)
	if n, err := r.Sweep(r.ctx(), 10); n != 1 || err != nil {
		t.Fatalf("sweep: %d, %v", n, err)
	}
	if d = r.again(d); d.State != delivery.Expired || d.PostReason() != "undeliverable" {
		t.Fatalf("state %s, on paper because %q", d.State, d.PostReason())
	}
	r.must(r.PostNow(r.ctx(), d.ID))
	if d = r.again(d); d.State != delivery.Posting || d.Post.At.After(last) {
		t.Errorf("state %s, with the partner at %s, last moment %s", d.State, d.Post.At, last)
	}
	r.clean()
}

// TestLastTryMadePointless is told in time: the deadline of the date gives way to
// the window's.
func TestLastTryMadePointless(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := delivery.DateOf(r.clock.now(), brussels(t)).AddDays(40)
	d := r.notified(func(s *delivery.Submission) { s.Policy.ServeBy = by.String() })
	var due time.Time
	r.must(r.pool.QueryRow(r.ctx(), `SELECT due_at FROM deadline WHERE delivery_id = $1 AND kind = 'expire'`, d.ID).Scan(&due))
	if !due.Equal(d.RespondBy) || r.count(`SELECT count(*) FROM deadline WHERE delivery_id = $1 AND kind = 'expire'`, d.ID) != 1 {
		t.Errorf("due %s, window ends %s", due, d.RespondBy)
	}
	r.clean()
}
