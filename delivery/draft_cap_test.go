package delivery_test

import (
	"errors"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// A planned draft of an account that sent what it may today goes the next day by
// itself. Its author is told once for each delay, as long as it waits.
func TestPlannedAtDailyCap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Daily = map[identity.Mode]int{identity.Live: 1}
	d := r.later(r.lotte())
	r.clock.pass(24 * time.Hour)
	r.submit(1)
	for range 3 { // the sweep comes again and again
		if n := r.sendDue(); n != 0 || r.messages() != 1 {
			t.Fatalf("%d sent beyond the cap", n)
		}
		r.clock.pass(2 * time.Minute)
	}
	got, err := r.Draft(r.ctx(), r.account, d.ID)
	r.must(err)
	midnight := r.clock.now().Truncate(24 * time.Hour).Add(24 * time.Hour)
	if got.State != delivery.DraftScheduled || got.Fault != delivery.FaultDailyCap || got.By.Kind == "" || got.SendAt.Before(midnight) || got.SendAt.After(midnight.Add(time.Minute)) {
		t.Errorf("%s %q, at %s instead of %s, by %q", got.State, got.Fault, got.SendAt, midnight, got.By.Kind)
	}
	if n := r.mailed(notify.DraftPostponed); n != 1 || r.mailed(notify.DraftFailed) != 0 {
		t.Errorf("told %d times", n)
	}
	n := notify.Notice{Account: r.account, Kind: notify.DraftPostponed, Ref: string(d.ID)}
	if f, err := r.NoticeFacts(r.ctx(), n); err != nil || !f.Until.Equal(got.SendAt) {
		t.Errorf("says %+v, %v", f, err)
	}
	r.clock.pass(24 * time.Hour)
	if n := r.sendDue(); n != 1 || r.messages() != 2 || r.count(`SELECT count(*) FROM draft`) != 0 {
		t.Errorf("%d sent the next day", n)
	}
	_, err = r.NoticeFacts(r.ctx(), n)
	r.fails("about a draft that went", err, notify.ErrStale)
}

// A draft that its author sends now is back with the author when the account may
// send no more: it does not go unseen the next day.
func TestSentAtDailyCap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Daily = map[identity.Mode]int{identity.Live: 1}
	r.submit(1)
	d := r.draft(r.lotte())
	if _, err := r.SendDraft(r.ctx(), r.lotte(), d.ID, delivery.Sending{}); !errors.Is(err, delivery.ErrDailyCap) {
		t.Errorf("sent: %v", err)
	}
	r.clock.pass(48 * time.Hour)
	got, err := r.Draft(r.ctx(), r.account, d.ID)
	if n := r.sendDue(); err != nil || n != 0 || got.State != delivery.DraftOpen || got.Fault != "" || r.mailed(notify.DraftPostponed) != 0 {
		t.Errorf("%d sent, %s %q, %v", n, got.State, got.Fault, err)
	}
}
