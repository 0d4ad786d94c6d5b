package delivery_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/identity"
)

func ofClass(class string) func(*delivery.Submission) {
	return func(s *delivery.Submission) { s.Policy.Class = class }
}

// colleague is a person of the account of r, with an actor.
func (r *rig) colleague() delivery.Submitter {
	r.t.Helper()
	by := r.sender(r.account)
	by.By.Subject = uuid.NewString()
	r.newPerson(by.By.Subject, "Karim", "Benali")
	return by
}

// Who submits for a company has a mandate for that, for this class, now.
func TestSubmitUnderAMandate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		grant func(person string)
		class string
		want  error
	}{
		"none":                   {func(string) {}, "", identity.ErrNoMandate},
		"to receive only":        {func(p string) { r.grant(r.account, p, "approval", "{receive,administer}", "{}") }, "", identity.ErrNoMandate},
		"for every class":        {func(p string) { r.grant(r.account, p, "approval", "{send}", "{}") }, "hr", nil},
		"for this class":         {func(p string) { r.grant(r.account, p, "approval", "{send}", "{hr,legal}") }, "hr", nil},
		"for another class":      {func(p string) { r.grant(r.account, p, "approval", "{send}", "{legal}") }, "hr", identity.ErrNoMandate},
		"for a class, sent none": {func(p string) { r.grant(r.account, p, "approval", "{send}", "{legal}") }, "", identity.ErrNoMandate},
		"withdrawn":              {func(p string) { r.revoke(r.grant(r.account, p, "approval", "{send}", "{}")) }, "", identity.ErrNoMandate},
		"of another company":     {func(p string) { r.grant(r.newAccount(), p, "approval", "{send}", "{}") }, "", identity.ErrNoMandate},
		"over": {func(p string) {
			r.exec(`UPDATE mandate SET valid_until = $2 WHERE id = $1`, r.grantUntil(p, r.clock.now()), r.clock.now())
		}, "", identity.ErrNoMandate},
		"until tomorrow": {func(p string) { r.grantUntil(p, r.clock.now().Add(day)) }, "", nil},
		"one of two withdrawn": {func(p string) {
			r.revoke(r.grant(r.account, p, "approval", "{send}", "{}"))
			r.grant(r.account, p, "signature", "{send}", "{}")
		}, "", nil},
	} {
		by := r.colleague()
		c.grant(by.By.Subject)
		before := r.count(`SELECT count(*) FROM message`)
		m, _, err := r.Submit(r.ctx(), by, submission(1, ofClass(c.class)), delivery.Once{})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if after := r.count(`SELECT count(*) FROM message`); after-before != map[bool]int{true: 1}[err == nil] {
			t.Errorf("%s: %d messages more", name, after-before)
		}
		if err == nil && (m.SentBy.Mandate == nil || m.SentBy.Mandate.ID == "" || m.Policy.Class != c.class) {
			t.Errorf("%s: %+v", name, m.SentBy)
		}
	}
	r.clean()
}

// grantUntil lets a person send until an instant.
func (r *rig) grantUntil(person string, until time.Time) (id string) {
	r.t.Helper()
	id = uuid.NewString()
	r.exec(`INSERT INTO mandate (id, account_id, person_id, given, family, powers, valid_from, valid_until, granted_by, granted_at, proof_kind)
		VALUES ($1, $2, $3, 'Karim', 'Benali', '{send}', $4, $5, 'p', $4, 'operator')`, id, r.account, person, until.AddDate(-1, 0, 0), until)
	return id
}

// Evidence shows the company and, without naming them (R5), who acted for it:
// how that person was authenticated and under which mandate.
func TestEvidenceShowsTheMandate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := r.colleague()
	id := r.grant(r.account, by.By.Subject, "approval", "{send}", "{}")
	m, _, err := r.Submit(r.ctx(), by, submission(1), delivery.Once{})
	r.must(err)
	d := r.deliveries(m)[0]
	if _, err := r.Cancel(r.ctx(), by.By, m.ID, delivery.Once{}); err != nil {
		t.Fatal(err)
	}
	events, err := r.Events(r.ctx(), m.Account, d.ID)
	r.must(err)
	for _, e := range events {
		got := e.SentBy
		if got == nil || got.Mandate == nil || got.Mandate.ID != id || got.Mandate.Given != "approval" || got.Mandate.Record != id ||
			got.Proof == nil || got.Proof.Method != "password+totp" || got.Proof.Level != "http://eidas.europa.eu/LoA/substantial" {
			t.Errorf("%s: sent by %+v", e.Name, got)
		}
		if got.Given+got.Family+got.Proof.Given+got.Proof.Family != "" || got.Identifier.Value != by.By.Subject {
			t.Errorf("%s: names somebody of the company: %+v", e.Name, got)
		}
		if f := e.Lint(evidencetest.Issuer()); len(f) > 0 {
			t.Errorf("%s: %v", e.Name, f)
		}
	}
	r.clean()
}

// A private account and a key need no mandate, and show none.
func TestNoMandateNeeded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	private := uuid.NewString()
	r.exec(`INSERT INTO account (id, kind, country, created_at) VALUES ($1, 'private', 'BE', $2)`, private, r.clock.now())
	mine := r.sender(r.account)
	mine.By.Account, mine.Sender = private, evidence.Party{Kind: evidence.NaturalPerson, Given: "Lotte", Family: "Peeters", Email: "lotte@example.be"}
	key := r.sender(r.account)
	key.By = identity.Actor{Kind: identity.ActorKey, Subject: uuid.NewString(), Account: r.account, Name: "ERP", Method: "api-key", ProvenAt: r.clock.now()}
	for name, by := range map[string]delivery.Submitter{"private": mine, "key": key} {
		m, _, err := r.Submit(r.ctx(), by, submission(1), delivery.Once{})
		if err != nil || m.SentBy.Mandate != nil {
			t.Errorf("%s: %v, %+v", name, err, m.SentBy)
		}
		if _, err := r.Cancel(r.ctx(), by.By, m.ID, delivery.Once{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	nobody := mine.By
	nobody.Kind, nobody.Subject = identity.ActorRecipient, "r-1"
	if _, _, err := r.Submit(r.ctx(), delivery.Submitter{By: nobody, Sender: mine.Sender}, submission(1), delivery.Once{}); !errors.Is(err, identity.ErrForbidden) {
		t.Errorf("a recipient submits: %v", err)
	}
}

// A mandate that is withdrawn no longer withdraws messages either.
func TestCancelUnderAMandate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := r.colleague()
	m := r.submit(2, ofClass("hr"))
	for name, powers := range map[string][2]string{"receives": {"{receive}", "{}"}, "another class": {"{send}", "{legal}"}} {
		id := r.grant(r.account, by.By.Subject, "approval", powers[0], powers[1])
		if _, err := r.Cancel(r.ctx(), by.By, m.ID, delivery.Once{}); !errors.Is(err, identity.ErrNoMandate) {
			t.Errorf("%s: %v", name, err)
		}
		r.revoke(id)
	}
	r.revoke(r.grant(r.account, by.By.Subject, "approval", "{send}", "{}"))
	if _, err := r.Cancel(r.ctx(), by.By, m.ID, delivery.Once{}); !errors.Is(err, identity.ErrNoMandate) {
		t.Errorf("withdrawn: %v", err)
	}
	for _, d := range r.deliveries(m) {
		if d.State != delivery.Submitted || d.Seq != 1 {
			t.Errorf("%s after refusals: %+v", d.State, d)
		}
	}
	r.grant(r.account, by.By.Subject, "approval", "{send}", "{hr}")
	if _, err := r.Cancel(r.ctx(), by.By, m.ID, delivery.Once{}); err != nil {
		t.Errorf("granted: %v", err)
	}
	r.clean()
}

// Withdrawing waits for a submission that has found the mandate; one that comes
// after it finds none.
func TestWithdrawnAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := r.colleague()
	id := r.grant(r.account, by.By.Subject, "approval", "{send}", "{}")
	r.must(pgx.BeginFunc(r.ctx(), r.pool, func(tx pgx.Tx) error {
		if _, err := r.people.Authorise(r.ctx(), tx, by.By, identity.PowerSend, "", r.clock.now()); err != nil {
			return err
		}
		err := pgx.BeginFunc(r.ctx(), r.pool, func(other pgx.Tx) error {
			if _, err := other.Exec(r.ctx(), `SET LOCAL lock_timeout = '1ms'`); err != nil {
				return err
			}
			_, err := other.Exec(r.ctx(), `UPDATE mandate SET revoked_at = $2, revoked_by = 'p' WHERE id = $1`, id, r.clock.now())
			return err
		})
		if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != "55P03" { // lock_not_available
			t.Errorf("withdrawn under a submission that relies on it: %v", err)
		}
		return nil
	}))
	r.revoke(id)
	if _, _, err := r.Submit(r.ctx(), by, submission(1), delivery.Once{}); !errors.Is(err, identity.ErrNoMandate) {
		t.Errorf("after withdrawal: %v", err)
	}
}

// A company shows how it was proven to be who it says, a private account nothing
// of the kind.
func TestSenderParty(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, err := r.people.Profile(r.ctx(), r.account)
	r.must(err)
	if got := delivery.SenderParty(p).Proof; got == nil || got.Method != "application" || !got.At.Equal(r.clock.now().AddDate(-1, 0, 0)) || got.Level+got.Given+got.Family != "" {
		t.Errorf("a company that applied: %+v", got)
	}
	r.exec(`INSERT INTO mandate (id, account_id, person_id, given, family, powers, valid_from, granted_by, granted_at, proof_kind)
		SELECT gen_random_uuid(), account_id, person_id, given, family, powers, valid_from, granted_by, granted_at - interval '1 day', 'operator' FROM mandate`)
	if p, err = r.people.Profile(r.ctx(), r.account); err != nil || delivery.SenderParty(p).Proof.Method != "operator" {
		t.Errorf("a company that an operator entered: %+v, %v", p, err)
	}
	by := r.sender(r.account)
	by.Sender = delivery.SenderParty(p)
	m, _, err := r.Submit(r.ctx(), by, submission(1), delivery.Once{})
	r.must(err)
	events, err := r.Events(r.ctx(), m.Account, r.deliveries(m)[0].ID)
	r.must(err)
	for _, f := range events[0].Lint(evidencetest.Issuer()) {
		t.Errorf("%s %s", f.Clause, f.What)
	}
	p.Kind, p.Given, p.Family = identity.Private, "Lotte", "Peeters"
	p.ProvenBy = ""
	if got := delivery.SenderParty(p).Proof; got != nil {
		t.Errorf("a private account: %+v", got)
	}
}
