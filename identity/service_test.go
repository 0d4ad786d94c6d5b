package identity_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pquerna/otp/totp"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
)

const (
	password = "zeven zwarte zwanen"
	ip       = "192.0.2.7"
	agent    = "Mozilla/5.0 (X11; Linux x86_64)"
)

// bundle is a service on a database of its own, with a clock that tests turn.
type bundle struct {
	*testing.T
	*identity.Service
	pool    *pgxpool.Pool
	box     identity.Box
	mu      sync.Mutex
	at      time.Time
	account string // a company
	admin   string // its first administrator, login "an"
}

func (b *bundle) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

func (b *bundle) forward(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

func cheap() identity.Cost { return identity.Cost{Memory: 64, Time: 1, Threads: 1} }

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{T: t, pool: pgtest.New(t), at: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	b.box = must(identity.NewBox(bytes.Repeat([]byte{1}, 32)))(t)
	b.Service = must(identity.New(identity.Config{Pool: b.pool, Box: b.box, DigestKey: bytes.Repeat([]byte{2}, 32), Now: b.now, Password: cheap()}))(t)
	var err error
	b.account, b.admin, err = b.CreateAccount(t.Context(), company(), person("an", "An", "Peeters"), identity.Consent{Text: "terms", Version: "3", Language: "nl"})
	if err != nil {
		t.Fatalf("create account: %v", err)
	}
	return b
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func company() identity.NewAccount {
	return identity.NewAccount{Kind: identity.Company, Name: "Acme nv", Email: "info@acme.example", EnterpriseNumber: "BE 0671.516.647", Country: "BE"}
}

func person(login, given, family string) identity.NewPerson {
	return identity.NewPerson{Given: given, Family: family, Login: login, Email: strings.ToLower(strings.TrimSpace(login)) + "@acme.example", Mobile: "+32 470 12 34 56", Language: "nl", Password: password}
}

func (b *bundle) actor(person string) identity.Actor {
	return identity.Actor{Kind: identity.ActorPerson, Subject: person, Account: b.account, Method: identity.MethodTOTP, ProvenAt: b.now(), IP: ip, UserAgent: agent}
}

func (b *bundle) add(login string, role identity.Role) string {
	b.Helper()
	return must(b.CreatePerson(b.Context(), identity.System, b.account, role, person(login, "Els", "Claes")))(b.T)
}

func (b *bundle) signIn(login, pw, code string) (string, identity.Session, error) {
	return b.SignIn(context.WithoutCancel(b.Context()), login, pw, code, ip, agent, "fr")
}

// enrol gives a person a second factor and returns its secret and codes.
func (b *bundle) enrol(person string) (secret string, recovery []string) {
	b.Helper()
	f := must(b.EnrolFactor(b.Context(), identity.System, person, "Bode"))(b.T)
	recovery, err := b.ConfirmFactor(b.Context(), identity.System, person, b.code(f.Secret))
	if err != nil {
		b.Fatalf("confirm: %v", err)
	}
	b.forward(31 * time.Second) // the step is used
	return f.Secret, recovery
}

func (b *bundle) code(secret string) string {
	b.Helper()
	return must(totp.GenerateCode(secret, b.now()))(b.T)
}

func (b *bundle) want(got, want error, what string) {
	b.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		b.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (b *bundle) count(sql string, args ...any) (n int) {
	b.Helper()
	if err := b.pool.QueryRow(context.WithoutCancel(b.Context()), sql, args...).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

func TestConfig(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	box := must(identity.NewBox(make([]byte, 32)))(t)
	good := identity.Config{Pool: pool, Box: box, DigestKey: make([]byte, 32), Password: cheap()}
	for name, spoil := range map[string]func(*identity.Config){
		"no pool":    func(c *identity.Config) { c.Pool = nil },
		"no box":     func(c *identity.Config) { c.Box = nil },
		"short key":  func(c *identity.Config) { c.DigestKey = make([]byte, 31) },
		"idle":       func(c *identity.Config) { c.Idle = -1 },
		"no passes":  func(c *identity.Config) { c.Password.Time = 0 },
		"no memory":  func(c *identity.Config) { c.Password.Memory = 7 },
		"huge":       func(c *identity.Config) { c.Password.Memory = 8 << 20 },
		"no threads": func(c *identity.Config) { c.Password.Threads = 0 },
	} {
		c := good
		spoil(&c)
		if _, err := identity.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := identity.New(good); err != nil {
		t.Error(err)
	}
}

func TestBox(t *testing.T) {
	t.Parallel()
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	old := must(identity.NewBox(one))(t)
	box := must(identity.NewBox(two, one))(t)
	sealed := must(box.Seal([]byte("secret"), []byte("row 1")))(t)
	if bytes.Contains(sealed, []byte("secret")) || bytes.Equal(sealed, must(box.Seal([]byte("secret"), []byte("row 1")))(t)) {
		t.Error("in the clear, or the same twice")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := box.Open(bad, []byte("row 1")); !errors.Is(err, identity.ErrSealed) {
			t.Errorf("octet %d flipped: %v", i, err)
		}
		if _, err := box.Open(sealed[:i], []byte("row 1")); !errors.Is(err, identity.ErrSealed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	if _, err := box.Open(sealed, []byte("row 2")); !errors.Is(err, identity.ErrSealed) {
		t.Errorf("moved to another row: %v", err)
	}
	if _, err := old.Open(sealed, []byte("row 1")); !errors.Is(err, identity.ErrSealed) {
		t.Errorf("unknown key: %v", err)
	}
	if p, err := box.Open(must(old.Seal([]byte("x"), nil))(t), nil); err != nil || string(p) != "x" {
		t.Errorf("sealed under the old key: %q, %v", p, err)
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := identity.NewBox(make([]byte, n)); err == nil {
			t.Errorf("key of %d octets accepted", n)
		}
	}
}

func TestInput(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, spoil := range map[string]func(*identity.NewAccount, *identity.NewPerson){
		"kind":              func(a *identity.NewAccount, _ *identity.NewPerson) { a.Kind = "" },
		"no name":           func(a *identity.NewAccount, _ *identity.NewPerson) { a.Name = " \x00" },
		"enterprise number": func(a *identity.NewAccount, _ *identity.NewPerson) { a.EnterpriseNumber = "0671516648" },
		"no number in BE":   func(a *identity.NewAccount, _ *identity.NewPerson) { a.EnterpriseNumber = "" },
		"country":           func(a *identity.NewAccount, _ *identity.NewPerson) { a.Country = "be" },
		"company address":   func(a *identity.NewAccount, _ *identity.NewPerson) { a.Address = []string{"Kerkstraat 1"} },
		"company email":     func(a *identity.NewAccount, _ *identity.NewPerson) { a.Email = "x" },
		"private, named":    func(a *identity.NewAccount, _ *identity.NewPerson) { a.Kind = identity.Private },
		"given":             func(_ *identity.NewAccount, p *identity.NewPerson) { p.Given = "" },
		"family":            func(_ *identity.NewAccount, p *identity.NewPerson) { p.Family = "\xff\x00" },
		"login":             func(_ *identity.NewAccount, p *identity.NewPerson) { p.Login = "a b" },
		"login with nul":    func(_ *identity.NewAccount, p *identity.NewPerson) { p.Login = "a\x00b" },
		"login too long":    func(_ *identity.NewAccount, p *identity.NewPerson) { p.Login = strings.Repeat("a", 255) },
		"email":             func(_ *identity.NewAccount, p *identity.NewPerson) { p.Email = "An <an@acme.example>" },
		"email header":      func(_ *identity.NewAccount, p *identity.NewPerson) { p.Email = "an@acme.example\r\nBcc: x@y.example" },
		"mobile":            func(_ *identity.NewAccount, p *identity.NewPerson) { p.Mobile = "0470123456" },
		"language":          func(_ *identity.NewAccount, p *identity.NewPerson) { p.Language = "es" },
		"no password":       func(_ *identity.NewAccount, p *identity.NewPerson) { p.Password = "" },
		"short password":    func(_ *identity.NewAccount, p *identity.NewPerson) { p.Password = "elf tekens!" },
		"long password":     func(_ *identity.NewAccount, p *identity.NewPerson) { p.Password = strings.Repeat("abcdef ", 19) },
		"common password":   func(_ *identity.NewAccount, p *identity.NewPerson) { p.Password = "Mijn Wachtwoord 2026!" },
		"one letter":        func(_ *identity.NewAccount, p *identity.NewPerson) { p.Password = "aaaaaaaaaaaaaaaa" },
		"password is name": func(_ *identity.NewAccount, p *identity.NewPerson) {
			p.Family, p.Password = "Vandenberghe", "vandenberghe1"
		},
		"password not UTF-8": func(_ *identity.NewAccount, p *identity.NewPerson) { p.Password = "zeven zwarte \xff zwanen" },
	} {
		a, p := company(), person("els", "Els", "Claes")
		spoil(&a, &p)
		_, _, err := b.CreateAccount(t.Context(), a, p)
		b.want(err, identity.ErrInvalid, name)
		if err != nil && p.Password != "" && strings.Contains(err.Error(), p.Password) {
			t.Errorf("%s: the error holds the password", name)
		}
	}
	_, _, err := b.CreateAccount(t.Context(), company(), person("AN ", "An", "Peeters"))
	b.want(err, identity.ErrLoginTaken, "login in other case")
	full := person("an", "An", "Peeters")
	full.Login = "ＡＮ"
	_, _, err = b.CreateAccount(t.Context(), company(), full)
	b.want(err, identity.ErrLoginTaken, "login in full-width letters")
	if n := b.count(`SELECT count(*) FROM account`); n != 1 {
		t.Errorf("%d accounts: a refusal left something behind", n)
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := must(b.Profile(t.Context(), b.account))(t)
	if p.Name != "Acme nv" || p.EnterpriseNumber != "0671516647" || p.Email != "info@acme.example" || p.Kind != identity.Company {
		t.Errorf("company: %+v", p)
	}
	if p.Given != "" || p.Family != "" || p.Mobile != "" { // R5
		t.Errorf("a company shows its people: %+v", p)
	}
	id, _, err := b.CreateAccount(t.Context(), identity.NewAccount{Kind: identity.Private, Country: "BE", Address: []string{"Kerkstraat 1", "2000 Antwerpen"}}, person("jan", "Jan", "Maes"))
	if err != nil {
		t.Fatal(err)
	}
	p = must(b.Profile(t.Context(), id))(t)
	if p.Given != "Jan" || p.Family != "Maes" || p.Email != "jan@acme.example" || len(p.Address) != 2 || p.Name != "" || p.Mobile != "+32470123456" {
		t.Errorf("private: %+v", p)
	}
	for _, id := range []string{"", "x", "00000000-0000-7000-8000-000000000000", "{" + b.account + "}"} {
		_, err := b.Profile(t.Context(), id)
		b.want(err, identity.ErrNotFound, id)
	}
	_, err = b.CreatePerson(t.Context(), identity.System, id, identity.Reader, person("els", "Els", "Claes"))
	b.want(err, identity.ErrForbidden, "second person in a private account")
}

func TestSecretsSealed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, recovery := b.enrol(b.admin)
	var row string
	if err := b.pool.QueryRow(t.Context(), `SELECT p::text || (SELECT string_agg(r::text, '') FROM recovery_code r) FROM person p`).Scan(&row); err != nil {
		t.Fatal(err)
	}
	raw := must(base32.StdEncoding.DecodeString(secret))(t)
	for _, s := range []string{secret, string(raw), password, recovery[0], strings.ReplaceAll(recovery[0], "-", "")} {
		if strings.Contains(row, s) {
			t.Errorf("a secret stands in the row")
		}
	}
	// A sealed secret moved to another person opens nothing.
	els := b.add("els", identity.Sender)
	if _, err := b.pool.Exec(t.Context(), `UPDATE person SET totp_secret = (SELECT totp_secret FROM person WHERE id = $2) WHERE id = $1`, els, b.admin); err != nil {
		t.Fatal(err)
	}
	_, _, err := b.signIn("els", password, b.code(secret))
	b.want(err, identity.ErrSealed, "moved factor")
}
