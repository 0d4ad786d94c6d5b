package identity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(b *bundle, token, els string){
		"idle":     func(b *bundle, _, _ string) { b.forward(15 * time.Minute) },
		"sign out": func(b *bundle, token, _ string) { b.want(b.SignOut(b.Context(), token), nil, "sign out") },
		"removed": func(b *bundle, _, els string) {
			b.want(b.RemoveMember(b.Context(), b.actor(b.admin), b.account, els), nil, "remove")
		},
		"account closed": func(b *bundle, _, _ string) {
			b.want(b.CloseAccount(b.Context(), b.actor(b.admin), b.account), nil, "close")
		},
		"signed out else": func(b *bundle, _, els string) { b.want(b.SignOutOthers(b.Context(), b.actor(els), ""), nil, "others") },
		"absolute": func(b *bundle, token, _ string) {
			for range 12 * 6 {
				b.forward(10 * time.Minute)
				b.Session(b.Context(), token)
			}
		},
		"password changed": func(b *bundle, _, els string) {
			b.want(b.ChangePassword(b.Context(), b.actor(els), "", password, "negen natte nonnen"), nil, "change")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			els := b.add("els", identity.Sender)
			token, _, err := b.signIn("els", password, "")
			b.want(err, nil, "sign in")
			b.forward(14 * time.Minute)
			if s, err := b.Session(t.Context(), token); err != nil || s.Role != identity.Sender {
				t.Fatalf("before: %+v, %v", s, err)
			}
			end(b, token, els)
			_, err = b.Session(t.Context(), token)
			b.want(err, identity.ErrSessionOver, "after")
			b.want(b.SignOut(t.Context(), token), nil, "sign out again")
		})
	}
}

func TestSessionToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token, s, err := b.signIn("an", password, "")
	b.want(err, nil, "sign in")
	if len(token) != 43 || !s.Fresh(b.now(), 0) || s.Fresh(b.now().Add(6*time.Minute), 5*time.Minute) {
		t.Errorf("token of %d characters, session %+v", len(token), s)
	}
	last := token[len(token)-1]
	for name, bad := range map[string]string{
		"empty": "", "cut": token[:42], "longer": token + "A", "padded": token + "=", "blank": " " + token, "upper": strings.ToUpper(token),
		"nul": token[:42] + "\x00", "same bits": token[:42] + string(last+1), "line": token[:21] + "\n" + token[22:], "huge": strings.Repeat("A", 1<<20),
	} {
		_, err := b.Session(t.Context(), bad)
		b.want(err, identity.ErrSessionOver, name)
	}
	if n := b.count(`SELECT count(*) FROM session s WHERE s::text LIKE '%' || $1 || '%'`, token); n != 0 {
		t.Error("the token is stored")
	}
	hostile := strings.Repeat("é\x00\xff\r\n", 500)
	_, s, err = b.SignIn(t.Context(), "an", password, "", hostile, hostile, hostile)
	b.want(err, nil, "hostile client data")
	if len(s.UserAgent) > 500 || len(s.UserAgent) < 490 || strings.ContainsAny(s.UserAgent, "\x00\r\n") || s.Language != "nl" {
		t.Errorf("user agent of %d octets, language %q", len(s.UserAgent), s.Language)
	}
}

func TestSwitchAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	els := b.add("els", identity.Sender)
	other, _, err := b.CreateAccount(t.Context(), company(), person("jan", "Jan", "Maes"))
	b.want(err, nil, "other account")
	token, _, err := b.signIn("els", password, "")
	b.want(err, nil, "sign in")
	_, err = b.SwitchAccount(t.Context(), token, other)
	b.want(err, identity.ErrNotFound, "not a member")
	b.want(b.AddMember(t.Context(), b.actor(b.admin), other, els, identity.Reader), identity.ErrForbidden, "added by an outsider")
	b.want(b.AddMember(t.Context(), identity.System, other, els, "owner"), identity.ErrForbidden, "unknown role")
	b.want(b.AddMember(t.Context(), identity.System, other, "00000000-0000-7000-8000-000000000000", identity.Reader), identity.ErrNotFound, "unknown person")
	b.want(b.AddMember(t.Context(), identity.System, other, els, identity.Reader), nil, "added")
	fresh := must(b.SwitchAccount(t.Context(), token, other))(t)
	if s, err := b.Session(t.Context(), fresh); err != nil || s.Account != other || s.Role != identity.Reader {
		t.Errorf("switched: %+v, %v", s, err)
	}
	_, err = b.Session(t.Context(), token)
	b.want(err, identity.ErrSessionOver, "old token")
	if p := must(b.Places(t.Context(), b.actor(els)))(t); len(p) != 2 || p[1].Account != other {
		t.Errorf("places %+v", p)
	}
	// R7: out of one account, the person stays in the other.
	b.want(b.RemoveMember(t.Context(), b.actor(b.admin), b.account, els), nil, "remove from one")
	if s, err := b.Session(t.Context(), fresh); err != nil || s.Person != els {
		t.Errorf("in the other account: %+v, %v", s, err)
	}
	b.want(b.RemoveMember(t.Context(), identity.System, other, els), nil, "remove from the other")
	if n := b.count(`SELECT count(*) FROM person WHERE id = $1`, els); n != 0 {
		t.Error("the person's data stayed")
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	els, piet := b.add("els", identity.Sender), b.add("piet", identity.Administrator)
	ctx, an := t.Context(), b.actor(b.admin)
	_, err := b.Members(ctx, b.actor(els), b.account)
	b.want(err, identity.ErrForbidden, "list by a sender")
	_, err = b.CreatePerson(ctx, b.actor(els), b.account, identity.Sender, person("x1", "X", "Y"))
	b.want(err, identity.ErrForbidden, "person by a sender")
	_, err = b.CreatePerson(ctx, an, b.account, "root", person("x1", "X", "Y"))
	b.want(err, identity.ErrInvalid, "unknown role")
	_, err = b.CreatePerson(ctx, an, "x", identity.Sender, person("x1", "X", "Y"))
	b.want(err, identity.ErrNotFound, "no account")
	b.want(b.SetRole(ctx, b.actor(els), b.account, els, identity.Administrator), identity.ErrForbidden, "promoting oneself")
	b.want(b.RemoveMember(ctx, b.actor(els), b.account, piet), identity.ErrForbidden, "sender removes another")
	b.want(b.SetRole(ctx, an, b.account, els, ""), identity.ErrForbidden, "no role")
	b.want(b.RemoveMember(ctx, an, b.account, "00000000-0000-7000-8000-000000000000"), identity.ErrNotFound, "stranger")
	if m := must(b.Members(ctx, an, b.account))(t); len(m) != 3 || m[0].Role != identity.Administrator || m[2].Person != els {
		t.Errorf("members %+v", m)
	}
	b.want(b.RemoveMember(ctx, b.actor(els), b.account, els), nil, "sender leaves")
	// Both administrators leave at once: one has to stay.
	who := []string{b.admin, piet}
	ok := b.storm(func(i int) error { return b.RemoveMember(ctx, b.actor(who[i%2]), b.account, who[i%2]) })
	if n := b.count(`SELECT count(*) FROM membership WHERE role = 'administrator'`); ok != 1 || n != 1 {
		t.Errorf("%d left, %d stayed", ok, n)
	}
	var last string
	if err := b.pool.QueryRow(ctx, `SELECT person_id FROM membership`).Scan(&last); err != nil {
		t.Fatal(err)
	}
	b.want(b.RemoveMember(ctx, b.actor(last), b.account, last), identity.ErrLastAdministrator, "last one leaves")
	b.want(b.SetRole(ctx, b.actor(last), b.account, last, identity.Sender), identity.ErrLastAdministrator, "last one steps down")
}

func TestReset(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	token, _, err := b.signIn("an", password, "")
	b.want(err, nil, "sign in")
	ask := func(login string) (link string) {
		t.Helper()
		b.want(b.AskReset(ctx, login, ip), nil, login)
		n := b.last(identity.NotePasswordReset)
		f := must(b.NoteFacts(ctx, n))(t)
		if n.To != "an@acme.example" || n.Channel != "email" || n.Language != "nl" || f.Name != "An Peeters" || !f.Until.Equal(b.now().Add(30*time.Minute)) {
			t.Errorf("note %+v says %+v", n, f)
		}
		return strings.TrimPrefix(f.Path, "/portal/reset/")
	}
	old, link := ask("an"), ask("AN")
	const fresh = "negen natte nonnen"
	b.want(b.MayReset(ctx, old), nil, "a link from before")
	b.want(b.ResetPassword(ctx, "x", fresh), identity.ErrToken, "no token")
	b.want(b.ResetPassword(ctx, token, fresh), identity.ErrToken, "a session's token")
	b.want(b.ResetPassword(ctx, link, "kort"), identity.ErrInvalid, "short password")
	if ok := b.storm(func(int) error { return b.ResetPassword(ctx, link, fresh) }); ok != 1 {
		t.Errorf("%d of 16 used the token", ok)
	}
	b.want(b.ResetPassword(ctx, old, password), identity.ErrToken, "a link from before, once another was used")
	b.want(b.MayReset(ctx, link), identity.ErrToken, "a used link")
	if n := b.last(identity.NoteSignInChanged); n.Channel != "sms" || n.Ref != "password_reset" {
		t.Errorf("not told: %+v", n)
	}
	_, err = b.Session(ctx, token)
	b.want(err, identity.ErrSessionOver, "session from before")
	_, _, err = b.signIn("an", password, "")
	b.want(err, identity.ErrSignIn, "old password")
	_, _, err = b.signIn("an", fresh, "")
	b.want(err, nil, "new password")
	late := ask("an")
	n := b.last(identity.NotePasswordReset)
	b.forward(30 * time.Minute)
	b.want(b.ResetPassword(ctx, late, password), identity.ErrToken, "too late")
	_, err = b.NoteFacts(ctx, n)
	b.want(err, identity.ErrStale, "a mail that comes too late")
	for range 8 {
		b.AskReset(ctx, "an", ip)
	}
	b.want(b.AskReset(ctx, "an", ip), identity.ErrLocked, "asking on and on")
	b.want(b.AskReset(ctx, "an", "192.0.2.99"), nil, "somebody else, meanwhile")
	if n := b.count(`SELECT count(*) FROM ticket WHERE ticket::text LIKE '%' || $1 || '%'`, link); n != 0 {
		t.Error("a token stands in the table")
	}
	b.want(b.ChangePassword(ctx, b.actor(b.admin), "", "wrong", password), identity.ErrSignIn, "wrong old password")
	b.want(b.ChangePassword(ctx, identity.System, "", fresh, password), identity.ErrForbidden, "not by a person")
}
