package identity_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

func proof(given, family string) identity.Proof {
	return identity.Proof{Method: "itsme", Provider: "https://idp.example", Subject: "sub-" + given, Given: given, Family: family,
		BirthDate: "1985-07-30", NationalNumber: "85073003328", Level: identity.LevelHigh,
		At: time.Date(2026, 11, 22, 9, 59, 0, 0, time.UTC), Token: []byte("signed.token.here")}
}

func (b *bundle) save(p identity.Proof, o identity.Occasion) (record string, err error) {
	if o.Purpose == "" {
		o.Purpose = identity.SenderProofing
	}
	var i identity.Identification
	err = pgx.BeginFunc(b.Context(), b.pool, func(tx pgx.Tx) error {
		i, err = b.SaveIdentification(b.Context(), tx, p, o)
		return err
	})
	return i.Record, err
}

func TestIdentification(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, delivery := t.Context(), uuid.NewString()
	p := proof("An", "Peeters")
	id, err := b.save(p, identity.Occasion{Delivery: delivery, IP: ip, UserAgent: agent})
	b.want(err, nil, "save")
	var row string
	if err := b.pool.QueryRow(ctx, `SELECT i::text || encode(i.sealed, 'escape') FROM identification i`).Scan(&row); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{p.NationalNumber, p.BirthDate, p.Subject, string(p.Token)} {
		if strings.Contains(row, s) {
			t.Errorf("%q stands in the row", s)
		}
	}
	if !strings.Contains(row, b.NationalNumberDigest("85.07.30-033.28")) || b.NationalNumberDigest("x") != "" || b.NationalNumberDigest("") != "" {
		t.Error("digest of the national number")
	}
	got := must(b.OpenIdentification(ctx, identity.System, id, "court order 12"))(t)
	if got.NationalNumber != p.NationalNumber || got.BirthDate != p.BirthDate || !bytes.Equal(got.Token, p.Token) || !got.At.Equal(p.At) {
		t.Errorf("opened %+v", got)
	}
	for name, c := range map[string]struct {
		by         identity.Actor
		id, reason string
		want       error
	}{
		"by a person":    {b.actor(b.admin), id, "curious", identity.ErrForbidden},
		"by nobody":      {identity.Actor{}, id, "curious", identity.ErrForbidden},
		"without reason": {identity.System, id, "", identity.ErrForbidden},
		"unknown":        {identity.System, delivery, "r", identity.ErrNotFound},
		"no id":          {identity.System, "1", "r", identity.ErrNotFound},
	} {
		_, err := b.OpenIdentification(ctx, c.by, c.id, c.reason)
		b.want(err, c.want, name)
	}
	for name, spoil := range map[string]func(*identity.Proof){
		"method": func(p *identity.Proof) { p.Method = "" }, "provider": func(p *identity.Proof) { p.Provider = "" },
		"subject": func(p *identity.Proof) { p.Subject = "" }, "name": func(p *identity.Proof) { p.Family = "" },
		"time": func(p *identity.Proof) { p.At = time.Time{} }, "level": func(p *identity.Proof) { p.Level = "HIGH" },
	} {
		bad := p
		spoil(&bad)
		_, err := b.save(bad, identity.Occasion{})
		b.want(err, identity.ErrInvalid, "without "+name)
	}
	_, err = b.save(p, identity.Occasion{Delivery: "x"})
	b.want(err, identity.ErrInvalid, "no delivery")
	if _, err := b.pool.Exec(ctx, `UPDATE identification SET family = 'Maes'`); err == nil {
		t.Error("a record was changed")
	}
	// A sealed proof cannot be put under another record.
	other, err := b.save(proof("Els", "Claes"), identity.Occasion{Delivery: delivery})
	b.want(err, nil, "save another")
	if _, err := b.pool.Exec(ctx, `ALTER TABLE identification DISABLE TRIGGER identification_unchanging`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.pool.Exec(ctx, `UPDATE identification SET sealed = (SELECT sealed FROM identification WHERE id = $1) WHERE id = $2`, id, other); err != nil {
		t.Fatal(err)
	}
	_, err = b.OpenIdentification(ctx, identity.System, other, "r")
	b.want(err, identity.ErrSealed, "moved proof")

	b.want(b.BindIdentification(ctx, identity.System, b.admin, id), nil, "bind")
	err = pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error { return b.DeleteIdentifications(ctx, tx, delivery) })
	b.want(err, nil, "retention")
	if n := b.count(`SELECT count(*) FROM identification`); n != 1 {
		t.Errorf("%d records after retention, want the bound one", n)
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	secret, _ := b.enrol(b.admin)
	rec := func(p identity.Proof) string { return must(b.save(p, identity.Occasion{}))(t) }
	low := proof("An", "Peeters")
	low.Level = identity.LevelLow
	b.want(b.BindIdentification(ctx, identity.System, b.admin, rec(low)), identity.ErrForbidden, "level too low")
	b.want(b.BindIdentification(ctx, identity.System, b.admin, rec(proof("Piet", "Peeters"))), identity.ErrForbidden, "somebody else")
	b.want(b.BindIdentification(ctx, b.actor(b.admin), b.admin, rec(proof("An", "Peeters"))), identity.ErrForbidden, "by oneself")
	b.want(b.BindIdentification(ctx, identity.System, b.admin, uuid.NewString()), identity.ErrNotFound, "no record")
	b.want(b.BindIdentification(ctx, identity.System, uuid.NewString(), rec(proof("An", "Peeters"))), identity.ErrNotFound, "no person")

	_, s, err := b.signIn("an", password, b.code(secret))
	b.want(err, nil, "sign in")
	if a := s.Actor(ip, agent); a.Level != identity.LevelNone || a.Record != "" {
		t.Errorf("before: %+v", a)
	}
	record := rec(proof("An Maria", "PEETERS"))
	b.want(b.BindIdentification(ctx, identity.System, b.admin, record), nil, "bind")
	b.forward(31 * time.Second)
	_, s, err = b.signIn("an", password, b.code(secret))
	b.want(err, nil, "sign in")
	a := s.Actor(ip, agent)
	if a.Level != identity.LevelSubstantial || a.Record != record || a.Given != "An Maria" || a.Provider != "https://idp.example" {
		t.Errorf("after: %+v", a)
	}
	married := proof("An Maria", "Maes") // same national number
	b.want(b.BindIdentification(ctx, identity.System, b.admin, rec(married)), nil, "other name, same number")
	twin := proof("An Maria", "Maes")
	twin.NationalNumber, twin.Subject = "17073003384", "other"
	b.want(b.BindIdentification(ctx, identity.System, b.admin, rec(twin)), identity.ErrForbidden, "same name, other number")
	name := "Anna"
	b.want(b.UpdatePerson(ctx, b.actor(b.admin), b.admin, identity.Update{Given: &name}), identity.ErrForbidden, "a proven name")
}

func TestRights(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, an := t.Context(), b.actor(b.admin)
	els := b.add("els", identity.Sender)
	formula, bad := "=cmd|' /C calc'!A1", "not an address"
	b.want(b.UpdatePerson(ctx, an, b.admin, identity.Update{Given: &formula}), nil, "correct")
	b.want(b.UpdatePerson(ctx, an, b.admin, identity.Update{Language: &bad}), identity.ErrInvalid, "bad language")
	b.want(b.UpdatePerson(ctx, an, els, identity.Update{Given: &formula}), identity.ErrForbidden, "somebody else's name")
	b.want(b.UpdatePerson(ctx, identity.System, els, identity.Update{Given: &formula}), identity.ErrForbidden, "by the system")
	_, _, err := b.signIn("an", password, "")
	b.want(err, nil, "sign in")
	_, _, err = b.signIn("an", "wrong", "")
	b.want(err, identity.ErrSignIn, "wrong password")
	b.want(b.LogAccess(ctx, nil, an, "portal_opened", "nl"), nil, "log")
	if err := b.LogAccess(ctx, nil, an, "Bad Action", "nl"); err == nil {
		t.Error("an action that is no key was logged")
	}

	h := must(b.Holding(ctx, an))(t)
	if len(h.Consents) != 1 || len(h.Memberships) != 1 || len(h.Sessions) != 1 || len(h.Accesses) != 5 || h.Person.Given != formula {
		t.Errorf("holding %+v", h)
	}
	raw := must(json.Marshal(h))(t)
	var out bytes.Buffer
	b.want(h.WriteCSV(&out), nil, "csv")
	if strings.Contains(string(raw)+out.String(), "argon2id") {
		t.Error("the holding shows the password hash")
	}
	lines, err := csv.NewReader(&out).ReadAll()
	b.want(err, nil, "reading the csv")
	for _, l := range lines {
		if strings.ContainsAny(l[3][:min(1, len(l[3]))], "=+-@") {
			t.Errorf("a spreadsheet would run %q", l[3])
		}
	}
	if _, err := b.Holding(ctx, identity.Actor{}); err == nil {
		t.Error("nobody's holding")
	}

	// R36, and page by page.
	all := must(b.Accesses(ctx, an, "", 100))(t)
	if len(all) != 6 || all[0].Action != "portal_opened" || all[1].Action != "sign_in_refused" || all[1].IP != ip || all[1].UserAgent != agent {
		t.Errorf("accesses %+v", all)
	}
	if page := must(b.Accesses(ctx, an, all[0].ID, 2))(t); len(page) != 2 || page[0] != all[1] {
		t.Errorf("page %+v", page)
	}
	if own := must(b.Accesses(ctx, b.actor(els), "", 100))(t); len(own) != 0 {
		t.Errorf("a sender sees what others did: %+v", own)
	}
	outsider := identity.Actor{Kind: identity.ActorPerson, Subject: uuid.NewString(), Account: b.account}
	if none := must(b.Accesses(ctx, outsider, "", 100))(t); len(none) != 0 {
		t.Errorf("an outsider sees %+v", none)
	}

	b.want(b.AgreeTo(ctx, an, identity.Consent{Text: "privacy"}), identity.ErrInvalid, "no version")
	b.want(b.WithdrawConsent(ctx, b.actor(els), h.Consents[0].ID), identity.ErrNotFound, "somebody else's consent")
	b.want(b.WithdrawConsent(ctx, an, h.Consents[0].ID), nil, "withdraw")
	b.want(b.WithdrawConsent(ctx, an, h.Consents[0].ID), identity.ErrNotFound, "withdraw again")

	b.want(b.Restrict(ctx, an, true), nil, "restrict")
	_, s, err := b.signIn("an", password, "")
	b.want(err, nil, "sign in")
	if s.Role != identity.Reader {
		t.Errorf("restricted and yet %s", s.Role)
	}
	_, _, err = b.CreateKey(ctx, an, b.account, identity.Test, "k")
	b.want(err, identity.ErrForbidden, "restricted administrator")
	b.want(b.Restrict(ctx, an, false), nil, "resume")
	_, _, err = b.CreateKey(ctx, an, b.account, identity.Test, "k")
	b.want(err, nil, "no longer restricted")
}

func TestErasure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	els := b.add("els", identity.Sender)
	other, jan, err := b.CreateAccount(ctx, company(), person("jan", "Jan", "Maes"))
	b.want(err, nil, "other account")
	b.want(b.AddMember(ctx, identity.System, other, els, identity.Sender), nil, "in both")
	b.want(b.CloseAccount(ctx, b.actor(els), b.account), identity.ErrForbidden, "closed by a sender")
	b.want(b.CloseAccount(ctx, identity.Actor{Kind: identity.ActorPerson, Subject: jan, Account: other}, b.account), identity.ErrNotFound, "closed by a stranger")
	b.want(b.CloseAccount(ctx, b.actor(b.admin), b.account), nil, "close")
	b.want(b.CloseAccount(ctx, b.actor(b.admin), b.account), identity.ErrClosed, "close again")
	_, _, err = b.signIn("an", password, "")
	b.want(err, identity.ErrSignIn, "closed account")
	_, err = b.CreatePerson(ctx, identity.System, b.account, identity.Sender, person("x1", "X", "Y"))
	b.want(err, identity.ErrClosed, "person in a closed account")
	b.forward(29 * 24 * time.Hour)
	b.want(b.Sweep(ctx), nil, "sweep")
	if n := b.count(`SELECT count(*) FROM person WHERE id = $1`, b.admin); n != 1 {
		t.Error("erased too early")
	}
	b.forward(2 * 24 * time.Hour)
	if ok := b.storm(func(int) error { return b.Sweep(ctx) }); ok != 16 {
		t.Errorf("%d of 16 sweeps at once", ok)
	}
	if n := b.count(`SELECT count(*) FROM person`); n != 2 {
		t.Errorf("%d people, want the two of the other account", n)
	}
	if p := must(b.Profile(ctx, b.account))(t); p.Name != "" || p.Email != "" {
		t.Errorf("erased account: %+v", p)
	}
	if p := must(b.Profile(ctx, other))(t); p.Name != "Acme nv" {
		t.Errorf("other account: %+v", p)
	}
	if n := b.count(`SELECT count(*) FROM access_log WHERE account_id = $1`, b.account); n == 0 {
		t.Error("the access log went before its time")
	}
	b.forward(750 * 24 * time.Hour)
	b.want(b.Sweep(ctx), nil, "sweep")
	if n := b.count(`SELECT count(*) FROM access_log`) + b.count(`SELECT count(*) FROM attempt_limit`) + b.count(`SELECT count(*) FROM session`); n != 0 {
		t.Errorf("%d rows outlived their time", n)
	}
}

// What the code would not do, the schema refuses.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for constraint, sql := range map[string]string{
		"account_kind":                `UPDATE account SET kind = 'club'`,
		"account_company_named":       `UPDATE account SET name = ''`,
		"account_address_private":     `UPDATE account SET address = '{x}'`,
		"account_enterprise_number":   `UPDATE account SET enterprise_number = '123'`,
		"account_erased_after_closed": `UPDATE account SET erased_at = created_at`,
		"person_login_folded":         `UPDATE person SET login = 'AN'`,
		"person_mobile":               `UPDATE person SET mobile = '0470'`,
		"person_password_hashed":      `UPDATE person SET password_hash = 'zeven zwarte zwanen'`,
		"membership_role":             `UPDATE membership SET role = 'root'`,
		"api_key_secret_hash":         `INSERT INTO api_key SELECT id, id, 'test', 'k', 'bode_test_x', 'x', created_at FROM account`,
		"api_key_mode":                `INSERT INTO api_key SELECT id, id, 'prod', 'k', sha256('x'), 'x', created_at FROM account`,
		"session_ends":                `INSERT INTO session SELECT sha256('x'), p.id, a.id, 'password', now(), now(), now(), now() + interval '2 h', now() + interval '1 h', '', '', 'nl' FROM person p, account a`,
		"session_method":              `INSERT INTO session SELECT sha256('x'), p.id, a.id, 'none', now(), now(), now(), now(), now(), '', '', 'nl' FROM person p, account a`,
		"access_log_action":           `INSERT INTO access_log SELECT id, NULL, NULL, NULL, now(), 'DROP', '', '', '' FROM account`,
	} {
		if _, err := b.pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), `"`+constraint+`"`) {
			t.Errorf("%s: %v", constraint, err)
		}
	}
}
