package delivery_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// told is what a notice of a kind says about d now.
func (r *rig) told(d delivery.Delivery, kind notify.Kind, ref string) notify.Facts {
	r.t.Helper()
	f, err := r.NoticeFacts(r.ctx(), notify.Notice{Delivery: string(d.ID), Kind: kind, Ref: ref})
	r.must(err)
	return f
}

// Every state has a receipt in words of its own, in every language.
func TestEveryStateHasAReceipt(t *testing.T) {
	t.Parallel()
	renderer, err := notify.NewRenderer()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range notify.Languages() {
		subject := func(outcome string) string {
			m, err := renderer.Render(notify.Notice{Kind: notify.Receipt, Channel: notify.Email, Language: language},
				notify.Facts{Number: "X", Outcome: outcome, ServiceName: "Bode", ServiceHost: "bode.example"})
			if err != nil {
				t.Fatal(err)
			}
			return m.Subject
		}
		other := subject("what nobody has heard of")
		for _, s := range delivery.States {
			if subject(string(s)) == other {
				t.Errorf("%s: no words for %s", language, s)
			}
		}
	}
}

// What an announcement says of the letter is what the plan says; without paper it
// says nothing of a letter.
func TestAnnouncementSaysWhenALetterFollows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.deliveries(r.submit(1))[0]
	before := r.told(d, notify.Announcement, "")
	d = r.attempt(d, notify.Email, notify.Sent)
	for name, f := range map[string]notify.Facts{"announcement": before, "reminder": r.told(d, notify.Reminder, "1")} {
		plan, err := r.PlanFor(r.ctx(), d)
		r.must(err)
		posted, ok := plan.Step(delivery.PlanPosted)
		if !ok || f.Fallback != "post" || !f.GoesByPostAt.Equal(posted.At) || f.GoesByPostAt.Before(d.RespondBy.Truncate(24*time.Hour)) {
			t.Errorf("%s: by %s on %s, the window ends %s, the plan posts on %v", name, f.Fallback, f.GoesByPostAt, d.RespondBy, posted.At)
		}
		if f.SenderProven != (d.Message.Sender.Proof != nil) {
			t.Errorf("%s: proven %v, proof %v", name, f.SenderProven, d.Message.Sender.Proof)
		}
	}
	none := r.notified(noPaper)
	if f := r.told(none, notify.Reminder, "1"); f.Fallback != "none" || !f.GoesByPostAt.IsZero() {
		t.Errorf("without paper: by %s on %s", f.Fallback, f.GoesByPostAt)
	}
}

// Who waits for a letter learns how to have the message at once, as long as that
// is possible; what the letter's number is; and by when it should be there.
func TestNoticesOfALetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Service = r.service(func(c *delivery.Config) { c.TrackingURL = "https://track.post.example/?item={tracking}" })
	d := r.expired()
	r.must(r.PostNow(r.ctx(), d.ID))
	d = r.again(d)
	if f := r.told(d, notify.GoesByPost, ""); !strings.HasPrefix(f.Link, "https://bode.example/c/") {
		t.Errorf("no way online before the letter arrived: %q", f.Link)
	}
	report := func(s delivery.PostStatus) {
		r.partner.say(delivery.PostReport{ID: string(s), Item: d.Post.Item, Status: s, Tracking: "3232&x=1", At: r.clock.now()})
		r.must(r.ReadPost(r.ctx()))
		d = r.again(d)
	}
	report(delivery.PostAccepted)
	f := r.told(d, notify.LetterPosted, "")
	if f.TrackingURL != "https://track.post.example/?item=3232%26x%3D1" {
		t.Errorf("to be followed at %s", f.TrackingURL)
	}
	if f.Tracking != "3232&x=1" || !f.ExpectedAt.After(r.clock.now()) || f.ExpectedAt.After(r.clock.now().Add(10*24*time.Hour)) {
		t.Errorf("letter %q expected on %s, now %s", f.Tracking, f.ExpectedAt, r.clock.now())
	}
	report(delivery.PostDelivered)
	if f := r.told(d, notify.GoesByPost, ""); f.Link != "" {
		t.Errorf("invites to a message that arrived on paper: %q", f.Link)
	}
	if f := r.told(d, notify.Receipt, string(delivery.DeliveredByPost)); f.KeptUntil.Before(r.clock.now().AddDate(1, 11, 0)) {
		t.Errorf("kept until %s only", f.KeptUntil)
	}
	online := r.notified()
	if _, err := r.NoticeFacts(r.ctx(), notify.Notice{Delivery: string(online.ID), Kind: notify.LetterPosted}); !errors.Is(err, notify.ErrStale) {
		t.Errorf("a letter that is none: %v, want ErrStale", err)
	}
}

// The sender of a message that was collected late learns that there is a letter,
// or that it was stopped.
func TestReceiptOfALateCollection(t *testing.T) {
	t.Parallel()
	for want, late := range map[string]bool{"late": true, "letter_cancelled": false} {
		r := newRig(t)
		d := r.expired()
		r.must(r.PostNow(r.ctx(), d.ID))
		_, err := r.Accept(r.ctx(), r.identified(r.again(d)))
		r.must(err)
		if f := r.told(d, notify.Receipt, string(delivery.Accepted)); f.Outcome != "late" {
			t.Errorf("at once: %s, want late", f.Outcome)
		}
		r.partner.late = late
		r.must(r.CancelPostNow(r.ctx(), d.ID))
		if f := r.told(d, notify.Receipt, string(delivery.Accepted)); f.Outcome != want {
			t.Errorf("after the partner answered: %s, want %s", f.Outcome, want)
		}
	}
	r := newRig(t)
	d := r.notified()
	_, err := r.Accept(r.ctx(), r.identified(d))
	r.must(err)
	if f := r.told(d, notify.Receipt, string(delivery.Accepted)); f.Outcome != "accepted" {
		t.Errorf("in time: %s, want accepted", f.Outcome)
	}
	if f := r.told(d, notify.Accepted, ""); f.KeptUntil.IsZero() || f.Link == "" {
		t.Errorf("who accepted is not told where and until when: %q, %s", f.Link, f.KeptUntil)
	}
}

// A refusal leads to no link: what it would open can no longer be opened.
func TestRefusalHasNoLink(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	_, err := r.Reject(r.ctx(), r.identified(d))
	r.must(err)
	if f := r.told(d, notify.Rejected, ""); f.Link != "" {
		t.Errorf("links to %s", f.Link)
	}
}
