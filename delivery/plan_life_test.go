package delivery_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// serveBy makes a submission that has to meet a date. Tests submit on Friday 20
// November 2026 at ten o'clock.
func serveBy(date string, change ...func(*delivery.Policy)) func(*delivery.Submission) {
	return func(s *delivery.Submission) { s.Policy = by(date, change...) }
}

func (r *rig) planned(d delivery.Delivery, want ...string) {
	r.t.Helper()
	plan, err := r.PlanFor(r.ctx(), r.again(d))
	r.must(err)
	if got, want := said(plan, brussels(r.t)), strings.Join(want, "\n"); got != want {
		r.t.Errorf("plan\n%s\nwant\n%s", got, want)
	}
}

func (r *rig) sweepAt(at time.Time) {
	r.t.Helper()
	r.clock.set(at)
	_, err := r.Sweep(r.ctx(), 100)
	r.must(err)
}

// TestPlanOfLife follows a delivery to its end on paper: what was planned
// becomes what happened.
func TestPlanOfLife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.deliveries(r.submit(1, serveBy("2026-12-03")))[0]
	end := []string{"serve_by 2026-12-03", "removed 2028-11-30", "last 2026-11-30T10:00", "be-53bis-2@1"}
	coming := []string{"remind 2026-11-22T10:00", "remind 2026-11-25T08:00", "remind 2026-11-28T08:00",
		"end 2026-11-30T00:00", "hand_over 2026-11-30T00:00", "posted 2026-11-30", "served 2026-12-03"}
	r.planned(d, append(append([]string{"notify 2026-11-20T10:00"}, coming...), end...)...)
	d = r.attempt(d, notify.Email, notify.Sent)
	if want := at(t, "2026-11-30T00:00"); !d.RespondBy.Equal(want) || d.Message.Policy.TermRule != "be-53bis-2@1" {
		t.Fatalf("ends %s by %s, want %s", d.RespondBy, d.Message.Policy.TermRule, want)
	}
	r.planned(d, append(append([]string{"notify! 2026-11-20T10:00"}, coming...), end...)...)
	r.sweepAt(at(t, "2026-11-25T09:00"))
	past := []string{"notify! 2026-11-20T10:00", "remind! 2026-11-22T10:00", "remind! 2026-11-25T08:00"}
	r.planned(d, append(append(past, coming[2:]...), end...)...)
	r.sweepAt(d.RespondBy)
	past = append(past, "remind! 2026-11-28T08:00", "end! 2026-11-30T00:00")
	r.planned(d, append(append(past, "hand_over 2026-11-30T00:00", "posted 2026-11-30", "served 2026-12-03"), end...)...)
	r.clock.pass(5 * time.Minute)
	r.must(r.PostNow(r.ctx(), d.ID))
	past = append(past, "hand_over! 2026-11-30T00:05")
	r.planned(d, append(append(past, "posted 2026-11-30", "served 2026-12-03"), end...)...)

	// The partner was slower than it promised.
	r.report(d, delivery.PostAccepted, "2026-12-01T17:00")
	late := []string{"posted! 2026-12-01", "serve_by 2026-12-03", "served 2026-12-04", "removed 2028-12-01", "last 2026-11-30T10:00", "be-53bis-2@1"}
	r.planned(d, append(past, late...)...)
	plan, err := r.PlanFor(r.ctx(), r.again(d))
	r.must(err)
	if !plan.Late() {
		t.Error("nobody is told that it is late")
	}
	r.clock.set(at(t, "2026-12-04T00:00"))
	late[1], late[2] = "serve_by! 2026-12-03", "served! 2026-12-04"
	r.planned(d, append(past, late...)...)
	r.clean()
}

// report tells what the postal operator said of d's letter, at that time.
func (r *rig) report(d delivery.Delivery, s delivery.PostStatus, when string) {
	r.t.Helper()
	r.clock.set(at(r.t, when))
	report := delivery.PostReport{ID: evidence.NewID(), Item: r.again(d).Post.Item, Status: s, At: r.clock.now()}
	_, err := r.Move(r.ctx(), d.ID, func(d delivery.Delivery, at time.Time) (delivery.Move, error) { return d.Reported(report, at) })
	r.must(err)
}

// TestPlanOfPresented dates by the door when the rule does.
func TestPlanOfPresented(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified(serveBy("2026-12-11", func(p *delivery.Policy) { p.TermRule = "be-53bis-1" }))
	r.sweepAt(d.RespondBy)
	r.must(r.PostNow(r.ctx(), d.ID))
	served := func(want string, done bool) {
		t.Helper()
		plan, err := r.PlanFor(r.ctx(), r.again(d))
		r.must(err)
		s, _ := plan.Step(delivery.PlanServed)
		if got := delivery.DateOf(s.At, r.Zone).String(); got != want || s.Done != done {
			t.Errorf("served %s (%t), want %s (%t)", got, s.Done, want, done)
		}
	}
	served("2026-12-11", false)
	r.report(d, delivery.PostAccepted, "2026-12-07T18:00")
	served("2026-12-11", false)
	r.report(d, delivery.PostPresented, "2026-12-08T23:30") // another day in Greenwich
	served("2026-12-09", false)
	r.report(d, delivery.PostDelivered, "2026-12-10T11:00") // at the counter: the day it was brought counts
	served("2026-12-09", true)
}

// TestPlanEnds: what will not happen is not planned.
func TestPlanEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	has := func(name string, d delivery.Delivery, want ...delivery.PlanKind) {
		t.Helper()
		plan, err := r.PlanFor(r.ctx(), r.again(d))
		r.must(err)
		var kinds, wanted []string
		for _, s := range plan.Steps {
			kinds = append(kinds, string(s.Kind))
		}
		for _, k := range want {
			wanted = append(wanted, string(k))
		}
		if strings.Join(kinds, " ") != strings.Join(wanted, " ") {
			t.Errorf("%s: %v, want %v", name, kinds, wanted)
		}
	}
	refused := r.notified()
	_, err := r.Reject(r.ctx(), r.identified(refused))
	r.must(err)
	has("refused", refused, delivery.PlanNotify, delivery.PlanRemoved)

	taken := r.notified(serveBy("2026-12-03"))
	_, err = r.Accept(r.ctx(), r.identified(taken))
	r.must(err)
	has("taken", taken, delivery.PlanNotify, delivery.PlanServeBy, delivery.PlanRemoved)

	gone := r.deliveries(r.submit(1, serveBy("2026-12-03")))[0]
	r.attempt(gone, notify.Email, notify.Permanent)
	gone = r.attempt(gone, notify.SMS, notify.Permanent)
	has("unreachable", gone, delivery.PlanHandOver, delivery.PlanPosted, delivery.PlanServed, delivery.PlanServeBy, delivery.PlanRemoved)

	waits := r.deliveries(r.submit(1, serveBy("2026-12-03", func(p *delivery.Policy) { p.PostAtOnce = false })))[0]
	r.attempt(waits, notify.Email, notify.Permanent)
	waits = r.attempt(waits, notify.SMS, notify.Permanent)
	if want := at(t, "2026-11-30T00:00"); !waits.RespondBy.Equal(want) {
		t.Errorf("unreachable, not at once: waits until %s, want %s", waits.RespondBy, want)
	}
	has("unreachable, not at once", waits, delivery.PlanEnd, delivery.PlanHandOver, delivery.PlanPosted, delivery.PlanServed,
		delivery.PlanServeBy, delivery.PlanRemoved)

	nothing := r.notified(func(s *delivery.Submission) { s.Policy.Fallback, s.Policy.PostAtOnce = delivery.FallbackNone, false })
	r.sweepAt(nothing.RespondBy)
	has("over, without paper", nothing, delivery.PlanNotify, delivery.PlanRemind, delivery.PlanRemind, delivery.PlanRemind, delivery.PlanEnd,
		delivery.PlanRemoved)

	for _, status := range []delivery.PostStatus{delivery.PostRefused, delivery.PostLost} {
		lost := r.expired()
		r.must(r.PostNow(r.ctx(), lost.ID))
		r.report(lost, status, r.clock.now().Add(time.Hour).In(r.Zone).Format("2006-01-02T15:04"))
		has(string(status), lost, delivery.PlanNotify, delivery.PlanRemind, delivery.PlanRemind, delivery.PlanRemind, delivery.PlanEnd,
			delivery.PlanHandOver, delivery.PlanRemoved)
	}
}

// TestSubmitServeBy: what is frozen, and what is refused, at submission.
func TestSubmitServeBy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(1, serveBy("2026-11-25"), func(s *delivery.Submission) { s.Subject = "" }), delivery.Once{})
	faults, _ := errors.AsType[delivery.FieldErrors](err)
	if len(faults) != 2 || faults[1].Code != "too_early" || faults[1].Args["earliest"] != "2026-11-26" {
		t.Errorf("too early: %v", err)
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Fatalf("%d messages of a refused submission", n)
	}
	m := r.submit(1, serveBy("2026-12-03"))
	if p := m.Policy; p.TermRule != "be-53bis-2@1" || !p.LastPaper.Equal(at(t, "2026-11-30T10:00")) {
		t.Errorf("frozen as %s, %s", p.TermRule, p.LastPaper)
	}
	if m := r.submit(1); m.Policy.TermRule != "be-53bis-2@1" || !m.Policy.LastPaper.IsZero() || m.Policy.ServeBy != "" {
		t.Errorf("without a date frozen as %v", m.Policy)
	}
	if got := r.Check(submission(1, serveBy("2026-11-25"))); len(got) != 1 || got[0].Code != "too_early" {
		t.Errorf("checked: %v", got)
	}

	// The day of a test is that of its clock.
	test := r.sender(r.account)
	test.Test = true
	_, _, err = r.Advance(r.ctx(), r.account, 10*24*time.Hour, delivery.Once{})
	r.must(err)
	if _, _, err := r.Submit(r.ctx(), test, submission(1, serveBy("2026-12-03")), delivery.Once{}); err == nil {
		t.Error("on 30 November of the test clock a date can be met that no letter meets")
	}
	m, _, err = r.Submit(r.ctx(), test, submission(1, serveBy("2026-12-09")), delivery.Once{})
	r.must(err)
	plan, err := r.PlanFor(r.ctx(), r.deliveries(m)[0])
	r.must(err)
	if told, _ := plan.Step(delivery.PlanNotify); told.At.Before(at(t, "2026-11-30T10:00")) || plan.Late() {
		t.Errorf("plan of a test:\n%s", said(plan, r.Zone))
	}
}

// TestAnnouncedWindow: the announcement says the end that the window will have.
func TestAnnouncedWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.deliveries(r.submit(1, serveBy("2026-12-03")))[0]
	f, err := r.NoticeFacts(r.ctx(), notify.Notice{Delivery: string(d.ID), Kind: notify.Announcement, Channel: notify.Email, To: d.Recipient.Email})
	r.must(err)
	if after := r.attempt(d, notify.Email, notify.Sent); !f.Deadline.Equal(after.RespondBy) {
		t.Errorf("announced until %s, is until %s", f.Deadline, after.RespondBy)
	}
}

// TestServeByAgain: what was accepted once is answered again when its date can
// no longer be met; only the same is.
func TestServeByAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	sub, once := submission(1, serveBy("2026-12-03")), delivery.Once{Key: "k", Digest: make([]byte, 32)}
	first, _, err := r.Submit(r.ctx(), r.sender(r.account), sub, once)
	r.must(err)
	r.clock.set(at(t, "2026-12-02T10:00"))
	again, replayed, err := r.Submit(r.ctx(), r.sender(r.account), sub, once)
	if err != nil || !replayed || again.ID != first.ID {
		t.Errorf("again: %s, replayed %t, %v", again.ID, replayed, err)
	}
	stranger := r.newAccount()
	for name, x := range map[string]struct {
		account string
		once    delivery.Once
	}{
		"something else":  {r.account, delivery.Once{Key: "k", Digest: append(make([]byte, 31), 1)}},
		"another key":     {r.account, delivery.Once{Key: "l", Digest: once.Digest}},
		"without a key":   {r.account, delivery.Once{}},
		"another account": {stranger, once},
	} {
		m, replayed, err := r.Submit(r.ctx(), r.sender(x.account), sub, x.once)
		if faults, ok := errors.AsType[delivery.FieldErrors](err); !ok || faults[0].Code != "too_early" || replayed || m.ID != "" {
			t.Errorf("%s: %s, replayed %t, %v", name, m.ID, replayed, err)
		}
	}
}
