package identity_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

// firm is a bundle with an identified applicant and three operators.
type firm struct {
	told
	signatures *signatures
	applicant  identity.Actor
	operators  []identity.Actor
	private    string // the applicant's own account
}

func setupFirm(t *testing.T) firm {
	t.Helper()
	f := firm{told: setupTold(t), signatures: &signatures{}}
	f.Service = must(identity.New(identity.Config{Pool: f.pool, Box: f.box, DigestKey: bytes.Repeat([]byte{2}, 32), Now: f.now, Password: cheap(),
		Teller: teller{}, Codes: codes{f.pool}, Signatures: f.signatures}))(t)
	f.applicant = f.identified("lore", "Lore", "Peeters", "85073003328")
	f.private = f.applicant.Account
	for i, number := range []string{"17073003384", "40000095579", "01050399864"} {
		o := f.identified("operator"+string(rune('a'+i)), "Ola"+string(rune('a'+i)), "Wouters", number)
		f.want(f.AddOperator(t.Context(), identity.System, o.Subject, "board of 2026-11-22"), nil, "add operator")
		f.operators = append(f.operators, o)
	}
	return f
}

// identified opens a private account of somebody who is identified.
func (f firm) identified(login, given, family, number string) identity.Actor {
	f.Helper()
	account, id, err := f.CreateAccount(f.Context(), identity.NewAccount{Kind: identity.Private, Country: "BE"}, person(login, given, family))
	f.want(err, nil, "private account")
	p := proof(given, family)
	p.NationalNumber, p.Subject = number, "sub-"+number
	record, err := f.save(p, identity.Occasion{})
	f.want(err, nil, "save")
	f.want(f.BindIdentification(f.Context(), identity.System, id, record), nil, "bind")
	return identity.Actor{Kind: identity.ActorPerson, Subject: id, Account: account, Given: given, Family: family, Method: identity.MethodTOTP,
		Level: identity.LevelSubstantial, Record: record, IP: ip, UserAgent: agent}
}

// signatures says of every form what a test told it.
type signatures struct {
	mu    sync.Mutex
	by    identity.SignedBy
	err   error
	calls int
}

func (s *signatures) Check(_ context.Context, ours, signed []byte, _ time.Time) (identity.SignedBy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if !bytes.HasPrefix(signed, ours) {
		return identity.SignedBy{}, identity.ErrNotSigned
	}
	return s.by, s.err
}

func (s *signatures) say(by identity.SignedBy, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by, s.err = by, err
}

func qualified() identity.SignedBy {
	return identity.SignedBy{Given: "Rita", Family: "Maes", Organisation: "NTRBE-0671516647", Issuer: "Test QTSP", Qualified: true, At: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
}

func newApplication() identity.NewApplication {
	return identity.NewApplication{Name: "Zilverlinde bv", Country: "BE", EnterpriseNumber: "0671.516.647", VATNumber: "BE 0671.516.647",
		Email: "info@zilverlinde.example", Capacity: "bestuurder", Language: "nl", Terms: "2026-11"}
}

var blank = []byte("%PDF-1.7 the form as we made it\n")

func form(identity.Application) ([]byte, error) { return blank, nil }

func signedForm() []byte { return append(bytes.Clone(blank), "signature\n"...) }

func (f firm) file(by identity.Actor) identity.Application {
	f.Helper()
	return must(f.FileApplication(f.Context(), by, newApplication(), form))(f.T)
}

// brought is an application whose form came back, with a qualified signature or
// without.
func (f firm) brought(good bool) identity.Application {
	f.Helper()
	a, pdf := f.file(f.applicant), []byte("%PDF-1.4 a scan")
	if good {
		f.signatures.say(qualified(), nil)
		pdf = signedForm()
	}
	return must(f.AttachForm(f.Context(), f.applicant, a.ID, pdf))(f.T)
}

func TestFileApplication(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	for name, c := range map[string]struct {
		spoil func(*identity.NewApplication)
		field string
	}{
		"no name":                {func(n *identity.NewApplication) { n.Name = " " }, "name missing"},
		"no enterprise number":   {func(n *identity.NewApplication) { n.EnterpriseNumber, n.VATNumber = "", "" }, "enterprise_number malformed"},
		"wrong check digits":     {func(n *identity.NewApplication) { n.EnterpriseNumber, n.VATNumber = "0671516648", "" }, "enterprise_number malformed"},
		"VAT of somebody else":   {func(n *identity.NewApplication) { n.VATNumber = "BE0403170701" }, "vat_number differs"},
		"VAT of another country": {func(n *identity.NewApplication) { n.VATNumber = "FR12345678901" }, "vat_number malformed"},
		"abroad without VAT":     {func(n *identity.NewApplication) { n.Country, n.EnterpriseNumber, n.VATNumber = "NL", "", "" }, "vat_number missing"},
		"no e-mail":              {func(n *identity.NewApplication) { n.Email = "" }, "email missing"},
		"no such e-mail":         {func(n *identity.NewApplication) { n.Email = "info" }, "email malformed"},
		"no capacity":            {func(n *identity.NewApplication) { n.Capacity = "" }, "capacity missing"},
		"terms not agreed to":    {func(n *identity.NewApplication) { n.Terms = "" }, "terms missing"},
		"no such language":       {func(n *identity.NewApplication) { n.Language = "xx" }, "language malformed"},
		"no such country":        {func(n *identity.NewApplication) { n.Country = "Belgium" }, "country malformed"},
	} {
		n := newApplication()
		c.spoil(&n)
		_, err := f.FileApplication(ctx, f.applicant, n, form)
		if !errors.Is(err, identity.ErrInvalid) || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v, want %s", name, err, c.field)
		}
	}
	stranger := f.applicant
	stranger.Record = ""
	_, err := f.FileApplication(ctx, stranger, newApplication(), form)
	f.want(err, identity.ErrUnidentified, "nobody identified")
	weak := f.applicant
	weak.Level = identity.LevelLow
	_, err = f.FileApplication(ctx, weak, newApplication(), form)
	f.want(err, identity.ErrUnidentified, "level low")
	_, err = f.FileApplication(ctx, identity.System, newApplication(), form)
	f.want(err, identity.ErrForbidden, "nobody at all")
	broken := errors.New("no paper")
	_, err = f.FileApplication(ctx, f.applicant, newApplication(), func(identity.Application) ([]byte, error) { return nil, broken })
	f.want(err, broken, "no form")
	if n := f.count(`SELECT count(*) FROM application`); n != 0 {
		t.Fatalf("%d applications from what was refused", n)
	}

	ok := f.storm(func(int) error {
		_, err := f.FileApplication(context.WithoutCancel(ctx), f.applicant, newApplication(), form)
		return err
	})
	if ok != 5 {
		t.Errorf("%d applications at once, want 5", ok)
	}
	_, err = f.FileApplication(ctx, f.applicant, newApplication(), form)
	f.want(err, identity.ErrTooMany, "one more")
	list := must(f.Applications(ctx, f.applicant))(t)
	if len(list) != 5 || list[0].EnterpriseNumber != "0671516647" || list[0].VATNumber != "BE0671516647" || list[0].State != identity.ApplicationFiled {
		t.Errorf("filed: %+v", list)
	}
	abroad := identity.NewApplication{Name: "Tulp", Country: "NL", VATNumber: "nl123456789b01", Email: "a@tulp.example", Capacity: "x", Language: "en", Terms: "1"}
	a, err := f.FileApplication(ctx, f.operators[0], abroad, form)
	if err != nil || a.VATNumber != "NL123456789B01" {
		t.Errorf("abroad: %+v, %v", a, err)
	}
}

// What is somebody else's does not exist, for applicants and for strangers.
func TestApplicationIsPrivate(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	a := f.brought(true)
	other := f.identified("noor", "Noor", "Claes", "99060427181")
	for who, by := range map[string]identity.Actor{"another person": other, "a colleague elsewhere": f.actor(f.admin), "the system": identity.System, "nobody": {}} {
		_, err := f.Application(ctx, by, a.ID)
		f.want(err, identity.ErrNotFound, who+": application")
		_, err = f.BlankForm(ctx, by, a.ID)
		f.want(err, identity.ErrNotFound, who+": blank")
		_, err = f.SignedForm(ctx, by, a.ID, a.Form)
		f.want(err, identity.ErrNotFound, who+": form")
		_, err = f.ApprovalForms(ctx, by, a.ID)
		f.want(err, identity.ErrNotFound, who+": forms")
		_, err = f.AttachForm(ctx, by, a.ID, signedForm())
		f.want(err, identity.ErrNotFound, who+": attach")
		_, err = f.ConfirmApplication(ctx, by, a.ID, a.Form)
		f.want(err, identity.ErrForbidden, who+": confirm")
		_, err = f.ApplicationQueue(ctx, by, identity.Queue{Limit: 5})
		f.want(err, identity.ErrForbidden, who+": queue")
		_, err = f.ApplicationActs(ctx, by, a.ID)
		f.want(err, identity.ErrForbidden, who+": acts")
	}
	second := f.file(f.applicant)
	_, err := f.SignedForm(ctx, f.applicant, second.ID, a.Form)
	f.want(err, identity.ErrNotFound, "a form of another application")
	got := must(f.SignedForm(ctx, f.applicant, a.ID, a.Form))(t)
	if !bytes.Equal(got, signedForm()) {
		t.Errorf("form: %q", got)
	}
	if _, err := f.pool.Exec(ctx, `UPDATE application SET blank = (SELECT blank FROM application WHERE id = $1) WHERE id = $2`, second.ID, a.ID); err != nil {
		t.Fatal(err)
	}
	_, err = f.BlankForm(ctx, f.applicant, a.ID)
	f.want(err, identity.ErrSealed, "the form of another application")
	for _, sql := range []string{`SELECT sealed FROM application_form`, `SELECT blank FROM application`} {
		var sealed []byte
		if err := f.pool.QueryRow(ctx, sql).Scan(&sealed); err != nil || bytes.Contains(sealed, []byte("PDF")) {
			t.Errorf("%s: not sealed (%v)", sql, err)
		}
	}
}
