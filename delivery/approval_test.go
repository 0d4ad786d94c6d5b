package delivery_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// handed is a draft of somebody without a mandate, which waits.
func (r *rig) handed(by identity.Actor, at time.Time) delivery.Draft {
	r.t.Helper()
	sent, err := r.SendDraft(r.ctx(), by, r.draft(by).ID, delivery.Sending{At: at, HandOver: true})
	r.must(err)
	if sent.Draft.State != delivery.DraftWaiting || sent.Draft.HandedAt.IsZero() {
		r.t.Fatalf("handed over: %+v", sent.Draft)
	}
	return sent.Draft
}

// Who may not send prepares; the evidence names who released.
func TestRelease(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lotte, jan := r.lotte(), r.staff("Jan", "")
	d := r.draft(jan)
	_, err := r.SendDraft(r.ctx(), jan, d.ID, delivery.Sending{})
	r.fails("without a mandate", err, identity.ErrNoMandate)
	_, err = r.SendDraft(r.ctx(), jan, d.ID, delivery.Sending{At: r.clock.now().Add(time.Hour)})
	r.fails("planned without a mandate", err, identity.ErrNoMandate)
	d = r.handed(jan, time.Time{})
	if n := r.mailed(notify.ReleaseAsked); n != 1 {
		t.Errorf("%d were told", n)
	}
	_, err = r.ReleaseDraft(r.ctx(), jan, d.ID, d.Digest())
	r.fails("releases without a mandate", err, identity.ErrNoMandate)
	weak := lotte
	weak.Record = ""
	_, err = r.ReleaseDraft(r.ctx(), weak, d.ID, d.Digest())
	r.fails("releases unknown", err, delivery.ErrUnidentified)
	weak = lotte
	weak.Level = identity.LevelLow
	_, err = r.ReleaseDraft(r.ctx(), weak, d.ID, d.Digest())
	r.fails("releases with a password", err, delivery.ErrUnidentified)
	_, err = r.ReleaseDraft(r.ctx(), identity.Actor{Kind: identity.ActorKey, Subject: uuid.NewString(), Account: r.account, Record: "r", Level: identity.LevelHigh}, d.ID, d.Digest())
	r.fails("a key releases", err, delivery.ErrUnidentified)
	stranger := lotte
	stranger.Account = r.newAccount()
	_, err = r.ReleaseDraft(r.ctx(), stranger, d.ID, d.Digest())
	r.fails("another account releases", err, delivery.ErrNotFound)
	_, err = r.GiveBackDraft(r.ctx(), stranger, d.ID, "x")
	r.fails("another account gives back", err, delivery.ErrNotFound)
	for _, digest := range []string{"", "x", strings.Repeat("0", 64)} {
		_, err = r.ReleaseDraft(r.ctx(), lotte, d.ID, digest)
		r.fails("something else was looked at", err, delivery.ErrDraftChanged)
	}
	if r.messages() != 0 {
		t.Fatal("something was sent")
	}
	sent, err := r.ReleaseDraft(r.ctx(), lotte, d.ID, d.Digest())
	r.must(err)
	if sent.Message.SentBy.Identifier.Value != lotte.Subject || sent.Message.SentBy.Mandate == nil {
		t.Errorf("sent by %+v", sent.Message.SentBy)
	}
	if n := r.mailed(notify.DraftReleased); n != 1 {
		t.Errorf("the author was told %d times", n)
	}
	again, err := r.ReleaseDraft(r.ctx(), lotte, d.ID, d.Digest())
	if err != nil || !again.Replayed || r.messages() != 1 {
		t.Errorf("again: %v", err)
	}
	r.clean()
}

// What changed after somebody opened it is not released unseen.
func TestReleaseOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lotte, jan := r.lotte(), r.staff("Jan", "")
	d := r.handed(jan, time.Time{})
	seen := d.Digest()
	_, err := r.ReplaceDraft(r.ctx(), jan, d.ID, d.Content)
	r.fails("changed while it waits", err, delivery.ErrNotOpen)
	_, err = r.TakeBackDraft(r.ctx(), r.account, d.ID)
	r.must(err)
	c := d.Content
	c.Submission.Body = "Iets heel anders."
	_, err = r.ReplaceDraft(r.ctx(), jan, d.ID, c)
	r.must(err)
	_, err = r.SendDraft(r.ctx(), jan, d.ID, delivery.Sending{HandOver: true})
	r.must(err)
	_, err = r.ReleaseDraft(r.ctx(), lotte, d.ID, seen)
	r.fails("another text", err, delivery.ErrDraftChanged)
	_, err = r.TakeBackDraft(r.ctx(), r.account, d.ID)
	r.must(err)
	_, err = r.ReplaceDraft(r.ctx(), jan, d.ID, d.Content)
	r.must(err)
	_, err = r.SendDraft(r.ctx(), jan, d.ID, delivery.Sending{HandOver: true, At: r.clock.now().Add(time.Hour)})
	r.must(err)
	_, err = r.ReleaseDraft(r.ctx(), lotte, d.ID, seen)
	r.fails("another time", err, delivery.ErrDraftChanged)
	if r.messages() != 0 {
		t.Error("something was sent")
	}
}

// Any number of colleagues release at once: one message, and all learn of it.
func TestReleaseTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := []identity.Actor{r.lotte(), r.staff("Els", "{send}"), r.staff("Bob", "{send}")}
	d := r.handed(r.staff("Jan", ""), time.Time{})
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			_, err := r.ReleaseDraft(t.Context(), by[i%3], d.ID, d.Digest())
			if err != nil && !errors.Is(err, delivery.ErrNotOpen) && !errors.Is(err, delivery.ErrDraftChanged) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if r.messages() != 1 || r.count(`SELECT count(*) FROM draft`) != 0 || r.mailed(notify.DraftReleased) != 1 {
		t.Errorf("%d messages, %d drafts, %d told", r.messages(), r.count(`SELECT count(*) FROM draft`), r.mailed(notify.DraftReleased))
	}
}

// What is released for a later time goes then, in the name of who released it, if
// that one still may.
func TestReleaseForLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	els := r.staff("Els", "{send}")
	d := r.handed(r.staff("Jan", ""), r.clock.now().Add(48*time.Hour))
	sent, err := r.ReleaseDraft(r.ctx(), els, d.ID, d.Digest())
	r.must(err)
	if sent.Draft.State != delivery.DraftScheduled || r.messages() != 0 || r.mailed(notify.DraftReleased) != 1 {
		t.Errorf("released %+v", sent.Draft)
	}
	r.clock.pass(49 * time.Hour)
	if r.sendDue() != 1 {
		t.Fatal("not sent")
	}
	list, err := r.Messages(r.ctx(), r.account, false, "", 1)
	r.must(err)
	if list[0].SentBy.Identifier.Value != els.Subject {
		t.Errorf("sent by %+v", list[0].SentBy)
	}
	// One that waited for longer than its time goes at once.
	d = r.handed(r.staff("Piet", ""), r.clock.now().Add(time.Hour))
	r.clock.pass(2 * time.Hour)
	sent, err = r.ReleaseDraft(r.ctx(), els, d.ID, d.Digest())
	if err != nil || sent.Message.ID == "" {
		t.Errorf("late: %+v, %v", sent, err)
	}
}

func TestGiveBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lotte, jan := r.lotte(), r.staff("Jan", "")
	d := r.handed(jan, time.Time{})
	for what, reason := range map[string]string{"none": " ", "too long": strings.Repeat("x", 1001), "control": "a\x00b"} {
		if _, ok := errors.AsType[delivery.FieldErrors](second(r.GiveBackDraft(r.ctx(), lotte, d.ID, reason))); !ok {
			t.Errorf("reason %s was taken", what)
		}
	}
	_, err := r.GiveBackDraft(r.ctx(), jan, d.ID, "x")
	r.fails("by who may not send", err, identity.ErrNoMandate)
	got, err := r.GiveBackDraft(r.ctx(), lotte, d.ID, "<b>Verkeerde</b> datum\r\nin alinea 2")
	r.must(err)
	if got.State != delivery.DraftOpen || got.Fault != delivery.FaultGivenBack || got.Reason != "<b>Verkeerde</b> datum\nin alinea 2" || r.mailed(notify.DraftGivenBack) != 1 {
		t.Errorf("given back %+v", got)
	}
	_, err = r.ReleaseDraft(r.ctx(), lotte, d.ID, d.Digest())
	r.fails("released after that", err, delivery.ErrNotOpen)
	got, err = r.ReplaceDraft(r.ctx(), jan, d.ID, d.Content)
	if err != nil || got.Fault != "" || got.Reason != "" {
		t.Errorf("changed %+v, %v", got, err)
	}
}

// An account can ask for a second person: nobody then sends alone, in whatever
// way, and nobody releases what they wrote.
func TestSecondPerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lotte, els := r.lotte(), r.staff("Els", "{send}")
	r.fails("by who may not administer", r.SetSecondPerson(r.ctx(), els, true), identity.ErrNoMandate)
	r.fails("by a key", r.SetSecondPerson(r.ctx(), identity.Actor{Kind: identity.ActorKey, Subject: uuid.NewString(), Account: r.account}, true), delivery.ErrUnidentified)
	r.must(r.SetSecondPerson(r.ctx(), lotte, true))
	_, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(1), delivery.Once{Key: "k", Digest: make([]byte, 32)})
	r.fails("a person sends alone", err, delivery.ErrSecondPerson)
	_, _, err = r.Submit(r.ctx(), r.sender(r.account), submission(30), delivery.Once{})
	r.fails("to many", err, delivery.ErrSecondPerson)
	key := delivery.Submitter{By: identity.Actor{Kind: identity.ActorKey, Subject: uuid.NewString(), Account: r.account, Name: "ERP", Method: "api-key", ProvenAt: r.clock.now()}, Sender: r.sender(r.account).Sender}
	var all sync.WaitGroup
	for range 8 { // several at once go together
		all.Go(func() {
			if _, _, err := r.Submit(t.Context(), key, submission(1), delivery.Once{}); !errors.Is(err, delivery.ErrSecondPerson) {
				t.Errorf("a key sends alone: %v", err)
			}
		})
	}
	all.Wait()
	test := key
	test.Test = true
	_, _, err = r.Submit(r.ctx(), test, submission(1), delivery.Once{})
	r.must(err)
	sent, err := r.SendDraft(r.ctx(), lotte, r.draft(lotte).ID, delivery.Sending{})
	r.must(err)
	if sent.Draft.State != delivery.DraftWaiting {
		t.Fatalf("sent alone: %+v", sent)
	}
	_, err = r.ReleaseDraft(r.ctx(), lotte, sent.Draft.ID, sent.Draft.Digest())
	r.fails("releases her own", err, delivery.ErrSecondPerson)
	if n := r.count(`SELECT count(*) FROM message WHERE NOT test`); n != 0 {
		t.Errorf("%d messages", n)
	}
	_, err = r.ReleaseDraft(r.ctx(), els, sent.Draft.ID, sent.Draft.Digest())
	r.must(err)
	r.must(r.SetSecondPerson(r.ctx(), lotte, false))
	_, _, err = r.Submit(r.ctx(), r.sender(r.account), submission(1), delivery.Once{Key: "k", Digest: make([]byte, 32)})
	r.must(err)
}

// Those who may release get a mail at most once a day, or once an hour when
// somebody asks.
func TestReleasersAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.lotte()
	r.staff("Els", "{send}")
	jan := r.staff("Jan", "")
	d := r.handed(jan, time.Time{})
	r.handed(jan, time.Time{})
	if n := r.mailed(notify.ReleaseAsked); n != 2 {
		t.Fatalf("%d mails to two people", n)
	}
	if told, err := r.AskRelease(r.ctx(), r.account, d.ID); err != nil || told {
		t.Errorf("told again at once: %v", err)
	}
	r.clock.pass(time.Hour)
	if told, err := r.AskRelease(r.ctx(), r.account, d.ID); err != nil || !told || r.mailed(notify.ReleaseAsked) != 4 {
		t.Errorf("not told when asked: %v", err)
	}
	_, err := r.AskRelease(r.ctx(), r.newAccount(), d.ID)
	r.fails("asked by another account", err, delivery.ErrNotFound)
	for range 3 {
		r.clock.pass(9 * time.Hour)
		_, err := r.RemindReleasers(r.ctx(), 10)
		r.must(err)
	}
	if n := r.mailed(notify.ReleaseAsked); n != 6 {
		t.Errorf("%d mails after a day, want 6", n)
	}
	n := notify.Notice{Account: r.account, Kind: notify.ReleaseAsked, Ref: r.account}
	if f, err := r.NoticeFacts(r.ctx(), n); err != nil || f.Link != "https://bode.example/portal/release" || f.Account == "" {
		t.Errorf("says %+v, %v", f, err)
	}
	r.exec(`DELETE FROM draft`)
	_, err = r.NoticeFacts(r.ctx(), n)
	r.fails("about nothing", err, notify.ErrStale)
}
