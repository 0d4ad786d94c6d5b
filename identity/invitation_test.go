package identity_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/identity"
)

// invited is the token of an invitation, as the mail carries it.
func (h house) invited(email string, role identity.Role) string {
	h.Helper()
	h.want(h.Invite(h.Context(), h.boss, email, role, "fr"), nil, "invite")
	f := must(h.NoteFacts(h.Context(), h.last(identity.NoteInvitation)))(h.T)
	if f.Account != "Zilverlinde bv" || !strings.HasPrefix(f.Path, "/portal/invitation/") {
		h.Errorf("mail: %+v", f)
	}
	return strings.TrimPrefix(f.Path, "/portal/invitation/")
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	h := setupHouse(t)
	ctx := t.Context()
	h.want(h.Invite(ctx, h.els, "x@y.example", identity.Reader, "nl"), identity.ErrForbidden, "by a colleague")
	h.want(h.Invite(ctx, h.applicant, "x@y.example", identity.Reader, "nl"), identity.ErrForbidden, "to a private account")
	for what, x := range map[string][3]string{"no e-mail": {"x", "reader", "nl"}, "no role": {"x@y.example", "owner", "nl"}, "no language": {"x@y.example", "reader", "xx"}} {
		h.want(h.Invite(ctx, h.boss, x[0], identity.Role(x[1]), x[2]), identity.ErrInvalid, what)
	}
	token := h.invited("piet@post.example", identity.Sender)
	if n := h.last(identity.NoteInvitation); n.To != "piet@post.example" || n.Language != "fr" {
		t.Errorf("told: %+v", n)
	}
	list := must(h.Invitations(ctx, h.boss))(t)
	if len(list) != 1 || list[0].Email != "piet@post.example" || list[0].Role != identity.Sender {
		t.Errorf("invitations: %+v", list)
	}
	_, err := h.Invitations(ctx, h.els)
	h.want(err, identity.ErrForbidden, "listed by a colleague")
	piet := h.identified("piet", "Piet", "Jans", "01050399864")
	h.want(h.WithdrawInvitation(ctx, piet, list[0].ID), identity.ErrNotFound, "withdrawn by a stranger")
	h.want(h.WithdrawInvitation(ctx, h.actor(h.admin), list[0].ID), identity.ErrNotFound, "withdrawn by another company")
	for what, bad := range map[string]string{"none": "", "another": token[:42] + "_", "id": list[0].ID} {
		_, err := h.AcceptInvitation(ctx, piet, bad)
		h.want(err, identity.ErrToken, "token: "+what)
	}
	if i := must(h.Invitation(ctx, token))(t); i.Company != "Zilverlinde bv" || i.Role != identity.Sender {
		t.Errorf("invitation: %+v", i)
	}
	ok := h.storm(func(int) error {
		_, err := h.AcceptInvitation(context.WithoutCancel(ctx), piet, token)
		return err
	})
	if n := h.count(`SELECT count(*) FROM membership WHERE person_id = $1 AND role = 'sender'`, piet.Subject); ok != 1 || n != 1 {
		t.Errorf("accepted %d times, %d memberships", ok, n)
	}
	_, err = h.Invitation(ctx, token)
	h.want(err, identity.ErrToken, "used")
}

func TestInvitationEnds(t *testing.T) {
	t.Parallel()
	for what, happens := range map[string]func(h house, id string){
		"withdrawn":      func(h house, id string) { h.want(h.WithdrawInvitation(h.Context(), h.boss, id), nil, "withdraw") },
		"too old":        func(h house, _ string) { h.forward(7*24*time.Hour + time.Second) },
		"account closed": func(h house, _ string) { h.want(h.CloseAccount(h.Context(), h.boss, h.boss.Account), nil, "close") },
		"account suspended": func(h house, _ string) {
			h.want(h.SuspendAccount(h.Context(), h.operators[0], h.boss.Account, "x"), nil, "suspend")
		},
		"inviter no longer in": func(h house, _ string) {
			h.want(h.AddMember(h.Context(), identity.System, h.boss.Account, h.els.Subject, identity.Administrator), nil, "another administrator")
			h.want(h.RemoveMember(h.Context(), h.boss, h.boss.Account, h.boss.Subject), nil, "leave")
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			h := setupHouse(t)
			token := h.invited("piet@post.example", identity.Reader)
			list := must(h.Invitations(t.Context(), h.boss))(t)
			piet := h.identified("piet", "Piet", "Jans", "01050399864")
			happens(h, list[0].ID)
			_, err := h.AcceptInvitation(t.Context(), piet, token)
			h.want(err, identity.ErrToken, what)
			if n := h.count(`SELECT count(*) FROM membership WHERE person_id = $1 AND account_id = $2`, piet.Subject, h.boss.Account); n != 0 {
				t.Error("joined")
			}
		})
	}
}

func TestInvitationGivesNoMoreThanItSays(t *testing.T) {
	t.Parallel()
	h := setupHouse(t)
	ctx := t.Context()
	token := h.invited("els@acme.example", identity.Administrator)
	unknown := h.els
	unknown.Record, unknown.Level = "", identity.LevelNone
	_, err := h.AcceptInvitation(ctx, unknown, token)
	h.want(err, identity.ErrUnidentified, "an administrator nobody knows")
	account, err := h.AcceptInvitation(ctx, h.els, token)
	if err != nil || account != h.boss.Account {
		t.Errorf("accept: %s, %v", account, err)
	}
	if n := h.count(`SELECT count(*) FROM membership WHERE person_id = $1 AND role = 'administrator'`, h.els.Subject); n != 1 {
		t.Error("an invitation changed the role of a member: els administers her own account only")
	}
	h.want(h.authorise(h.els, identity.PowerSend), identity.ErrNoMandate, "a role is no mandate")
	if _, err := h.AcceptInvitation(ctx, identity.System, token); err == nil {
		t.Error("accepted by nobody")
	}
	h.want(h.WithdrawInvitation(ctx, h.boss, uuid.NewString()), identity.ErrNotFound, "no such invitation")
	var last error
	for range 101 {
		last = h.Invite(ctx, h.boss, "x@y.example", identity.Reader, "nl")
	}
	h.want(last, identity.ErrTooMany, "without end")
}

// Billing sees the account and none of its messages: it stands beside the other
// roles.
func TestBillingRole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		has, wants identity.Role
		want       bool
	}{
		{identity.Billing, identity.Billing, true}, {identity.Billing, "", true}, {identity.Billing, identity.Reader, false}, {identity.Billing, identity.Sender, false},
		{identity.Billing, identity.Administrator, false}, {identity.Reader, identity.Billing, false}, {identity.Administrator, identity.Billing, false},
		{"", "", false}, {"", identity.Billing, false}, {"owner", "", false}, {identity.Reader, "", true},
	} {
		if got := c.has.AtLeast(c.wants); got != c.want {
			t.Errorf("%q at least %q: %v", c.has, c.wants, got)
		}
	}
	b := setup(t)
	els := b.add("els", identity.Billing)
	b.want(b.Restrict(t.Context(), b.actor(els), true), nil, "restrict")
	token, _, err := b.signIn("els", password, "")
	b.want(err, nil, "sign in")
	if s := must(b.Session(t.Context(), token))(t); s.Role != identity.Billing {
		t.Errorf("restricted billing became %s", s.Role)
	}
}
