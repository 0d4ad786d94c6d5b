package identity_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/identity"
)

func TestWithdrawMandate(t *testing.T) {
	t.Parallel()
	h := setupHouse(t)
	ctx := t.Context()
	m := h.grant(h.boss, bossNumber, h.newMandate())
	outsider := h.identified("piet", "Piet", "Jans", "01050399864")
	for who, by := range map[string]identity.Actor{"a stranger": outsider, "another company's administrator": h.actor(h.admin), "the system": identity.System} {
		h.want(h.WithdrawMandate(ctx, by, m.ID), identity.ErrNotFound, who)
	}
	reader := h.identified("ria", "Ria", "Jans", "40000095579")
	h.want(h.AddMember(ctx, identity.System, h.boss.Account, reader.Subject, identity.Reader), nil, "member")
	reader.Account = h.boss.Account
	h.want(h.WithdrawMandate(ctx, reader, m.ID), identity.ErrForbidden, "a colleague who administers nothing")
	h.want(h.WithdrawMandate(ctx, h.boss, uuid.NewString()), identity.ErrNotFound, "no such mandate")
	h.want(h.authorise(h.els, identity.PowerSend), nil, "in force")
	h.want(h.SuspendAccount(ctx, h.operators[0], h.boss.Account, "x"), nil, "suspend")
	h.want(h.WithdrawMandate(ctx, h.els, m.ID), nil, "laid down by the grantee, even of a suspended account")
	h.want(h.ResumeAccount(ctx, h.operators[0], h.boss.Account, "x"), nil, "resume")
	h.want(h.authorise(h.els, identity.PowerSend), identity.ErrNoMandate, "at once")
	h.want(h.WithdrawMandate(ctx, h.els, m.ID), nil, "again")
	if n := h.count(`SELECT count(*) FROM access_log WHERE action = 'mandate_withdrawn'`); n != 1 {
		t.Errorf("withdrawn %d times", n)
	}
	if _, err := h.pool.Exec(ctx, `UPDATE mandate SET revoked_at = NULL, revoked_by = '' WHERE id = $1`, m.ID); !violated(err, "mandate_only_ends") {
		t.Errorf("revived: %v", err)
	}
	founder := must(h.Mandates(ctx, h.boss))(t)
	h.want(h.WithdrawMandate(ctx, h.boss, founder[len(founder)-1].ID), identity.ErrLastAdministrator, "the last one to administer")

	// Two administrators who lay theirs down together.
	h.want(h.SetRole(ctx, h.boss, h.boss.Account, h.els.Subject, identity.Administrator), nil, "role")
	second := h.grant(h.boss, bossNumber, identity.NewMandate{Grantee: h.els.Subject, Powers: []identity.Power{identity.PowerAdminister}})
	h.storm(func(i int) error {
		if i%2 == 0 {
			return h.WithdrawMandate(context.WithoutCancel(ctx), h.boss, founder[len(founder)-1].ID)
		}
		return h.WithdrawMandate(context.WithoutCancel(ctx), h.els, second.ID)
	})
	if n := h.count(`SELECT count(*) FROM mandate WHERE account_id = $1 AND revoked_at IS NULL AND 'administer' = ANY(powers)`, h.boss.Account); n != 1 {
		t.Errorf("%d mandates to administer left, want 1", n)
	}
}

// With the membership go the mandates; two who leave together leave one (R7).
func TestMandatesOfLeavers(t *testing.T) {
	t.Parallel()
	h := setupHouse(t)
	ctx := t.Context()
	h.grant(h.boss, bossNumber, h.newMandate())
	h.want(h.SetRole(ctx, h.boss, h.boss.Account, h.els.Subject, identity.Administrator), nil, "role")
	if ok := h.storm(func(i int) error {
		a := []identity.Actor{h.boss, h.els}[i%2]
		return h.RemoveMember(context.WithoutCancel(ctx), a, a.Account, a.Subject)
	}); ok != 1 {
		t.Errorf("%d administrators left", ok)
	}
	if n := h.count(`SELECT count(*) FROM mandate m WHERE m.account_id = $1 AND m.revoked_at IS NULL AND NOT EXISTS
	                 (SELECT FROM membership x WHERE x.account_id = m.account_id AND x.person_id = m.person_id)`, h.boss.Account); n != 0 {
		t.Errorf("%d mandates of nobody are in force", n)
	}
	if n := h.count(`SELECT count(*) FROM person WHERE login IN ('els', 'lore')`); n != 2 {
		t.Error("a person with a private account lost it")
	}
}

// A private person names a standing delegate, to receive and nothing else.
func TestStandingDelegate(t *testing.T) {
	t.Parallel()
	h := setupHouse(t)
	ctx := t.Context()
	lore := h.applicant
	receive := identity.NewMandate{Grantee: " ELS ", GranteeFamily: "claes", Powers: []identity.Power{identity.PowerReceive}}
	for what, spoil := range map[string]func(*identity.NewMandate){
		"to send": func(n *identity.NewMandate) { n.Powers = []identity.Power{identity.PowerSend} },
		"to administer": func(n *identity.NewMandate) {
			n.Powers = []identity.Power{identity.PowerAdminister, identity.PowerReceive}
		},
		"a login alone":           func(n *identity.NewMandate) { n.GranteeFamily = "" },
		"another family name":     func(n *identity.NewMandate) { n.GranteeFamily = "Maes" },
		"no such login":           func(n *identity.NewMandate) { n.Grantee = "nobody" },
		"somebody unproven":       func(n *identity.NewMandate) { n.Grantee, n.GranteeFamily = "an", "Peeters" },
		"no login, only a family": func(n *identity.NewMandate) { n.Grantee = "" },
	} {
		n := receive
		spoil(&n)
		_, err := h.DraftMandate(ctx, lore, n, text)
		h.want(err, identity.ErrInvalid, what)
	}
	m := h.grant(lore, bossNumber, receive)
	h.want(h.authoriseAs(h.els, m.ID, identity.PowerReceive), nil, "receive")
	h.want(h.authoriseAs(h.els, m.ID, identity.PowerSend), identity.ErrNoMandate, "send")
	h.want(h.authoriseAs(h.boss, m.ID, identity.PowerReceive), identity.ErrNoMandate, "somebody else")
	h.want(h.authoriseAs(h.els, uuid.NewString(), identity.PowerReceive), identity.ErrNoMandate, "no mandate")
	h.want(h.authoriseAs(h.els, "x", identity.PowerReceive), identity.ErrNoMandate, "no id")
	held := must(h.HeldMandates(ctx, h.els))(t)
	if len(held) != 1 || held[0].Principal != "Lore Peeters" || held[0].Kind != identity.Private {
		t.Errorf("held: %+v", held)
	}
	if facts := must(h.NoteFacts(ctx, h.last(identity.NoteMandateGranted)))(t); facts.Account != "Lore Peeters" || facts.Path != "/portal/mandates" {
		t.Errorf("told: %+v", facts)
	}
	h.want(h.SuspendAccount(ctx, h.operators[0], lore.Account, "x"), nil, "suspend")
	h.want(h.authoriseAs(h.els, m.ID, identity.PowerReceive), identity.ErrSuspended, "of a suspended account")
	h.want(h.ResumeAccount(ctx, h.operators[0], lore.Account, "x"), nil, "resume")
	h.want(h.CloseAccount(ctx, lore, lore.Account), nil, "close")
	if err := h.authoriseAs(h.els, m.ID, identity.PowerReceive); err == nil {
		t.Error("a mandate of a closed account holds")
	}
}

// Trying logins to learn names ends soon, and slows down only who tries.
func TestDelegateGuessing(t *testing.T) {
	t.Parallel()
	h := setupHouse(t)
	n := identity.NewMandate{Grantee: "els", GranteeFamily: "Maes", Powers: []identity.Power{identity.PowerReceive}}
	var err error
	for range 12 {
		_, err = h.DraftMandate(t.Context(), h.applicant, n, text)
	}
	h.want(err, identity.ErrLocked, "the twelfth try")
	n.GranteeFamily = "Claes"
	_, err = h.DraftMandate(t.Context(), h.operators[0], n, text)
	h.want(err, nil, "somebody else")
}

func TestMandateDates(t *testing.T) {
	t.Parallel()
	h := setupHouse(t)
	until := h.now().Add(48 * time.Hour)
	n := h.newMandate()
	n.From, n.Until = h.now().Add(24*time.Hour), &until
	h.grant(h.boss, bossNumber, n)
	h.want(h.authorise(h.els, identity.PowerSend), identity.ErrNoMandate, "not yet")
	h.forward(24 * time.Hour)
	h.want(h.authorise(h.els, identity.PowerSend), nil, "from the first instant")
	h.forward(24*time.Hour - time.Microsecond)
	h.want(h.authorise(h.els, identity.PowerSend), nil, "to the last")
	h.forward(time.Microsecond)
	h.want(h.authorise(h.els, identity.PowerSend), identity.ErrNoMandate, "over")
}
