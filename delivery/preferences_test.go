package delivery_test

import (
	"errors"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// member lets the person of the account be one of its members.
func (r *rig) member() {
	r.t.Helper()
	r.exec(`INSERT INTO membership (account_id, person_id, role, created_at, created_by) VALUES ($1, $1, 'administrator', $2, 't')`, r.account, r.clock.now())
}

// toLotte counts what a member is told.
func (r *rig) toLotte(kind notify.Kind, ref string) int {
	r.t.Helper()
	return r.count(`SELECT count(*) FROM notice WHERE kind = $1 AND address = 'Lotte@zilverlinde.example' AND ref LIKE $2`, kind, ref)
}

// Who chose to be told at once is told of that event, in that account, and of
// nothing else.
func TestTellAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.member()
	r.must(r.Prefer(t.Context(), r.account, r.account, delivery.Preferences{delivery.EventCollected: delivery.TellAtOnce, delivery.EventFailed: delivery.TellAtOnce, delivery.EventRefused: delivery.TellNot}))
	d := r.notified()
	if n := r.toLotte(notify.Receipt, "%"); n != 0 {
		t.Errorf("told %d times before anything happened", n)
	}
	c := r.identified(d)
	_, err := r.Accept(t.Context(), c)
	r.must(err)
	if n := r.toLotte(notify.Receipt, "accepted"); n != 1 {
		t.Errorf("told of the acceptance %d times", n)
	}
	failed := r.deliveries(r.submit(1))[0]
	r.attempt(failed, notify.Email, notify.Permanent)
	if n := r.toLotte(notify.Receipt, "undeliverable"); n != 0 {
		t.Error("told although one way is left")
	}
	r.attempt(failed, notify.SMS, notify.Permanent)
	if n := r.toLotte(notify.Receipt, "undeliverable"); n != 1 {
		t.Errorf("told that nobody was reached %d times", n)
	}
	refused := r.notified()
	_, err = r.Reject(t.Context(), r.identified(refused))
	r.must(err)
	if n := r.toLotte(notify.Receipt, "%"); n != 2 || r.count(`SELECT count(*) FROM sender_event`) != 0 {
		t.Errorf("told %d times in all, want 2", n)
	}
}

// A daily mail comes once a day, says how often what happened, and nothing when
// nothing did.
func TestTellDaily(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.member()
	r.must(r.Prefer(t.Context(), r.account, r.account, delivery.Preferences{delivery.EventCollected: delivery.TellDaily, delivery.EventSoon: delivery.TellDaily}))
	day := func(want int) {
		t.Helper()
		if n, err := r.TellDaily(t.Context(), 10); err != nil || n != want {
			t.Errorf("told %d, %v, want %d", n, err, want)
		}
	}
	for range 2 {
		_, err := r.Accept(t.Context(), r.identified(r.notified()))
		r.must(err)
	}
	_, err := r.Reject(t.Context(), r.identified(r.notified()))
	r.must(err)
	day(0)
	r.clock.pass(23 * time.Hour)
	day(0)
	r.clock.pass(time.Hour)
	day(1)
	day(0)
	if n := r.toLotte(notify.DailyReport, "collected=2"); n != 1 {
		t.Errorf("no mail that says two: %d", r.toLotte(notify.DailyReport, "%"))
	}
	r.clock.pass(24 * time.Hour)
	day(0)
	soon := r.notified()
	r.put(soon, `respond_by = '`+r.clock.now().Add(60*time.Hour).Format(time.RFC3339)+`'`)
	r.clock.pass(24 * time.Hour)
	day(1)
	if n := r.toLotte(notify.DailyReport, "soon=1"); n != 1 {
		t.Errorf("no mail of what ends soon: %d", n)
	}
	r.exec(`DELETE FROM membership WHERE person_id = $1`, r.account)
	r.clock.pass(7 * 24 * time.Hour)
	day(0)
	if r.count(`SELECT count(*) FROM sender_preference`)+r.count(`SELECT count(*) FROM sender_event`) != 0 {
		t.Error("who left is told, or lines are kept for nobody")
	}
}

func TestPreferRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.member()
	for name, p := range map[string]delivery.Preferences{"an unknown event": {"lost": delivery.TellDaily}, "an unknown time": {delivery.EventRefused: "hourly"}, "soon at once": {delivery.EventSoon: delivery.TellAtOnce}} {
		if _, ok := errors.AsType[delivery.FieldErrors](r.Prefer(t.Context(), r.account, r.account, p)); !ok {
			t.Errorf("%s is taken", name)
		}
	}
	if err := r.Prefer(t.Context(), r.newAccount(), r.account, delivery.Preferences{delivery.EventRefused: delivery.TellDaily}); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("somebody of another account: %v", err)
	}
}
