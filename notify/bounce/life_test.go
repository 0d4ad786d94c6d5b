package bounce_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/mtatest"
)

// mailed reports whether an event is about the announcement by e-mail.
func mailed(e evidence.Event, n evidence.Name) bool {
	return e.Name == n && detail(e, "channel") == "email"
}

// heard waits for an event about the mail.
func heard(n evidence.Name, key, value string) func(delivery.Delivery, []evidence.Event) bool {
	return func(_ delivery.Delivery, events []evidence.Event) bool {
		return slices.ContainsFunc(events, func(e evidence.Event) bool { return mailed(e, n) && detail(e, key) == value })
	}
}

func lost(d delivery.Delivery, _ []evidence.Event) bool { return d.Email == delivery.ReachFailed }

// What real mail servers say of an announcement reaches evidence and decides what
// happens next, from the queue to the letter.
func TestLife(t *testing.T) {
	t.Parallel()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t, start)
			box := w.submit("an@box.example", "+32470000001")
			plain := w.submit("an@plain.example", "+32470000001")
			dsn := w.submit("an@dsn.example", "+32470000001")
			unknown := w.submit("an@unknown.example", "+32470000001")
			nobody := w.submit("jan@unknown.example", "+32470000099")
			full := w.submit("an@full.example", "+32470000001")
			policy := w.submit("an@policy.example", "+32470000001")
			busy := w.submit("an@busy.example", "+32470000001")

			w.until(box, "the mailbox has it", heard(evidence.NotificationDelivered, "rung", "N3"))
			w.until(plain, "the far side has it", heard(evidence.NotificationDelivered, "rung", "N2"))
			for d, reason := range map[*delivery.Delivery]string{&unknown: "address_unknown", &full: "mailbox_full", &policy: "technical", &busy: "address_unreachable"} {
				now := w.until(*d, "the mail came back", lost)
				i := slices.IndexFunc(w.events(now), func(e evidence.Event) bool { return mailed(e, evidence.NotificationForAcceptanceFailure) })
				if e := w.events(now)[i]; now.State != delivery.Notified || e.Reasons[0].Code != reason || len(detail(e, "report_sha256")) != 64 || detail(e, "reporter") != "dsn" {
					t.Errorf("%s: %s, %+v", d.Recipient.Email, now.State, e)
				}
			}
			// Exim warns of delays too, but not of a mail that says that a machine wrote it.
			if told := w.history(busy); name == "postfix" && (len(told.Reports) < 2 || told.Reports[0].Fact != notify.Delayed) {
				t.Errorf("no delay before the failure: %+v", told.Reports)
			}
			if now := w.until(nobody, "nothing reached", func(d delivery.Delivery, _ []evidence.Event) bool { return d.Undeliverable() }); now.State != delivery.Notified || now.DecidedAt.IsZero() {
				t.Errorf("%+v", now)
			}
			if n := w.count(`SELECT count(*) FROM river_job WHERE kind = 'delivery_post'`); n != 1 {
				t.Errorf("%d letters begun", n)
			}
			if n := w.count(`SELECT count(*) FROM notice WHERE kind = 'receipt' AND ref = 'undeliverable' AND delivery_id = $1`, string(nobody.ID)); n != 1 {
				t.Errorf("%d receipts", n)
			}
			w.suppressed(unknown)
			for _, d := range []delivery.Delivery{box, plain, dsn, unknown, nobody, full, policy, busy} {
				w.once(d)
			}
			_, err := w.Fsck(context.Background(), func(f delivery.Fault) { t.Error("fsck: " + f.What) })
			w.must(err)
		})
	}
}

// suppressed holds that an address that came back is not dialled again, and that
// no other is held back.
func (w *town) suppressed(d delivery.Delivery) {
	w.t.Helper()
	again := w.until(w.submit(d.Recipient.Email, "+32470000001"), "it is not tried", lost)
	told := w.history(again)
	if len(told.Attempts) != 1 || told.Attempts[0].Result.Reply != notify.SuppressedReply+"address" || told.Attempts[0].Result.Remote != "" ||
		!strings.Contains(string(told.Attempts[0].Result.Trace), "address") {
		w.t.Errorf("%+v", told.Attempts)
	}
	list, err := w.suppress.List(context.Background(), 100)
	w.must(err)
	if len(list) != 2 { // the two at unknown.example
		w.t.Errorf("%+v", list)
	}
}

// once holds that nothing was recorded twice.
func (w *town) once(d delivery.Delivery) {
	w.t.Helper()
	seen := map[string]int{}
	for _, e := range w.events(d) {
		if e.Name == evidence.NotificationDelivered || e.Name == evidence.NotificationForAcceptanceFailure {
			seen[string(e.Name)+" "+detail(e, "channel")+" "+detail(e, "rung")]++
		}
	}
	for what, n := range seen {
		if n != 1 {
			w.t.Errorf("%s: %s %d times", d.Recipient.Email, what, n)
		}
	}
}

// An address that no hop takes makes the channel unusable, and speaks against
// nobody.
func TestInternationalAddress(t *testing.T) {
	t.Parallel()
	w := newTown(t, servers["postfix"])
	d := w.until(w.submit("bö@plain.example", "+32470000001"), "the mail came back", lost)
	if told := w.history(d); len(told.Reports) != 1 || told.Reports[0].Status != "5.6.7" || told.Reports[0].Cause != notify.CauseOther {
		t.Errorf("%+v", told.Reports)
	}
	if list, err := w.suppress.List(context.Background(), 10); err != nil || len(list) != 0 {
		t.Errorf("%+v (%v)", list, err)
	}
}

// Whatever a forger knows or guesses, no delivery moves.
func TestForgedReports(t *testing.T) {
	t.Parallel()
	w := newTown(t, func(t testing.TB, _ mtatest.Config) *mtatest.Server { return &mtatest.Server{Addr: mtatest.Sink(t)} })
	d := w.until(w.submit("an@plain.example", "+32470000001"), "it was sent", func(d delivery.Delivery, _ []evidence.Event) bool {
		return d.Email == delivery.ReachSent && d.SMS == delivery.ReachSent
	})
	n := w.history(d).Notice
	path := func(notice string, attempt int) string {
		p, err := notify.ReturnPath(domain, key, notice, attempt)
		w.must(err)
		return p
	}
	right := path(n.ID, 1)
	of := func(addr string) string { return status(strings.ReplaceAll(failedGroup, "an@example.be", addr)) }
	before := d.Seq
	for name, m := range map[string]struct{ to, text string }{
		"a guessed mac":             {right[:len(right)-len(domain)-3] + "aa@" + domain, of("an@plain.example")},
		"another recipient":         {right, of("eve@plain.example")},
		"another recipient, hidden": {right, of("eve@plain.example") + "an@plain.example"},
		"a notice of nobody":        {path(aNotice, 1), of("an@plain.example")},
		"an attempt never made":     {path(n.ID, 2), of("an@plain.example")},
		"no action":                 {right, strings.Replace(of("an@plain.example"), "Action: failed", "Action: perhaps", 1)},
		"a disposition":             {right, strings.ReplaceAll(of("an@plain.example"), "delivery-status", "disposition-notification")},
		"an absence note":           {right, "Auto-Submitted: auto-replied\nSubject: away\n\nI am away.\n"},
		"a complaint":               {right, arf("abuse")},
		"a delay":                   {right, strings.Replace(of("an@plain.example"), "Action: failed", "Action: delayed", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			err := send(t, w.back, m.to, m.text)
			if c := code(err); c != 250 && c != 550 {
				t.Errorf("%v", err)
			}
			now, err := w.Delivery(t.Context(), w.account, d.ID)
			w.must(err)
			if now.Seq != before || now.Email != delivery.ReachSent || now.State != delivery.Notified {
				t.Errorf("%s, e-mail %s, events %v", now.State, now.Email, w.names(d))
			}
		})
	}
	if n := w.count(`SELECT count(*) FROM suppression WHERE reason = 'address'`); n != 0 {
		t.Errorf("%d addresses suppressed", n)
	}
	// And the true one, three times, counts once.
	for range 3 {
		w.must(send(t, w.back, right, of("AN@plain.example")))
	}
	now := w.until(d, "it came back", lost)
	if now.Seq != before+1 {
		t.Errorf("events %v", w.names(d))
	}
	if n := w.count(`SELECT count(*) FROM notify_report WHERE fact = 'failed'`); n != 1 {
		t.Errorf("%d failures kept", n)
	}
}
