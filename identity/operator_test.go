package identity_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/identity"
)

func (f firm) confirm(by identity.Actor, a identity.Application) error {
	_, err := f.ConfirmApplication(context.WithoutCancel(f.Context()), by, a.ID, a.Form)
	return err
}

// Under a qualified signature one operator opens the account, all of it at once.
func TestApproveQualified(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	a := f.brought(true)
	f.want(f.confirm(f.applicant, a), identity.ErrForbidden, "the applicant")
	f.want(f.confirm(f.operators[0], identity.Application{ID: a.ID, Form: uuid.NewString()}), identity.ErrMoved, "another form than was seen")
	f.want(f.confirm(f.operators[0], identity.Application{ID: uuid.NewString(), Form: a.Form}), identity.ErrNotFound, "no such application")
	ok := f.storm(func(i int) error { return f.confirm(f.operators[i%3], a) })
	if n := f.count(`SELECT count(*) FROM account WHERE name = 'Zilverlinde bv'`); ok != 1 || n != 1 {
		t.Fatalf("%d approvals, %d accounts", ok, n)
	}
	a = must(f.Application(ctx, f.applicant, a.ID))(t)
	p := must(f.Profile(ctx, a.Account))(t)
	if a.State != identity.ApplicationApproved || p.Kind != identity.Company || p.EnterpriseNumber != "0671516647" || p.VATNumber != "BE0671516647" || p.Email != "info@zilverlinde.example" {
		t.Errorf("opened: %+v, %+v", a, p)
	}
	boss := f.applicant
	boss.Account = a.Account
	list := must(f.Mandates(ctx, boss))(t)
	if len(list) != 1 || list[0].ProofKind != identity.ProofFounder || len(list[0].Powers) != 3 || list[0].Person != boss.Subject {
		t.Errorf("mandates: %+v", list)
	}
	if places := must(f.Places(ctx, f.applicant))(t); len(places) != 2 {
		t.Errorf("the applicant is in %d accounts, want both", len(places))
	}
	if n := f.count(`SELECT count(*) FROM consent WHERE account_id = $1 AND version = '2026-11' AND text = 'terms'`, a.Account); n != 1 {
		t.Error("no consent of the company")
	}
	if n := f.last(identity.NoteApplicationApproved); n.To != "lore@acme.example" || n.Ref != a.ID {
		t.Errorf("told: %+v", n)
	}
	if facts, err := f.NoteFacts(ctx, f.last(identity.NoteApplicationApproved)); err != nil || facts.Account != "Zilverlinde bv" || facts.Path != "/portal/applications/"+a.ID {
		t.Errorf("facts: %+v, %v", facts, err)
	}
	acts := must(f.ApplicationActs(ctx, f.operators[0], a.ID))(t)
	if len(acts) != 1 || acts[0].Act != "application_approved" || acts[0].Account != a.Account {
		t.Errorf("acts: %+v", acts)
	}
	_, err := f.RefuseApplication(ctx, f.operators[1], a.ID, "te laat")
	f.want(err, identity.ErrMoved, "refuse what is approved")
}

// Without a qualified signature two humans confirm, however many logins each has.
func TestFourEyes(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	a := f.brought(false)
	if ok := f.storm(func(int) error { return f.confirm(f.operators[0], a) }); ok != 1 {
		t.Errorf("one operator confirmed %d times", ok)
	}
	if n := f.count(`SELECT count(*) FROM account WHERE name = 'Zilverlinde bv'`); n != 0 {
		t.Fatal("one operator opened an account under a scan")
	}
	f.want(f.confirm(f.operators[0], a), identity.ErrOwnCase, "the same one again")
	if ok := f.storm(func(i int) error { return f.confirm(f.operators[1+i%2], a) }); ok != 1 {
		t.Errorf("%d second confirmations", ok)
	}
	if n := f.count(`SELECT count(*) FROM account WHERE name = 'Zilverlinde bv'`); n != 1 {
		t.Fatalf("%d accounts", n)
	}

	// The database holds the same rules.
	b := f.brought(false)
	for name, sql := range map[string]string{
		"application_four_eyes":     `UPDATE application SET state = 'approved', decided_by = $2, decided_at = now(), account_id = $3 WHERE id = $1`,
		"application_two_operators": `UPDATE application SET state = 'approved', confirmed_by = $2, confirmed_at = now(), decided_by = $2, decided_at = now(), account_id = $3 WHERE id = $1`,
		"application_not_own":       `UPDATE application SET confirmed_by = person_id, confirmed_at = now() WHERE id = $1 AND $2::uuid <> $3::uuid`,
		"application_account":       `UPDATE application SET state = 'approved', confirmed_by = $3, confirmed_at = now(), decided_by = $2, decided_at = now() WHERE id = $1`,
	} {
		_, err := f.pool.Exec(ctx, sql, b.ID, f.operators[0].Subject, f.account)
		if err == nil || !violated(err, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, sql := range []string{`UPDATE operator_act SET reason = 'x'`, `DELETE FROM operator_act`, `TRUNCATE operator_act`} {
		if _, err := f.pool.Exec(ctx, sql); !violated(err, "operator_act_stays") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// An operator decides nothing of the own, under no login.
func TestOwnCase(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	operator := f.operators[0]
	f.signatures.say(qualified(), nil)
	own := must(f.AttachForm(ctx, operator, f.file(operator).ID, signedForm()))(t)
	f.want(f.confirm(operator, own), identity.ErrOwnCase, "the own application")
	_, err := f.RefuseApplication(ctx, operator, own.ID, "x")
	f.want(err, identity.ErrOwnCase, "refuse the own application")

	second := f.identified("ola2", "Olaa", "Wouters", "17073003384") // another login of the same human
	f.want(f.AddOperator(ctx, identity.System, second.Subject, "board"), identity.ErrOwnCase, "an operator twice")
	theirs := must(f.AttachForm(ctx, second, f.file(second).ID, signedForm()))(t)
	f.want(f.confirm(operator, theirs), identity.ErrOwnCase, "filed under another login")

	// Should two operators come to be bound to one human, four eyes still hold.
	scan := f.brought(false)
	f.want(f.confirm(operator, scan), nil, "first")
	if _, err := f.pool.Exec(ctx, `UPDATE person SET identification_id = (SELECT identification_id FROM person WHERE id = $1) WHERE id = $2`, operator.Subject, f.operators[1].Subject); err != nil {
		t.Fatal(err)
	}
	f.want(f.confirm(f.operators[1], scan), identity.ErrOwnCase, "one human, two operators")
	f.want(f.confirm(f.operators[2], scan), nil, "another human")
}

func TestOperators(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	f.want(f.AddOperator(ctx, f.operators[0], f.applicant.Subject, "me"), identity.ErrForbidden, "an operator makes another")
	f.want(f.AddOperator(ctx, identity.System, f.admin, "board"), identity.ErrUnidentified, "somebody unproven")
	f.want(f.AddOperator(ctx, identity.System, uuid.NewString(), "board"), identity.ErrNotFound, "nobody")
	f.want(f.AddOperator(ctx, identity.System, f.applicant.Subject, " "), identity.ErrInvalid, "nobody decided it")
	f.want(f.AddOperator(ctx, identity.System, f.operators[0].Subject, "board"), identity.ErrOwnCase, "again")
	f.want(f.RemoveOperator(ctx, f.operators[0], f.operators[1].Subject, "me"), identity.ErrForbidden, "an operator removes another")
	_, err := f.Operators(ctx, f.applicant)
	f.want(err, identity.ErrForbidden, "list by a stranger")
	if list := must(f.Operators(ctx, identity.System))(t); len(list) != 3 {
		t.Errorf("operators: %+v", list)
	}
	a := f.brought(false)
	f.want(f.RemoveOperator(ctx, identity.System, f.operators[0].Subject, "board"), nil, "remove")
	f.want(f.confirm(f.operators[0], a), identity.ErrForbidden, "removed")
	f.want(f.RemoveOperator(ctx, identity.System, f.operators[0].Subject, "board"), identity.ErrNotFound, "remove again")
	if is := must(f.Operates(ctx, f.operators[0]))(t); is {
		t.Error("still an operator")
	}
	if n := f.count(`SELECT count(*) FROM operator_act WHERE act IN ('operator_added', 'operator_removed') AND person_id IS NOT NULL`); n != 4 {
		t.Errorf("%d acts, want 4", n)
	}
	// Restricted data: may look, may not act.
	f.want(f.Restrict(ctx, f.operators[1], true), nil, "restrict")
	f.want(f.confirm(f.operators[1], a), identity.ErrForbidden, "restricted")
}

func TestRefuseAndAskAgain(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	a := f.brought(false)
	for what, reason := range map[string]string{"none": " \n", "too long": string(make([]byte, 1001))} {
		_, err := f.RefuseApplication(ctx, f.operators[0], a.ID, reason)
		f.want(err, identity.ErrInvalid, what)
	}
	_, err := f.AskFormAgain(ctx, f.applicant, a.ID, "x")
	f.want(err, identity.ErrForbidden, "asked by the applicant")
	f.want(f.confirm(f.operators[0], a), nil, "first")
	asked := must(f.AskFormAgain(ctx, f.operators[1], a.ID, "De handtekening is onleesbaar."))(t)
	if asked.State != identity.ApplicationFiled || asked.Reason == "" {
		t.Errorf("asked: %+v", asked)
	}
	f.want(f.confirm(f.operators[1], a), identity.ErrMoved, "the form of before")
	again := must(f.AttachForm(ctx, f.applicant, a.ID, []byte("%PDF-1.4 another scan")))(t)
	f.want(f.confirm(f.operators[1], a), identity.ErrMoved, "the form of before, after another came")
	f.want(f.confirm(f.operators[0], again), nil, "whoever confirmed the old one begins anew")
	if got := must(f.Application(ctx, f.applicant, a.ID))(t); got.State != identity.ApplicationChecking {
		t.Errorf("an old confirmation counted: %+v", got)
	}
	if forms := must(f.ApprovalForms(ctx, f.applicant, a.ID))(t); len(forms) != 2 {
		t.Errorf("%d forms, want both", len(forms))
	}
	refused := must(f.RefuseApplication(ctx, f.operators[0], a.ID, "Geen bestuurder volgens de KBO."))(t)
	if refused.State != identity.ApplicationRefused || refused.DecidedBy != f.operators[0].Subject {
		t.Errorf("refused: %+v", refused)
	}
	facts := must(f.NoteFacts(ctx, f.last(identity.NoteApplicationRefused)))(t)
	if facts.Reason != "Geen bestuurder volgens de KBO." || facts.Account != "Zilverlinde bv" {
		t.Errorf("told: %+v", facts)
	}
	f.want(f.confirm(f.operators[1], again), identity.ErrMoved, "confirm what is refused")
	_, err = f.AttachForm(ctx, f.applicant, a.ID, signedForm())
	f.want(err, identity.ErrMoved, "a form for what is refused")
	ids := must(f.ApplicationQueue(ctx, f.operators[2], identity.Queue{State: identity.ApplicationRefused, Search: "zilver", Limit: 10}))(t)
	if len(ids) != 1 || len(must(f.ApplicationQueue(ctx, f.operators[2], identity.Queue{Limit: 10}))(t)) != 0 {
		t.Errorf("queue: %+v", ids)
	}
}

func TestQueuePages(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	for range 3 {
		f.brought(true)
	}
	first := must(f.ApplicationQueue(ctx, f.operators[0], identity.Queue{Limit: 2}))(t)
	rest := must(f.ApplicationQueue(ctx, f.operators[0], identity.Queue{Limit: 2, Before: first[1].ID}))(t)
	if len(first) != 2 || len(rest) != 1 || rest[0].ID == first[0].ID || rest[0].ID == first[1].ID {
		t.Errorf("pages of %d and %d", len(first), len(rest))
	}
	for q, want := range map[string]int{"0671.516.647": 3, "ZILVER": 3, "0403170701": 0, "%": 0, "'": 0} {
		if got := must(f.ApplicationQueue(ctx, f.operators[0], identity.Queue{Search: q, Limit: 9}))(t); len(got) != want {
			t.Errorf("%q: %d, want %d", q, len(got), want)
		}
	}
	_, err := f.ApplicationQueue(ctx, f.operators[0], identity.Queue{Before: "x"})
	f.want(err, identity.ErrNotFound, "no such page")
}
