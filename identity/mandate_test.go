package identity_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/identity"
)

func violated(err error, constraint string) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pe.ConstraintName == constraint
}

// authorise asks whether an actor may do something now.
func (b *bundle) authorise(by identity.Actor, p identity.Power) error {
	return b.authoriseClass(by, p, "")
}

func (b *bundle) authoriseClass(by identity.Actor, p identity.Power, class string) error {
	return pgx.BeginFunc(b.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := b.Authorise(b.Context(), tx, by, p, class, b.now())
		return err
	})
}

func (b *bundle) authoriseAs(by identity.Actor, mandate string, p identity.Power) error {
	return pgx.BeginFunc(b.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := b.AuthoriseAs(b.Context(), tx, by, mandate, p, "", b.now())
		return err
	})
}

// house is a company with an identified administrator and colleague.
type house struct {
	firm
	boss identity.Actor
	els  identity.Actor
}

func setupHouse(t *testing.T) house {
	t.Helper()
	h := house{firm: setupFirm(t)}
	a := h.brought(true)
	h.want(h.confirm(h.operators[0], a), nil, "approve")
	a = must(h.Application(t.Context(), h.applicant, a.ID))(t)
	h.boss = h.applicant
	h.boss.Account = a.Account
	h.els = h.identified("els", "Els", "Claes", "99060427181")
	h.want(h.AddMember(t.Context(), identity.System, a.Account, h.els.Subject, identity.Sender), nil, "member")
	h.els.Account = a.Account
	return h
}

func text(d identity.MandateDraft) (string, error) {
	return "mandate " + d.ID + " of " + d.Principal + " for " + d.Given + " " + d.Family, nil
}

func (h house) newMandate() identity.NewMandate {
	return identity.NewMandate{Grantee: h.els.Subject, Powers: []identity.Power{identity.PowerSend}}
}

// proofOf is what a means proves of somebody who approved a text.
func proofOf(a identity.Actor, number, text string) identity.Proof {
	p := proof(a.Given, a.Family)
	p.NationalNumber, p.Subject, p.Approved = number, "sub-"+number, text
	return p
}

const bossNumber = "85073003328"

func (h house) draft(by identity.Actor, n identity.NewMandate) (identity.MandateDraft, identity.Login) {
	h.Helper()
	d := must(h.DraftMandate(h.Context(), by, n, text))(h.T)
	l, _, _ := h.open(identity.NewLogin{Errand: identity.ErrandMandate, Subject: d.ID, Session: "s", Level: identity.LevelSubstantial, Language: "nl", Approve: d.Text, Back: "/portal/mandates"})
	return d, l
}

func (h house) grant(by identity.Actor, number string, n identity.NewMandate) identity.Mandate {
	h.Helper()
	d, l := h.draft(by, n)
	return must(h.GrantMandate(h.Context(), by, l, proofOf(by, number, d.Text)))(h.T)
}

func TestDraftMandate(t *testing.T) {
	t.Parallel()
	h := setupHouse(t)
	ctx := t.Context()
	at := h.now()
	past := at.Add(-time.Hour)
	outsider := h.identified("piet", "Piet", "Jans", "01050399864")
	plain := h.add("jan", identity.Reader) // of another account, not identified
	h.want(h.AddMember(ctx, identity.System, h.boss.Account, plain, identity.Reader), nil, "member")
	for what, c := range map[string]struct {
		spoil func(*identity.NewMandate)
		want  string
	}{
		"no power":           {func(n *identity.NewMandate) { n.Powers = nil }, "powers missing"},
		"no such power":      {func(n *identity.NewMandate) { n.Powers = []identity.Power{"sell"} }, "powers malformed"},
		"no grantee":         {func(n *identity.NewMandate) { n.Grantee = "" }, "grantee missing"},
		"somebody outside":   {func(n *identity.NewMandate) { n.Grantee = outsider.Subject }, "grantee unknown"},
		"nobody":             {func(n *identity.NewMandate) { n.Grantee = uuid.NewString() }, "grantee unknown"},
		"by login":           {func(n *identity.NewMandate) { n.Grantee = "els" }, "grantee unknown"},
		"somebody unproven":  {func(n *identity.NewMandate) { n.Grantee = plain }, "grantee unidentified"},
		"oneself":            {func(n *identity.NewMandate) { n.Grantee = h.boss.Subject }, "grantee self"},
		"class with a space": {func(n *identity.NewMandate) { n.Classes = []string{"a b"} }, "classes malformed"},
		"class in capitals":  {func(n *identity.NewMandate) { n.Classes = []string{"HR"} }, "classes malformed"},
		"many classes": {func(n *identity.NewMandate) {
			n.Classes = strings.Split("a b c d e f g h i j k l m n o p q r s t u", " ")
		}, "classes malformed"},
		"over before it began": {func(n *identity.NewMandate) { n.Until = &past }, "until too_early"},
		"in two years":         {func(n *identity.NewMandate) { n.From = at.AddDate(2, 0, 0) }, "from too_late"},
	} {
		n := h.newMandate()
		c.spoil(&n)
		_, err := h.DraftMandate(ctx, h.boss, n, text)
		if !errors.Is(err, identity.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", what, err, c.want)
		}
	}
	_, err := h.DraftMandate(ctx, h.els, h.newMandate(), text)
	h.want(err, identity.ErrInvalid, "a colleague, for herself")
	n := h.newMandate()
	n.Grantee = h.boss.Subject
	_, err = h.DraftMandate(ctx, h.els, n, text)
	h.want(err, identity.ErrForbidden, "a colleague")
	h.want(h.SetRole(ctx, h.boss, h.boss.Account, h.els.Subject, identity.Administrator), nil, "role")
	_, err = h.DraftMandate(ctx, h.els, n, text)
	h.want(err, identity.ErrNoMandate, "an administrator by role, without a mandate to administer")
	stranger := h.boss
	stranger.Record = ""
	_, err = h.DraftMandate(ctx, stranger, h.newMandate(), text)
	h.want(err, identity.ErrUnidentified, "nobody identified")
	foreign := outsider
	foreign.Account = h.boss.Account
	_, err = h.DraftMandate(ctx, foreign, h.newMandate(), text)
	h.want(err, identity.ErrForbidden, "of an account that is not one's own")
	if n := h.count(`SELECT count(*) FROM mandate_draft`); n != 0 {
		t.Errorf("%d drafts from what was refused", n)
	}
}

func TestGrantMandate(t *testing.T) {
	t.Parallel()
	h := setupHouse(t)
	ctx := t.Context()
	d, l := h.draft(h.boss, h.newMandate())
	good := proofOf(h.boss, bossNumber, d.Text)
	other, low := good, good
	other.Approved += " and more"
	low.Level = identity.LevelLow
	for what, c := range map[string]struct {
		by   identity.Actor
		p    identity.Proof
		want error
	}{
		"signed by the grantee":   {h.boss, proofOf(h.els, "99060427181", d.Text), identity.ErrForbidden},
		"another text":            {h.boss, other, identity.ErrLoginStale},
		"no text":                 {h.boss, proofOf(h.boss, bossNumber, ""), identity.ErrLoginStale},
		"level low":               {h.boss, low, identity.ErrUnidentified},
		"in a colleague's name":   {h.els, proofOf(h.els, "99060427181", d.Text), identity.ErrLoginStale},
		"from the other account":  {h.applicant, good, identity.ErrLoginStale},
		"by nobody":               {identity.Actor{}, good, identity.ErrForbidden},
		"by the system":           {identity.System, good, identity.ErrForbidden},
		"same name, other number": {h.boss, proofOf(h.boss, "17073003384", d.Text), identity.ErrForbidden},
	} {
		_, err := h.GrantMandate(ctx, c.by, l, c.p)
		h.want(err, c.want, what)
	}
	wrong := l
	wrong.Errand = "bind"
	_, err := h.GrantMandate(ctx, h.boss, wrong, good)
	h.want(err, identity.ErrForbidden, "another errand")
	if n := h.count(`SELECT count(*) FROM mandate WHERE proof_kind = 'approval'`); n != 0 {
		t.Fatalf("%d mandates from what was refused", n)
	}
	h.want(h.authorise(h.els, identity.PowerSend), identity.ErrNoMandate, "before")

	ok := h.storm(func(int) error {
		_, err := h.GrantMandate(context.WithoutCancel(ctx), h.boss, l, good)
		return err
	})
	if n := h.count(`SELECT count(*) FROM mandate WHERE proof_kind = 'approval'`); ok != 1 || n != 1 {
		t.Fatalf("%d granted, %d mandates", ok, n)
	}
	h.want(h.authorise(h.els, identity.PowerSend), nil, "after")
	h.want(h.authorise(h.els, identity.PowerReceive), identity.ErrNoMandate, "another power")
	held := must(h.HeldMandates(ctx, h.els))(t)
	if len(held) != 1 || held[0].ID != d.ID || held[0].Principal != "Zilverlinde bv" || held[0].ProofRecord == "" {
		t.Fatalf("held: %+v", held)
	}
	kept := must(h.OpenIdentification(ctx, identity.System, held[0].ProofRecord, "audit"))(t)
	if kept.Approved != d.Text {
		t.Errorf("the proof holds %q", kept.Approved)
	}
	if n := h.count(`SELECT count(*) FROM mandate WHERE id = $1 AND text_sha256 = $2`, d.ID, identity.TextDigest(d.Text)); n != 1 {
		t.Error("the text's digest is not kept")
	}
	if n := h.last(identity.NoteMandateGranted); n.To != "els@acme.example" || n.Ref != d.ID {
		t.Errorf("told: %+v", n)
	}
}

// What was true when the text was written may not be any more when it is signed.
func TestGrantTooLate(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		happens func(house)
		want    error
	}{
		"an hour passed": {func(h house) { h.forward(61 * time.Minute) }, identity.ErrLoginStale},
		"the grantee left": {func(h house) {
			h.want(h.RemoveMember(h.Context(), h.boss, h.boss.Account, h.els.Subject), nil, "remove")
		}, identity.ErrNotFound},
		"the account is suspended": {func(h house) {
			h.want(h.SuspendAccount(h.Context(), h.operators[0], h.boss.Account, "x"), nil, "suspend")
		}, identity.ErrSuspended},
		"the account is closed": {func(h house) { h.want(h.CloseAccount(h.Context(), h.boss, h.boss.Account), nil, "close") }, identity.ErrClosed},
		"the granter's ended": {func(h house) {
			if _, err := h.pool.Exec(h.Context(), `UPDATE mandate SET revoked_at = granted_at, revoked_by = 'x' WHERE person_id = $1`, h.boss.Subject); err != nil {
				h.Fatal(err)
			}
		}, identity.ErrNoMandate},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			h := setupHouse(t)
			d, l := h.draft(h.boss, h.newMandate())
			c.happens(h)
			_, err := h.GrantMandate(t.Context(), h.boss, l, proofOf(h.boss, bossNumber, d.Text))
			h.want(err, c.want, what)
			if n := h.count(`SELECT count(*) FROM mandate WHERE proof_kind = 'approval'`); n != 0 {
				t.Error("a mandate was granted")
			}
		})
	}
}

// Who administers for some classes grants no more than those.
func TestGrantWithinOwn(t *testing.T) {
	t.Parallel()
	h := setupHouse(t)
	ctx := t.Context()
	h.want(h.SetRole(ctx, h.boss, h.boss.Account, h.els.Subject, identity.Administrator), nil, "role")
	h.grant(h.boss, bossNumber, identity.NewMandate{Grantee: h.els.Subject, Powers: []identity.Power{identity.PowerAdminister}, Classes: []string{"hr"}})
	piet := h.identified("piet", "Piet", "Jans", "01050399864")
	h.want(h.AddMember(ctx, identity.System, h.boss.Account, piet.Subject, identity.Sender), nil, "member")
	piet.Account = h.boss.Account
	n := identity.NewMandate{Grantee: piet.Subject, Powers: []identity.Power{identity.PowerSend}}
	for what, classes := range map[string][]string{"every class": nil, "another class": {"legal"}, "one more": {"hr", "legal"}} {
		n.Classes = classes
		_, err := h.DraftMandate(ctx, h.els, n, text)
		h.want(err, identity.ErrNoMandate, what)
	}
	n.Classes = []string{"hr"}
	m := h.grant(h.els, "99060427181", n)
	h.want(h.authoriseClass(piet, identity.PowerSend, "hr"), nil, "within")
	h.want(h.authoriseClass(piet, identity.PowerSend, "legal"), identity.ErrNoMandate, "another class")
	h.want(h.authoriseClass(piet, identity.PowerSend, ""), identity.ErrNoMandate, "no class")
	_, err := h.DraftMandate(ctx, piet, identity.NewMandate{Grantee: h.els.Subject, Powers: []identity.Power{identity.PowerSend}, Classes: []string{"hr"}}, text)
	h.want(err, identity.ErrForbidden, "who may send hands nothing on")
	h.want(h.WithdrawMandate(ctx, h.boss, m.ID), nil, "withdraw")
	h.want(h.authoriseClass(piet, identity.PowerSend, "hr"), identity.ErrNoMandate, "withdrawn")
}
