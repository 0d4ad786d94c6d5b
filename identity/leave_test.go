package identity_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/identity"
)

// R7: a private account's data goes within 45 days, all of it; what others hold
// stays.
func TestLeavePrivate(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	noor := b.signedUp("noor@post.example")
	b.want(b.AskContact(ctx, noor, "email", "noor@werk.example", false), nil, "a draft")
	b.want(b.AskReset(ctx, "noor@post.example", ip), nil, "a link")
	if _, err := b.save(proof("Noor", "Peeters"), identity.Occasion{Person: noor.Subject}); err != nil {
		t.Fatal(err)
	}
	token, _, err := b.signIn("noor@post.example", password, "")
	b.want(err, nil, "sign in")
	b.want(b.RemoveMember(ctx, noor, noor.Account, noor.Subject), identity.ErrLastAdministrator, "leaves the own account")
	b.want(b.CloseAccount(ctx, b.actor(b.admin), noor.Account), identity.ErrNotFound, "closed by a stranger")
	b.want(b.CloseAccount(ctx, noor, noor.Account), nil, "close")
	n := b.last(identity.NoteAccountClosed)
	if f := must(b.NoteFacts(ctx, n))(t); n.To != "noor@post.example" || !f.Until.Equal(b.now().Add(45*24*time.Hour)) {
		t.Errorf("told %+v, %+v", n, f)
	}
	_, err = b.Session(ctx, token)
	b.want(err, identity.ErrSessionOver, "a session of before")
	_, _, err = b.signIn("noor@post.example", password, "")
	b.want(err, identity.ErrSignIn, "sign in again")
	left := func() (n int) {
		for _, table := range []string{"person WHERE id", "contact WHERE person_id", "contact_consent WHERE person_id", "contact_draft WHERE person_id",
			"ticket WHERE person_id", "consent WHERE person_id", "session WHERE person_id", "membership WHERE person_id"} {
			n += b.count(`SELECT count(*) FROM `+table+` = $1`, noor.Subject)
		}
		return n + b.count(`SELECT count(*) FROM account WHERE id = $1 AND address IS NOT NULL`, noor.Account)
	}
	if left() == 0 {
		t.Fatal("nothing to remove")
	}
	b.forward(45*24*time.Hour - time.Minute) // the last moment
	b.want(b.Sweep(ctx), nil, "sweep")
	if n := left(); n != 0 {
		t.Errorf("%d rows left after 45 days", n)
	}
	if n := b.count(`SELECT count(*) FROM access_log WHERE person_id = $1`, noor.Subject); n == 0 {
		t.Error("the log of uses went before its 24 months")
	}
	// What evidence cites of the person stays as long as evidence.
	proofs := func() int { return b.count(`SELECT count(*) FROM identification WHERE person_id = $1`, noor.Subject) }
	b.forward(26 * 30 * 24 * time.Hour)
	b.want(b.Sweep(ctx), nil, "sweep")
	if proofs() != 1 {
		t.Error("the identification went before the evidence")
	}
	b.forward(2 * 30 * 24 * time.Hour)
	b.want(b.Sweep(ctx), nil, "sweep")
	if n := proofs() + b.count(`SELECT count(*) FROM departure`); n != 0 {
		t.Errorf("%d rows left when nothing cites the person any more", n)
	}
	b.want(b.AskReset(ctx, "noor@post.example", ip), nil, "a reset of somebody who left")
	if n := b.last(identity.NotePasswordReset); n.To == "noor@post.example" {
		t.Error("mailed to somebody who left")
	}
}

// R7: the data of a user who is removed goes at once, with the rights to act; that
// of somebody who is in another account stays.
func TestLeaveCompany(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	els := b.add("els", identity.Sender)
	b.want(b.ProveContact(ctx, identity.System, els, "email", "els@acme.example"), nil, "contact")
	b.want(b.AskReset(ctx, "els", ip), nil, "a link")
	if _, err := b.pool.Exec(ctx, `
INSERT INTO mandate (id, account_id, person_id, given, family, powers, valid_from, granted_by, granted_at, proof_kind)
VALUES ($1, $2, $3, 'Els', 'Claes', '{send}', $4, 'x', $4, 'operator')`, uuid.NewString(), b.account, els, b.now()); err != nil {
		t.Fatal(err)
	}
	other, jan, err := b.CreateAccount(ctx, company(), person("jan", "Jan", "Maes"))
	b.want(err, nil, "another account")
	b.want(b.AddMember(ctx, identity.System, other, els, identity.Reader), nil, "els is there too")
	b.want(b.RemoveMember(ctx, b.actor(b.admin), b.account, els), nil, "remove")
	if n := b.count(`SELECT count(*) FROM contact WHERE person_id = $1`, els); n != 1 {
		t.Error("the other account's data went")
	}
	if n := b.count(`SELECT count(*) FROM mandate WHERE person_id = $1 AND revoked_at IS NULL`, els); n != 0 {
		t.Error("removed, and may still act")
	}
	b.want(b.RemoveMember(ctx, identity.Actor{Kind: identity.ActorPerson, Subject: jan, Account: other}, other, els), nil, "remove there too")
	for _, table := range []string{"person WHERE id", "contact WHERE person_id", "ticket WHERE person_id", "session WHERE person_id", "mandate WHERE person_id"} {
		if n := b.count(`SELECT count(*) FROM `+table+` = $1`, els); n != 0 {
			t.Errorf("%s: %d rows left", table, n)
		}
	}
	if n := b.count(`SELECT count(*) FROM mandate WHERE family = 'Claes' AND revoked_at IS NOT NULL`); n != 1 {
		t.Error("evidence cites a mandate that is gone")
	}
	b.want(b.CloseAccount(ctx, b.actor(b.admin), b.account), nil, "close")
	if n := b.count(`SELECT count(*) FROM mandate WHERE account_id = $1 AND revoked_at IS NULL`, b.account); n != 0 {
		t.Error("a closed account lets somebody act")
	}
	b.forward(31 * 24 * time.Hour)
	b.want(b.Sweep(ctx), nil, "sweep")
	if n := b.count(`SELECT count(*) FROM mandate WHERE account_id = $1 AND (given <> '' OR family <> '')`, b.account); n != 0 {
		t.Error("names of a closed company's people stayed")
	}
}

// R8: what is held is corrected by its person only.
func TestCorrect(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	noor := b.signedUp("noor@post.example")
	address, none, mail, bad := []string{"Nieuwstraat 2", "1000 Brussel"}, make([]string, 9), "post@acme.example", "acme"
	b.want(b.UpdateAccount(ctx, noor, identity.AccountUpdate{Address: &address}), nil, "address")
	if p := must(b.Profile(ctx, noor.Account))(t); len(p.Address) != 2 || p.Address[0] != address[0] {
		t.Errorf("profile %+v", p)
	}
	b.want(b.UpdateAccount(ctx, b.actor(b.admin), identity.AccountUpdate{Email: &mail}), nil, "address of a company")
	if p := must(b.Profile(ctx, b.account))(t); p.Email != mail || len(p.Address) > 0 {
		t.Errorf("profile %+v", p)
	}
	els := b.add("els", identity.Sender)
	for name, c := range map[string]struct {
		by   identity.Actor
		u    identity.AccountUpdate
		want error
	}{
		"by a sender":               {b.actor(els), identity.AccountUpdate{Email: &mail}, identity.ErrForbidden},
		"by nobody":                 {identity.Actor{}, identity.AccountUpdate{Email: &mail}, identity.ErrNotFound},
		"no e-mail":                 {b.actor(b.admin), identity.AccountUpdate{Email: &bad}, identity.ErrInvalid},
		"e-mail of private account": {noor, identity.AccountUpdate{Email: &mail}, identity.ErrInvalid},
		"address of a company":      {b.actor(b.admin), identity.AccountUpdate{Address: &address}, identity.ErrInvalid},
		"address too long":          {noor, identity.AccountUpdate{Address: &none}, identity.ErrInvalid},
		"another's account": {identity.Actor{Kind: identity.ActorPerson, Subject: noor.Subject, Account: b.account}, identity.AccountUpdate{Email: &mail},
			identity.ErrForbidden},
	} {
		b.want(b.UpdateAccount(ctx, c.by, c.u), c.want, name)
	}
}

// TestSessionsAtOnce: with the eleventh session the one ends that was used longest
// ago, and the access log says so.
func TestSessionsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	var tokens []string
	for range 10 {
		b.forward(40 * time.Second)
		token, _, err := b.signIn("an", password, "")
		b.want(err, nil, "sign in")
		tokens = append(tokens, token)
	}
	b.forward(40 * time.Second)
	must(b.Session(ctx, tokens[0]))(t) // used again: the second is the oldest now
	_, s, err := b.signIn("an", password, "")
	b.want(err, nil, "sign in once more")
	for i, token := range tokens {
		want := error(nil)
		if i == 1 {
			want = identity.ErrSessionOver
		}
		_, err := b.Session(ctx, token)
		b.want(err, want, fmt.Sprint("session ", i))
	}
	if all := must(b.Sessions(ctx, s.Actor(ip, agent), tokens[0]))(t); len(all) != 10 {
		t.Errorf("%d sessions are open", len(all))
	}
	if n := b.count(`SELECT count(*) FROM access_log WHERE action = 'signed_out'`); n != 1 {
		t.Errorf("%d lines in the access log", n)
	}
}

func TestSessionsList(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	first, s, err := b.signIn("an", password, "")
	b.want(err, nil, "sign in")
	second, _, err := b.signIn("an", password, "")
	b.want(err, nil, "sign in elsewhere")
	all := must(b.Sessions(ctx, s.Actor(ip, agent), first))(t)
	if len(all) != 2 || all[0].Here == all[1].Here || all[0].Method != identity.MethodPassword || all[0].IP != ip || all[0].Language != "fr" {
		t.Errorf("sessions %+v", all)
	}
	b.want(b.SignOutOthers(ctx, s.Actor(ip, agent), first), nil, "sign out the others")
	if all := must(b.Sessions(ctx, s.Actor(ip, agent), first))(t); len(all) != 1 || !all[0].Here {
		t.Errorf("sessions %+v", all)
	}
	_, err = b.Session(ctx, second)
	b.want(err, identity.ErrSessionOver, "the other one")
	_, err = b.Sessions(ctx, identity.System, first)
	b.want(err, identity.ErrNotFound, "the system has none")
}
