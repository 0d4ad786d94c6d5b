package notify_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/notify"
)

func account(k notify.Kind) func(*notify.Notice) {
	return func(n *notify.Notice) { n.Kind, n.Delivery = k, "" }
}

func TestSuppression(t *testing.T) {
	t.Parallel()
	d, n := sentOnce(t)
	ctx := context.Background()
	next := &scripted{results: []notify.Result{{Outcome: notify.Sent}}}
	guard := d.suppressions.Guard(next)
	deliver := func(to string, change ...func(*notify.Notice)) notify.Result {
		t.Helper()
		r, _ := guard.Deliver(ctx, notify.Message{Notice: d.notice(to, change...)})
		return r
	}
	held := func(why notify.Why, r notify.Result) {
		t.Helper()
		if r.Outcome != notify.Permanent || r.Reply != notify.SuppressedReply+string(why) || !strings.Contains(string(r.Trace), string(why)) {
			t.Errorf("not held back for %s: %+v", why, r)
		}
	}
	goes := func(r notify.Result) {
		t.Helper()
		if r.Outcome != notify.Sent {
			t.Errorf("held back: %+v", r)
		}
	}
	goes(deliver(n.To))
	d.report(nil, report(n, func(r *notify.Report) { r.Fact, r.Rung = notify.Complained, notify.RungAccepted }))
	goes(deliver(n.To))                              // a registered notice overrides a complaint
	goes(deliver(n.To, account(notify.ContactCode))) // what somebody waits for
	goes(deliver(n.To, account(notify.RecoveryStarted)))
	held(notify.Complaint, deliver(n.To, account(notify.ApplicationReceived)))
	d.report(nil, report(n, failed(notify.CauseFull)))
	d.report(nil, report(n, failed(notify.CauseOurs)))
	d.report(nil, report(n, failed(notify.CauseUnreachable)))
	goes(deliver(n.To)) // nothing of that is about the address
	d.report(nil, report(n, failed(notify.CauseAddress)))
	for _, to := range []string{n.To, strings.ToUpper(n.To)} {
		held(notify.BadAddress, deliver(to))
		held(notify.BadAddress, deliver(to, account(notify.ContactCode)))
	}
	goes(deliver("ann@example.be"))
	goes(deliver("+32470000001")) // the other channel
	if list, err := d.suppressions.List(ctx, 10); err != nil || len(list) != 2 || list[0].Address != list[1].Address || strings.Contains(list[0].Address, "@") {
		t.Errorf("%+v (%v)", list, err)
	}
	d.clock.ahead.Add(int64(31 * 24 * time.Hour))
	goes(deliver(n.To)) // a failure is forgotten, a complaint is not
	held(notify.Complaint, deliver(n.To, account(notify.ApplicationReceived)))
	if gone, err := d.suppressions.Sweep(ctx); gone != 1 || err != nil {
		t.Errorf("%d swept (%v)", gone, err)
	}
	if gone, err := d.suppressions.Remove(ctx, notify.Email, n.To); gone != 1 || err != nil {
		t.Errorf("%d removed (%v)", gone, err)
	}
	goes(deliver(n.To, account(notify.ApplicationReceived)))
}

// A later reason that ends sooner does not shorten the first.
func TestSuppressionLasts(t *testing.T) {
	t.Parallel()
	d, _ := sentOnce(t)
	now := d.clock.now("").UTC().Truncate(time.Microsecond)
	for _, until := range []time.Time{now.Add(time.Hour), now.Add(3 * time.Hour), now.Add(2 * time.Hour)} {
		err := pgx.BeginFunc(context.Background(), d.pool, func(tx pgx.Tx) error {
			return d.suppressions.Add(context.Background(), tx, notify.Suppression{Channel: notify.Email, Reason: notify.Asked, Since: now, Until: until}, "an@bücher.example")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	found, err := d.suppressions.Of(context.Background(), notify.Email, "An@XN--bcher-kva.example")
	if err != nil || len(found) != 1 || !found[0].Until.Equal(now.Add(3*time.Hour)) {
		t.Errorf("%+v (%v)", found, err)
	}
}

// Where it cannot be known whether an address may be written to, it is not.
func TestSuppressionUnknown(t *testing.T) {
	t.Parallel()
	d, n := sentOnce(t)
	next := &scripted{results: []notify.Result{{Outcome: notify.Sent}}}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, _ := d.suppressions.Guard(next).Deliver(ctx, notify.Message{Notice: n}); r.Outcome != notify.Technical || len(next.messages()) != 0 {
		t.Errorf("%+v", r)
	}
	for _, cfg := range []notify.SuppressionsConfig{{}, {Pool: d.pool}, {Pool: d.pool, Key: bytes.Repeat([]byte{1}, 31)}} {
		if _, err := notify.NewSuppressions(cfg); err == nil {
			t.Error("made without a key or pool")
		}
	}
}

// Who refused electronic delivery is announced nothing, and still gets what belongs
// to a message that they take part in.
func TestSuppressionAsked(t *testing.T) {
	t.Parallel()
	d, n := sentOnce(t)
	err := pgx.BeginFunc(t.Context(), d.pool, func(tx pgx.Tx) error {
		return d.suppressions.Add(t.Context(), tx, notify.Suppression{Channel: notify.Email, Reason: notify.Asked, Since: d.clock.now("")}, n.To)
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind, goes := range map[notify.Kind]bool{notify.Announcement: false, notify.Reminder: false, notify.DelegateNamed: false,
		notify.Code: true, notify.Accepted: true, notify.OnlineRefused: true} {
		next := &scripted{results: []notify.Result{{Outcome: notify.Sent}}}
		n.Kind = kind
		r, _ := d.suppressions.Guard(next).Deliver(t.Context(), notify.Message{Notice: n})
		if (r.Outcome == notify.Sent) != goes || (len(next.messages()) == 1) != goes {
			t.Errorf("%s: %+v", kind, r)
		}
	}
}
