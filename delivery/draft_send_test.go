package delivery_test

import (
	"errors"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// mailed counts the notices of a kind about drafts.
func (r *rig) mailed(kind notify.Kind) int {
	r.t.Helper()
	return r.count(`SELECT count(*) FROM notice WHERE kind = $1 AND delivery_id IS NULL`, kind)
}

func (r *rig) messages() int {
	r.t.Helper()
	return r.count(`SELECT count(*) FROM message`)
}

// later is a draft that goes in a day.
func (r *rig) later(by identity.Actor, change ...func(*delivery.Submission)) delivery.Draft {
	r.t.Helper()
	sent, err := r.SendDraft(r.ctx(), by, r.draft(by, change...).ID, delivery.Sending{At: r.clock.now().Add(24 * time.Hour)})
	r.must(err)
	if sent.Draft.State != delivery.DraftScheduled || sent.Message.ID != "" {
		r.t.Fatalf("planned: %+v", sent)
	}
	return sent.Draft
}

func (r *rig) sendDue() int {
	r.t.Helper()
	n, err := r.SendDue(r.ctx(), 100)
	r.must(err)
	return n
}

func TestDraftIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.draft(r.lotte())
	sent, err := r.SendDraft(r.ctx(), r.lotte(), d.ID, delivery.Sending{})
	r.must(err)
	if sent.Message.Subject != "Opzegging" || len(sent.Deliveries) != 1 || r.count(`SELECT count(*) FROM draft`) != 0 {
		t.Errorf("sent %+v", sent)
	}
	again, err := r.SendDraft(r.ctx(), r.lotte(), d.ID, delivery.Sending{})
	if err != nil || !again.Replayed || again.Message.ID != sent.Message.ID || r.messages() != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
	r.clean()
}

// A planned draft goes at its time and not before, once, and A.1 bears the time
// at which it went.
func TestPlannedDraft(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.later(r.lotte())
	r.clock.pass(24*time.Hour - time.Microsecond)
	if n := r.sendDue(); n != 0 {
		t.Error("sent before its time")
	}
	for what, err := range map[string]error{
		"changed":    second(r.ReplaceDraft(r.ctx(), r.lotte(), d.ID, d.Content)),
		"sent":       second(r.SendDraft(r.ctx(), r.lotte(), d.ID, delivery.Sending{})),
		"released":   second(r.ReleaseDraft(r.ctx(), r.lotte(), d.ID, d.Digest())),
		"told":       second(r.AskRelease(r.ctx(), r.account, d.ID)),
		"given back": second(r.GiveBackDraft(r.ctx(), r.lotte(), d.ID, "x")),
	} {
		r.fails("a planned draft "+what, err, delivery.ErrNotOpen)
	}
	r.clock.pass(3 * time.Hour) // nobody swept in time
	if n := r.sendDue() + r.sendDue(); n != 1 || r.messages() != 1 || r.count(`SELECT count(*) FROM draft`) != 0 {
		t.Errorf("%d sent, %d messages", n, r.messages())
	}
	list, err := r.Messages(r.ctx(), r.account, false, "", 1)
	r.must(err)
	if !list[0].SubmittedAt.Equal(r.clock.now()) {
		t.Errorf("submitted at %s, want %s", list[0].SubmittedAt, r.clock.now())
	}
	r.clean()
}

func second[T any](_ T, err error) error { return err }

func TestPlannedWhen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.draft(r.lotte())
	for what, at := range map[string]time.Time{"now": r.clock.now(), "a moment ago": r.clock.now().Add(-time.Microsecond), "long ago": time.Unix(1, 0),
		"too far": r.clock.now().Add(delivery.MaxScheduled + time.Second), "never": time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		_, err := r.SendDraft(r.ctx(), r.lotte(), d.ID, delivery.Sending{At: at})
		faults, ok := errors.AsType[delivery.FieldErrors](err)
		if !ok || faults[0].Pointer != "/send_at" {
			t.Errorf("%s: %v", what, err)
		}
	}
	// A date to be served by is looked at as of then.
	d = r.draft(r.lotte(), func(s *delivery.Submission) { s.Policy.ServeBy = "2026-12-20" })
	_, err := r.SendDraft(r.ctx(), r.lotte(), d.ID, delivery.Sending{At: r.clock.now().AddDate(0, 0, 40)})
	if _, ok := errors.AsType[delivery.FieldErrors](err); !ok {
		t.Errorf("a date that has passed by then: %v", err)
	}
	if n := r.count(`SELECT count(*) FROM draft WHERE state <> 'open'`); n != 0 {
		t.Errorf("%d were planned", n)
	}
}

// The day on which clocks change has an hour twice, and another none.
func TestWallClock(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ day, clock, want string }{
		{"2026-12-01", "09:30", "2026-12-01T08:30:00Z"},
		{"2026-07-01", "00:00", "2026-06-30T22:00:00Z"},
		{"2027-03-28", "01:59", "2027-03-28T00:59:00Z"},
		{"2027-03-28", "02:00", ""},
		{"2027-03-28", "02:30", ""},
		{"2027-03-28", "03:00", "2027-03-28T01:00:00Z"},
		{"2026-10-25", "02:30", "2026-10-25T00:30:00Z"}, // the first of two
		{"2026-10-25", "03:00", "2026-10-25T02:00:00Z"},
		{"2026-10-25", "24:00", ""}, {"2026-10-25", "", ""}, {"2026-10-25", "9", ""}, {"2026-10-25", "09:30:00", ""}, {"", "09:30", ""},
	} {
		d, _ := delivery.ParseDate(c.day)
		at, ok := d.Wall(c.clock, zone)
		if got := at.Format(time.RFC3339); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s %s: %s, want %s", c.day, c.clock, got, c.want)
		}
	}
}

func TestTakenBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.later(r.lotte())
	got, err := r.TakeBackDraft(r.ctx(), r.account, d.ID)
	r.must(err)
	if got.State != delivery.DraftOpen || !got.SendAt.IsZero() || got.By.Kind != "" {
		t.Errorf("taken back: %+v", got)
	}
	r.clock.pass(48 * time.Hour)
	if n := r.sendDue(); n != 0 || r.messages() != 0 {
		t.Error("sent all the same")
	}
	_, err = r.TakeBackDraft(r.ctx(), r.account, d.ID)
	r.fails("twice", err, delivery.ErrNotOpen)
	gone := r.later(r.lotte())
	r.must(r.DeleteDraft(r.ctx(), r.account, gone.ID))
	r.clock.pass(48 * time.Hour)
	if r.sendDue() != 0 || r.messages() != 0 {
		t.Error("a deleted draft was sent")
	}
}

// What can no longer be sent comes back with the reason, and its author is told;
// nothing is sent.
func TestPlannedFails(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*rig, delivery.Draft){
		delivery.FaultMandate: func(r *rig, _ delivery.Draft) {
			r.exec(`UPDATE mandate SET revoked_at = $1, revoked_by = 'p'`, r.clock.now())
		},
		delivery.FaultMandate + " (left)":    func(r *rig, _ delivery.Draft) { r.exec(`UPDATE membership SET role = 'reader'`) },
		delivery.FaultMandate + " (unknown)": func(r *rig, _ delivery.Draft) { r.exec(`UPDATE person SET identification_id = NULL`) },
		delivery.FaultMandate + " (restricted)": func(r *rig, _ delivery.Draft) {
			r.exec(`UPDATE person SET restricted_at = $1`, r.clock.now())
		},
		delivery.FaultDocument: func(r *rig, d delivery.Draft) {
			r.submit(1, func(s *delivery.Submission) { s.Documents = d.Content.Submission.Documents })
		},
		delivery.FaultSecond:  func(r *rig, _ delivery.Draft) { r.must(r.SetSecondPerson(r.ctx(), r.lotte(), true)) },
		delivery.FaultContent: func(r *rig, _ delivery.Draft) { r.clock.pass(40 * 24 * time.Hour) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.later(r.lotte(), func(s *delivery.Submission) {
				s.Documents, s.Policy.ServeBy = []string{r.upload("x")}, "2026-12-20"
			})
			before := 0
			spoil(r, d)
			before = r.messages()
			r.clock.pass(24 * time.Hour)
			if n := r.sendDue(); n != 0 || r.messages() != before {
				t.Errorf("%d sent", n)
			}
			got, err := r.Draft(r.ctx(), r.account, d.ID)
			r.must(err)
			if fault, _, _ := cut(want); got.State != delivery.DraftOpen || got.Fault != fault || got.By.Kind != "" {
				t.Errorf("came back as %s, %q", got.State, got.Fault)
			}
			if n := r.mailed(notify.DraftFailed); n != 1 {
				t.Errorf("%d told", n)
			}
			var n notify.Notice
			r.must(r.pool.QueryRow(r.ctx(), `SELECT account_id, kind, ref FROM notice WHERE kind = 'draft_failed'`).Scan(&n.Account, &n.Kind, &n.Ref))
			f, err := r.NoticeFacts(r.ctx(), n)
			r.must(err)
			if f.Link != "https://bode.example/portal/drafts/"+string(d.ID) || f.What != "draft_"+got.Fault {
				t.Errorf("says %+v", f)
			}
			r.must(r.DeleteDraft(r.ctx(), r.account, d.ID))
			_, err = r.NoticeFacts(r.ctx(), n)
			r.fails("about a draft that is gone", err, notify.ErrStale)
		})
	}
}

func cut(s string) (string, string, bool) {
	for i, c := range s {
		if c == ' ' {
			return s[:i], s[i:], true
		}
	}
	return s, "", false
}

// A key that was revoked sends nothing any more, whatever it planned.
func TestPlannedByKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, k, err := r.people.CreateKey(r.ctx(), identity.System, r.account, identity.Live, "ERP")
	r.must(err)
	by := k.Actor("192.0.2.1", "curl", r.clock.now())
	r.later(by)
	gone := r.later(by)
	r.clock.pass(24 * time.Hour)
	r.exec(`UPDATE draft SET send_at = send_at + interval '1 hour' WHERE id = $1`, gone.ID)
	if n := r.sendDue(); n != 1 || r.messages() != 1 {
		t.Errorf("%d sent", n)
	}
	r.exec(`UPDATE api_key SET revoked_at = $1`, r.clock.now())
	r.clock.pass(2 * time.Hour)
	got := r.sendDue()
	back, err := r.Draft(r.ctx(), r.account, gone.ID)
	if err != nil || got != 0 || r.messages() != 1 || back.Fault != delivery.FaultMandate || r.mailed(notify.DraftFailed) != 1 {
		t.Errorf("%d sent, %+v, %v", got, back, err)
	}
}

// Test drafts go by the test clock, each at its own time, and what they begin goes
// on from there.
func TestPlannedOnTestClock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, _, err := r.CreateDraft(r.ctx(), r.lotte(), true, delivery.DraftContent{Submission: submission(1)}, delivery.Once{})
	r.must(err)
	at := r.clock.now().Add(10 * 24 * time.Hour)
	_, err = r.SendDraft(r.ctx(), r.lotte(), d.ID, delivery.Sending{At: at})
	r.must(err)
	_, _, err = r.Advance(r.ctx(), r.account, 9*24*time.Hour, delivery.Once{})
	r.must(err)
	if r.messages() != 0 {
		t.Error("sent before its time")
	}
	r.clock.pass(20 * 24 * time.Hour)
	if n := r.sendDue(); n != 0 {
		t.Error("the real clock sends a test draft")
	}
	r.clock.set(r.clock.now().Add(-20 * 24 * time.Hour))
	_, _, err = r.Advance(r.ctx(), r.account, 30*24*time.Hour, delivery.Once{})
	r.must(err)
	list, err := r.Messages(r.ctx(), r.account, true, "", 10)
	r.must(err)
	if len(list) != 1 || list[0].SubmittedAt.Sub(at).Abs() > time.Second || !list[0].Test {
		t.Fatalf("%d messages, %v, want %s", len(list), list, at)
	}
}
