package delivery_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// someone is a browser of which only address and name are known.
func someone() identity.Actor {
	return identity.Actor{Kind: identity.ActorRecipient, IP: "192.0.2.9", UserAgent: "browser"}
}

// coded is a session in which both codes were entered.
func (r *rig) coded(d delivery.Delivery) delivery.Collecting {
	r.t.Helper()
	return r.session(d, r.visit(d))
}

func TestAskPaper(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	c := r.coded(d)
	half := c
	half.SMSAt = time.Time{}
	if err := r.AskPaper(r.ctx(), half, someone()); !errors.Is(err, delivery.ErrUnidentified) {
		t.Errorf("with one code: %v", err)
	}
	for range 2 {
		r.must(r.AskPaper(r.ctx(), c, someone()))
	}
	if n := count(r.names(d), evidence.RecipientChoice); n != 1 {
		t.Errorf("%d choices recorded", n)
	}
	r.must(r.PostNow(r.ctx(), d.ID))
	d = r.again(d)
	if d.State != delivery.Posting || r.partner.letters[0].Reason != "asked" || !d.Late() {
		t.Errorf("state %s, letter because %q", d.State, r.partner.letters[0].Reason)
	}
	if n := r.count(`SELECT count(*) FROM notice WHERE delivery_id = $1 AND kind = 'paper_asked'`, d.ID); n != 1 {
		t.Errorf("confirmed %d times", n)
	}
	r.clean()
}

func TestPaperThatWasNotOffered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified(func(s *delivery.Submission) {
		s.Policy.Fallback, s.Policy.PostAtOnce, s.Recipients[0].Address = delivery.FallbackNone, false, nil
	})
	if err := r.AskPaper(r.ctx(), r.coded(d), someone()); !errors.Is(err, delivery.ErrNotOpen) {
		t.Errorf("%v", err)
	}
	r.clean()
}

// refused remembers addresses.
type refused struct{ at []string }

func (r *refused) Refuse(_ context.Context, _ pgx.Tx, _ notify.Channel, address string, _ time.Time) error {
	r.at = append(r.at, address)
	return nil
}

// TestRefuseOnline is for the future: this message stays as it is, and a rehearsal
// has no effect on live ones.
func TestRefuseOnline(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]bool{"live": false, "test": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var says refused
			r.Service = r.service(func(c *delivery.Config) { c.Refusals = &says })
			by := r.sender(r.account)
			by.Test = test
			m, _, err := r.Submit(r.ctx(), by, submission(1), delivery.Once{})
			r.must(err)
			d := r.attempt(r.deliveries(m)[0], notify.Email, notify.Sent)
			r.must(r.RefuseOnline(r.ctx(), r.coded(d), someone()))
			if d = r.again(d); d.State != delivery.Notified || count(r.names(d), evidence.RecipientChoice) != 1 {
				t.Errorf("state %s, events %v", d.State, r.names(d))
			}
			if (len(says.at) == 0) != test || !test && !slices.Contains(says.at, d.Recipient.Mobile) {
				t.Errorf("refused at %v", says.at)
			}
			r.clean()
		})
	}
}

// newestCode is the one sent last to an address.
func (r *rig) newestCode(address string) string {
	r.t.Helper()
	var ref string
	r.must(r.pool.QueryRow(r.ctx(), `SELECT ref FROM notice WHERE kind = 'code' AND address = $1 ORDER BY id DESC LIMIT 1`, address).Scan(&ref))
	code, _, err := r.codes.Code(r.ctx(), ref)
	r.must(err)
	return code
}

// proposed is a better number that was proven and waits for the sender.
func (r *rig) proposed(d delivery.Delivery, number string) delivery.Proposal {
	r.t.Helper()
	c := r.coded(d)
	p, err := r.ProposeContact(r.ctx(), c, notify.SMS, number, "")
	r.must(err)
	r.must(r.ProveContact(r.ctx(), c, p.ID, r.newestCode(p.Address), someone()))
	return p
}

func TestBetterAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.attempt(r.deliveries(r.submit(1))[0], notify.Email, notify.Sent)
	d = r.attempt(d, notify.SMS, notify.Permanent)
	p := r.proposed(d, "+32478998877")
	if got := r.again(d); got.Recipient.Mobile != d.Recipient.Mobile || got.SMS != delivery.ReachFailed {
		t.Fatal("something changed before the sender agreed")
	}
	by := r.sender(r.account).By
	stranger := r.sender(r.newAccount()).By
	if err := r.AnswerProposal(r.ctx(), stranger, d.ID, p.ID, true); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("another account: %v", err)
	}
	for range 2 {
		r.must(r.AnswerProposal(r.ctx(), by, d.ID, p.ID, true))
	}
	if err := r.AnswerProposal(r.ctx(), by, d.ID, p.ID, false); !errors.Is(err, delivery.ErrDecided) {
		t.Errorf("the other answer afterwards: %v", err)
	}
	got := r.again(d)
	if got.Recipient.Mobile != "+32478998877" || got.SMS != delivery.ReachOpen || count(r.names(d), evidence.RecipientChoice) != 2 {
		t.Errorf("recipient %+v, SMS %q, events %v", got.Recipient, got.SMS, r.names(d))
	}
	if n := r.count(`SELECT count(*) FROM notice WHERE delivery_id = $1 AND kind = 'announcement' AND address = '+32478998877'`, d.ID); n != 1 {
		t.Errorf("announced there %d times", n)
	}
	for _, address := range []string{d.Recipient.Email, d.Recipient.Mobile, "+32478998877"} {
		if n := r.count(`SELECT count(*) FROM notice WHERE delivery_id = $1 AND kind = 'contact_named' AND address = $2`, d.ID, address); n != 1 {
			t.Errorf("%s was told %d times", address, n)
		}
	}
	r.clean()
	r.clock.pass(25 * 31 * 24 * time.Hour)
	_, err := r.Sweep(r.ctx(), 100)
	r.must(err)
	r.clock.pass(25 * 31 * 24 * time.Hour)
	_, err = r.Retain(r.ctx(), 10)
	r.must(err)
	if n := r.count(`SELECT (SELECT count(*) FROM contact_proposal) + (SELECT count(*) FROM code_challenge)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// TestBetterAddressRefused shows who cannot name one, and what is none.
func TestBetterAddressRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	c := r.coded(d)
	var wrong delivery.FieldErrors
	for _, x := range []struct {
		ch      notify.Channel
		address string
	}{{notify.SMS, "021234567"}, {notify.SMS, d.Recipient.Mobile}, {notify.SMS, "+32470\r\n1"}, {notify.SMS, ""},
		{notify.Email, "an"}, {notify.Email, d.Recipient.Email}, {notify.Email, "a@example.be\r\nBcc: b@example.be"}} {
		if _, err := r.ProposeContact(r.ctx(), c, x.ch, x.address, ""); !errors.As(err, &wrong) || wrong[0].Pointer != "/address" {
			t.Errorf("%q: %v", x.address, err)
		}
	}
	without := c
	without.EmailAt = time.Time{}
	var refusal delivery.ChannelError
	if _, err := r.ProposeContact(r.ctx(), without, notify.SMS, "+32478998877", "000000"); !errors.As(err, &refusal) || refusal.Channel != notify.Email {
		t.Errorf("without the other channel's code: %v", err)
	}
	p, err := r.ProposeContact(r.ctx(), c, notify.SMS, "+32478998877", "")
	r.must(err)
	bad := "000000"
	if r.newestCode(p.Address) == bad {
		bad = "111111"
	}
	if err := r.ProveContact(r.ctx(), c, p.ID, bad, someone()); !errors.As(err, &refusal) {
		t.Errorf("a wrong code: %v", err)
	}
	other := r.coded(r.notified(func(s *delivery.Submission) { s.Recipients[0].Email = "zoe@example.be" }))
	if err := r.ProveContact(r.ctx(), other, p.ID, r.newestCode(p.Address), someone()); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("from another delivery: %v", err)
	}
	if err := r.AnswerProposal(r.ctx(), r.sender(r.account).By, d.ID, p.ID, true); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("agreed before it was proven: %v", err)
	}
	for range delivery.MaxProposals - 1 {
		_, err := r.ProposeContact(r.ctx(), c, notify.SMS, "+32478998877", "")
		r.must(err)
	}
	if _, err := r.ProposeContact(r.ctx(), c, notify.SMS, "+32478998877", ""); !errors.Is(err, delivery.ErrTooManyNamed) {
		t.Errorf("one too many: %v", err)
	}
	r.clean()
}

// TestBetterAddressTooLate is agreed to when the window is over.
func TestBetterAddressTooLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	p := r.proposed(d, "+32478998877")
	r.clock.set(d.RespondBy)
	if err := r.AnswerProposal(r.ctx(), r.sender(r.account).By, d.ID, p.ID, true); !errors.Is(err, delivery.ErrNotOpen) {
		t.Errorf("%v", err)
	}
	if got := r.again(d); got.Recipient.Mobile != d.Recipient.Mobile {
		t.Error("the number changed")
	}
	r.clean()
}
