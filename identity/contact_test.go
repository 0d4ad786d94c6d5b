package identity_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/identity"
)

// signedUp is somebody with an account of the own making.
func (b told) signedUp(email string) identity.Actor {
	b.Helper()
	ctx := b.Context()
	n := newcomer(email)
	n.Online = ""
	token := must(b.StartSignUp(ctx, n, ip))(b.T)
	b.want(b.ProveSignUp(ctx, token, "email", b.codeTo(email)), nil, "e-mail")
	b.want(b.ProveSignUp(ctx, token, "sms", b.codeTo(newMobile)), nil, "mobile")
	account, person, err := b.FinishSignUp(ctx, token, ip, agent)
	b.want(err, nil, "finish")
	return identity.Actor{Kind: identity.ActorPerson, Subject: person, Account: account, IP: ip, UserAgent: agent}
}

func TestContacts(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	noor := b.signedUp("noor@post.example")
	b.want(b.AskContact(ctx, noor, "email", " Noor@Werk.example ", false), nil, "ask")
	if d := must(b.ContactDrafts(ctx, noor))(t); len(d) != 1 || d[0] != (identity.ContactDraft{Kind: "email", Value: "noor@werk.example"}) {
		t.Errorf("drafts %+v", d)
	}
	code := b.codeTo("noor@werk.example")
	b.want(b.ConfirmContact(ctx, noor, "sms", code), identity.ErrNotFound, "of another kind")
	b.want(b.ConfirmContact(ctx, b.actor(b.admin), "email", code), identity.ErrNotFound, "by somebody else")
	b.want(b.ConfirmContact(ctx, identity.System, "email", code), identity.ErrNotFound, "by the system")
	b.want(b.ConfirmContact(ctx, noor, "email", "123"), identity.ErrCode, "wrong code")
	if ok := b.storm(func(int) error { return b.ConfirmContact(ctx, noor, "email", code) }); ok != 1 {
		t.Errorf("%d of 16 used the code", ok)
	}
	contacts := must(b.Contacts(ctx, noor))(t)
	if len(contacts) != 3 || !contacts[0].Own || contacts[1].Own || contacts[1].Value != "noor@werk.example" || contacts[1].OnlineAt != nil {
		t.Fatalf("contacts %+v", contacts)
	}
	own, work := contacts[0].ID, contacts[1].ID

	// Consent per address, with its history.
	b.want(b.PreferOnline(ctx, noor, work, true, "", "fr"), identity.ErrInvalid, "no version")
	b.want(b.PreferOnline(ctx, b.actor(b.admin), work, true, "2", "fr"), identity.ErrNotFound, "somebody else's address")
	b.want(b.PreferOnline(ctx, noor, uuid.NewString(), true, "2", "fr"), identity.ErrNotFound, "no address")
	b.want(b.PreferOnline(ctx, noor, work, false, "", "fr"), identity.ErrNotFound, "withdrawn before it was given")
	b.want(b.PreferOnline(ctx, noor, work, true, "2", "fr"), nil, "agree")
	b.want(b.PreferOnline(ctx, noor, work, true, "2", "fr"), identity.ErrNotFound, "agree twice")
	b.want(b.PreferOnline(ctx, noor, work, false, "", "fr"), nil, "withdraw")
	b.want(b.PreferOnline(ctx, noor, work, true, "3", "nl"), nil, "agree again")
	b.want(b.RemoveContact(ctx, noor, own), identity.ErrForbidden, "an own address")
	b.want(b.RemoveContact(ctx, b.actor(b.admin), work), identity.ErrNotFound, "somebody else's address")
	b.want(b.RemoveContact(ctx, noor, work), nil, "remove")
	h := must(b.Holding(ctx, noor))(t)
	var said []string
	for _, o := range h.OnlineConsents {
		said = append(said, fmt.Sprintf("%s %s %v", o.Value, o.Version, o.Given))
	}
	if got := strings.Join(said, ", "); got != "noor@werk.example 2 true, noor@werk.example 2 false, noor@werk.example 3 true, noor@werk.example 3 false" {
		t.Errorf("history: %s", got)
	}
	if len(h.Contacts) != 2 {
		t.Errorf("holding %+v", h.Contacts)
	}
}

// The own address changes only by a code to the new one; the old one is told.
func TestOwnContactChanges(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	noor := b.signedUp("noor@post.example")
	b.want(b.PreferOnline(ctx, noor, must(b.Contacts(ctx, noor))(t)[0].ID, true, "1", "fr"), nil, "agree")
	b.want(b.AskContact(ctx, noor, "email", "noor@nieuw.example", true), nil, "ask")
	if h := must(b.Holding(ctx, noor))(t); h.Person.Email != "noor@post.example" {
		t.Errorf("changed without a code: %s", h.Person.Email)
	}
	code := b.codeTo("noor@nieuw.example")
	b.want(b.AskContact(ctx, noor, "email", "noor@ander.example", true), nil, "another one instead")
	b.want(b.ConfirmContact(ctx, noor, "email", code), identity.ErrCode, "the code of the address asked before")
	b.want(b.AskContact(ctx, noor, "email", "noor@nieuw.example", true), nil, "ask")
	b.want(b.ConfirmContact(ctx, noor, "email", b.codeTo("noor@nieuw.example")), nil, "confirm")
	if n := b.last(identity.NoteContactChanged); n.To != "noor@post.example" || n.Channel != "email" || n.Ref != "email" || n.Account != noor.Account {
		t.Errorf("told %+v", n)
	}
	h := must(b.Holding(ctx, noor))(t)
	if h.Person.Email != "noor@nieuw.example" || h.Person.Login != "noor@nieuw.example" {
		t.Errorf("person %+v", h.Person)
	}
	contacts := must(b.Contacts(ctx, noor))(t)
	if len(contacts) != 2 || contacts[0].Value != "noor@nieuw.example" || !contacts[0].Own || contacts[0].OnlineAt != nil {
		t.Errorf("the old address, or its consent, stayed: %+v", contacts)
	}
	if last := h.OnlineConsents[len(h.OnlineConsents)-1]; last.Given || last.Value != "noor@post.example" {
		t.Errorf("history %+v", h.OnlineConsents)
	}
	b.want(b.AskContact(ctx, noor, "sms", "+32471000002", true), nil, "ask")
	b.want(b.ConfirmContact(ctx, noor, "sms", b.codeTo("+32471000002")), nil, "confirm")
	if n := b.last(identity.NoteContactChanged); n.To != newMobile || n.Channel != "sms" || n.Ref != "sms" {
		t.Errorf("told %+v", n)
	}
	// Another's login is not taken over by proving its address.
	b.want(b.UpdatePerson(ctx, noor, noor.Subject, identity.Update{}), nil, "nothing to correct")
	if _, err := b.pool.Exec(ctx, `UPDATE person SET login = 'els@acme.example' WHERE id = $1`, b.admin); err != nil {
		t.Fatal(err)
	}
	b.want(b.AskContact(ctx, noor, "email", "els@acme.example", true), nil, "ask")
	b.want(b.ConfirmContact(ctx, noor, "email", b.codeTo("els@acme.example")), identity.ErrLoginTaken, "another's login")
	if h := must(b.Holding(ctx, noor))(t); h.Person.Login != "noor@nieuw.example" || len(h.Contacts) != 2 {
		t.Errorf("half a change: %+v", h.Person)
	}
	for name, bad := range map[string][2]string{
		"no address": {"email", "x"}, "no number": {"sms", "0471"}, "no kind": {"fax", "x"}, "header": {"email", "a@b.example\nBcc: c@d.example"},
	} {
		b.want(b.AskContact(ctx, noor, bad[0], bad[1], false), identity.ErrInvalid, name)
	}
	b.want(b.AskContact(ctx, identity.System, "email", "a@b.example", false), identity.ErrNotFound, "by the system")
	b.want(b.ProveContact(ctx, noor, noor.Subject, "email", "a@b.example"), identity.ErrForbidden, "proven by saying so")
	b.want(b.ProveContact(ctx, identity.System, uuid.NewString(), "email", "a@b.example"), identity.ErrNotFound, "nobody's")
	b.want(b.ProveContact(ctx, identity.System, noor.Subject, "email", "a b@c"), identity.ErrInvalid, "no address")
}

// Asking for codes to one address over and over stops, for the asker.
func TestContactLimits(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	noor := b.signedUp("noor@post.example")
	var err error
	for range 10 {
		if err = b.AskContact(ctx, noor, "email", "victim@acme.example", false); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("codes without end")
	}
	if n := b.count(`SELECT count(*) FROM told WHERE address = 'victim@acme.example'`); n > 6 {
		t.Errorf("%d codes to one address", n)
	}
	for i := range 25 {
		b.want(b.ProveContact(ctx, identity.System, noor.Subject, "email", fmt.Sprintf("noor%d@post.example", i)), nil, "prove")
	}
	b.forward(time.Hour)
	b.want(b.AskContact(ctx, noor, "email", "noor99@post.example", false), identity.ErrInvalid, "one address too many")
}
