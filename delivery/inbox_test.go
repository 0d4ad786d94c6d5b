package delivery_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

const numberOfAn = "85073003328"

// holder is an account holder who was identified as p, with proven addresses, in
// a private account.
func (r *rig) holder(p identity.Proof, contacts ...string) identity.Actor {
	r.t.Helper()
	id, account := uuid.NewString(), uuid.NewString()
	r.newPerson(id, p.Given, p.Family)
	r.exec(`INSERT INTO account (id, kind, country, created_at) VALUES ($1, 'private', 'BE', $2)`, account, r.clock.now())
	r.exec(`INSERT INTO membership (account_id, person_id, role, created_at, created_by) VALUES ($1, $2, 'administrator', $3, 'p')`, account, id, r.clock.now())
	by := identity.Actor{Kind: identity.ActorPerson, Subject: id, Account: account, Given: p.Given, Family: p.Family, Method: "passkey", ProvenAt: r.clock.now()}
	for _, c := range contacts {
		kind := "email"
		if strings.HasPrefix(c, "+") {
			kind = "sms"
		}
		r.exec(`INSERT INTO contact (id, person_id, kind, value, proven_at) VALUES (gen_random_uuid(), $1, $2, $3, $4)`, id, kind, c, r.clock.now())
	}
	if p.Subject == "" {
		return by // never identified
	}
	r.must(pgx.BeginFunc(r.ctx(), r.pool, func(tx pgx.Tx) error {
		kept, err := r.people.SaveIdentification(r.ctx(), tx, p, identity.Occasion{Purpose: identity.SenderProofing, Person: id})
		by.Record = kept.Record
		return err
	}))
	r.exec(`UPDATE person SET identification_id = $2 WHERE id = $1`, id, by.Record)
	return by
}

// an is the addressee, with everything an identity card says.
func (r *rig) an() identity.Proof {
	p := r.proof()
	p.BirthDate, p.NationalNumber = "1985-07-30", numberOfAn
	return p
}

// found lists the subjects of what somebody finds, with whom it is for.
func (r *rig) found(by identity.Actor) (out []string) {
	r.t.Helper()
	list, next, err := r.Inbox(r.ctx(), by, "", 100)
	r.must(err)
	if next != "" {
		r.t.Error("there is more")
	}
	for _, i := range list {
		out = append(out, strings.TrimSpace(i.Message.Subject+" "+i.For))
	}
	slices.Sort(out)
	return out
}

func to(change func(*delivery.Recipient)) func(*delivery.Submission) {
	return func(s *delivery.Submission) { change(&s.Recipients[0]) }
}

func about(subject string) func(*delivery.Submission) {
	return func(s *delivery.Submission) { s.Subject = subject }
}

// TestInboxIsMine: an item is in the inbox of who proved the address and is the
// person described, and of nobody else.
func TestInboxIsMine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.notified(about("mine"), to(func(x *delivery.Recipient) { x.Email = "An@Example.be" }))
	r.notified(about("by number"), to(func(x *delivery.Recipient) { x.Mobile, x.Email = "+32470000555", "an@work.example" }))
	r.notified(about("mine by birth date"), to(func(x *delivery.Recipient) { x.Email, x.BirthDate = "an@example.be", "1985-07-30" }))
	r.notified(about("mine by national number"), to(func(x *delivery.Recipient) { x.Email, x.NationalNumber = "an@example.be", numberOfAn }))
	r.notified(about("my mother's"), to(func(x *delivery.Recipient) { x.Email, x.BirthDate = "an@example.be", "1955-01-01" }))
	r.notified(about("my partner's"), to(func(x *delivery.Recipient) { x.Email, x.Given = "an@example.be", "Jo" }))
	r.notified(about("a stranger's"), to(func(x *delivery.Recipient) { x.Email = "other@example.be" }))
	r.notified(about("a company's"), to(func(x *delivery.Recipient) {
		x.Email, x.Organisation = "an@example.be", &delivery.Organisation{Name: "An bv", EnterpriseNumber: "0403170701"}
	}))
	r.submit(1, about("not announced"), to(func(x *delivery.Recipient) { x.Email = "an@example.be" }))
	want := []string{"by number", "mine", "mine by birth date", "mine by national number"}
	if got := r.found(r.holder(r.an(), "an@example.be", "+32470000555")); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	namesake := r.an()
	namesake.Subject, namesake.BirthDate, namesake.NationalNumber = "s-9", "1955-01-01", "55010100119"
	if got := r.found(r.holder(namesake, "an@example.be")); !slices.Equal(got, []string{"mine", "my mother's"}) {
		t.Errorf("her mother found %q", got)
	}
	if got := r.found(r.holder(r.an())); len(got) != 0 {
		t.Errorf("without a proven address: %q", got)
	}
	unknown := r.holder(identity.Proof{Given: "An", Family: "Janssens"}, "an@example.be")
	if _, _, err := r.Inbox(r.ctx(), unknown, "", 10); !errors.Is(err, delivery.ErrUnidentified) {
		t.Errorf("never identified: %v", err)
	}
	if _, _, err := r.Inbox(r.ctx(), identity.Actor{Kind: identity.ActorKey, Subject: uuid.NewString(), Record: "r"}, "", 10); !errors.Is(err, delivery.ErrUnidentified) {
		t.Errorf("a key: %v", err)
	}
	r.clean()
}

// TestInboxPages: every item once, newest first, whatever the size of a page.
func TestInboxPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	an := r.holder(r.an(), "an@example.be")
	for i := range 7 {
		r.notified(about(fmt.Sprint(i)), to(func(x *delivery.Recipient) {
			if x.Email = "an@example.be"; i%3 == 1 {
				x.Given = "Jo"
			}
		}))
	}
	for _, size := range []int{1, 2, 3, 7, 100} {
		var got []string
		for before, n := delivery.ID(""), 0; n < 20; n++ {
			list, next, err := r.Inbox(r.ctx(), an, before, size)
			r.must(err)
			for _, i := range list {
				got = append(got, i.Message.Subject)
			}
			if before = next; next == "" {
				break
			}
		}
		if want := []string{"6", "5", "3", "2", "0"}; !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q, want %q", size, got, want)
		}
	}
}

// TestOpenInbox leads to the recipient's own link, and writes nothing.
func TestOpenInbox(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	an, jo := r.holder(r.an(), "an@example.be"), r.holder(r.joProof(), "an@example.be")
	d := r.notified(to(func(x *delivery.Recipient) { x.Email = "an@example.be" }))
	f, err := r.NoticeFacts(r.ctx(), notify.Notice{Delivery: string(d.ID), Kind: notify.Announcement})
	r.must(err)
	path, err := r.OpenInbox(r.ctx(), an, d.ID, "")
	if err != nil || "https://bode.example"+path != f.Link {
		t.Errorf("%q, %v, want %q", path, err, f.Link)
	}
	waiting := r.deliveries(r.submit(1, to(func(x *delivery.Recipient) { x.Email = "an@example.be" })))[0]
	for name, c := range map[string]struct {
		by      identity.Actor
		id      delivery.ID
		mandate string
	}{
		"somebody else":   {jo, d.ID, ""},
		"nothing":         {an, delivery.ID(uuid.NewString()), ""},
		"no id":           {an, "x", ""},
		"not announced":   {an, waiting.ID, ""},
		"no such mandate": {an, d.ID, uuid.NewString()},
	} {
		if path, err := r.OpenInbox(r.ctx(), c.by, c.id, c.mandate); !errors.Is(err, delivery.ErrNotFound) || path != "" {
			t.Errorf("%s: %q, %v", name, path, err)
		}
	}
	if after := r.again(d); after.Seq != d.Seq || r.count(`SELECT count(*) FROM delegate`) != 0 {
		t.Error("looking left something")
	}
}

// TestStandingDelegate: who may receive for somebody finds, opens and decides, as
// long as the mandate is in force, and for its classes.
func TestStandingDelegate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	an, jo := r.holder(r.an(), "an@example.be"), r.holder(r.joProof(), "jo@example.be", "+32478000001")
	m := r.grant(an.Account, jo.Subject, "approval", "{receive}", "{hr}")
	d := r.notified(about("hr"), ofClass("hr"), to(func(x *delivery.Recipient) { x.Email = "an@example.be" }))
	r.notified(about("legal"), ofClass("legal"), to(func(x *delivery.Recipient) { x.Email = "an@example.be" }))
	r.notified(about("namesake"), ofClass("hr"), to(func(x *delivery.Recipient) { x.Email, x.BirthDate = "an@example.be", "1955-01-01" }))
	if got := r.found(jo); !slices.Equal(got, []string{"hr An Janssens"}) {
		t.Errorf("found %q", got)
	}
	path, err := r.OpenInbox(r.ctx(), jo, d.ID, m)
	r.must(err)
	if again, err := r.OpenInbox(r.ctx(), jo, d.ID, m); err != nil || again != path || r.count(`SELECT count(*) FROM delegate`) != 1 {
		t.Errorf("opened twice: %q, %v", again, err)
	}
	found, err := r.ByLink(r.ctx(), strings.TrimPrefix(path, "/c/"))
	r.must(err)
	if found.Delegate == nil || found.Delegate.Email != "jo@example.be" {
		t.Fatalf("the link is of %+v", found.Delegate)
	}
	c := r.delegateIdentified(d, *found.Delegate)
	accepted, err := r.Accept(r.ctx(), c)
	r.must(err)
	if by := accepted.ReceivedBy; by == nil || by.Given != "Jo" || by.Mandate == nil || by.Mandate.ID != m || by.Mandate.Given != "approval" || accepted.Identified != nil {
		t.Errorf("received by %+v", by)
	}
	if got := r.read(c, d.Message).State; got != delivery.HandedOver {
		t.Errorf("state %s", got)
	}
	r.revoke(m)
	if _, _, err := r.OpenPart(r.ctx(), c, 0); !errors.Is(err, identity.ErrNoMandate) {
		t.Errorf("read after withdrawal: %v", err)
	}
	if got := r.found(jo); len(got) != 0 {
		t.Errorf("found after withdrawal: %q", got)
	}
	r.clean()
}

// TestStandingDelegateEnds: a mandate that was withdrawn between identifying and
// deciding decides nothing.
func TestStandingDelegateEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	an, jo := r.holder(r.an(), "an@example.be"), r.holder(r.joProof(), "jo@example.be", "+32478000001")
	m := r.grant(an.Account, jo.Subject, "approval", "{receive}", "{}")
	d := r.notified(to(func(x *delivery.Recipient) { x.Email = "an@example.be" }))
	path, err := r.OpenInbox(r.ctx(), jo, d.ID, m)
	r.must(err)
	found, err := r.ByLink(r.ctx(), strings.TrimPrefix(path, "/c/"))
	r.must(err)
	c := r.delegateIdentified(d, *found.Delegate)
	r.revoke(m)
	before := r.again(d)
	for verb, do := range map[string]func() error{
		"accept": func() error { _, err := r.Accept(r.ctx(), c); return err },
		"reject": func() error { _, err := r.Reject(r.ctx(), c); return err },
		"visit":  func() error { _, err := r.SendCodes(r.ctx(), found, "", identity.Actor{}); return err },
	} {
		if err := do(); !errors.Is(err, identity.ErrNoMandate) {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if _, err := r.OpenInbox(r.ctx(), jo, d.ID, m); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("opened: %v", err)
	}
	if after := r.again(d); after.Seq != before.Seq || after.State != delivery.Notified {
		t.Errorf("state %s, %d events more", after.State, after.Seq-before.Seq)
	}
	// Addresses of one's own are needed, and a mandate to send is none to receive.
	bare := r.holder(r.joProof(), "jo2@example.be")
	if _, err := r.OpenInbox(r.ctx(), bare, d.ID, r.grant(an.Account, bare.Subject, "approval", "{receive}", "{}")); !errors.Is(err, delivery.ErrNoContact) {
		t.Errorf("without a number: %v", err)
	}
	sender := r.holder(r.joProof(), "jo3@example.be", "+32478000003")
	if _, err := r.OpenInbox(r.ctx(), sender, d.ID, r.grant(an.Account, sender.Subject, "approval", "{send,administer}", "{}")); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("with a mandate to send: %v", err)
	}
	r.clock.pass(time.Hour)
	r.clean()
}
