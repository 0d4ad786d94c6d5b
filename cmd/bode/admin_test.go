package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// goodPassword is one that is accepted.
const goodPassword = "klavervier op de Dender"

// deskOf is a database and the secrets beside it, as an operator's commands
// take them.
func deskOf(t *testing.T) (pool *pgxpool.Pool, env []string, secretsDir string) {
	t.Helper()
	pool, secretsDir = pgtest.New(t), t.TempDir()
	if _, err := loadSecrets(secretsDir, true); err != nil {
		t.Fatal(err)
	}
	return pool, []string{"DATABASE_URL=" + pool.Config().ConnString(), "BODE_SECRETS=" + secretsDir}, secretsDir
}

// opening is a complete "account open"; more flags go behind and win.
func opening(password string, more ...string) []string {
	return append([]string{"account", "open", "--kind", "company", "--name", "Immo Zilverlinde bv", "--contact", "post@zilverlinde.example",
		"--enterprise-number", "0403.170.701", "--given", "Lotte", "--family", "Peeters", "--login", "lotte",
		"--email", "lotte@zilverlinde.example", "--mobile", "+32470111111", "--language", "nl", "--consent-version", "2026-11",
		"--password", password}, more...)
}

// TestAccountOpen opens an account by the program and signs in with what it
// printed.
func TestAccountOpen(t *testing.T) {
	t.Parallel()
	pool, env, secretsDir := deskOf(t)
	password := writeFile(t, filepath.Join(t.TempDir(), "password"), goodPassword+"\n")
	s := command{env: env, args: opening(password, "--by", "An Operator")}.run(t)
	s.expect(t, "account open", 0, "otpauth://totp/", `"msg":"account opened"`, `"by":"An Operator"`)
	account, person, secret := s.field(t, "account"), s.field(t, "person"), s.field(t, "authenticator")
	if n := strings.Count(s.out, "\nrecovery"); n != 10 {
		t.Errorf("%d recovery codes, want 10", n)
	}
	if strings.Contains(s.err, secret) || strings.Contains(s.out+s.err, goodPassword) {
		t.Error("a secret is in the log, or the password anywhere")
	}

	keys, err := loadSecrets(secretsDir, false)
	if err != nil {
		t.Fatal(err)
	}
	o, err := openOffice(pool, keys, discard())
	if err != nil {
		t.Fatal(err)
	}
	code, err := totpNow(secret)
	if err != nil {
		t.Fatal(err)
	}
	_, session, err := o.identity.SignIn(t.Context(), "lotte", goodPassword, code, "127.0.0.1", "test", "nl")
	if err != nil || session.Person != person || session.Account != account || session.Role != identity.Administrator {
		t.Errorf("signed in as %+v, %v", session, err)
	}
	if _, _, err := o.identity.SignIn(t.Context(), "lotte", goodPassword, "", "127.0.0.1", "test", "nl"); err == nil {
		t.Error("signed in without a code")
	}
	p, err := o.identity.Profile(t.Context(), account)
	if err != nil || p.EnterpriseNumber != "0403170701" || p.Name != "Immo Zilverlinde bv" {
		t.Errorf("profile = %+v, %v", p, err)
	}
	var text, version string
	if err := pool.QueryRow(t.Context(), `SELECT text, version FROM consent WHERE person_id = $1`, person).Scan(&text, &version); err != nil || text != "terms" || version != "2026-11" {
		t.Errorf("consent = %s %s, %v", text, version, err)
	}

	renewed := command{env: env, args: []string{"account", "authenticator", person, "--by", "An Operator", "--second", "Another"}}.run(t)
	renewed.expect(t, "authenticator", 0, `"msg":"authenticator replaced"`)
	for secret, want := range map[string]error{secret: identity.ErrSignIn, renewed.field(t, "authenticator"): nil} {
		code, err := totpNow(secret)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := o.identity.SignIn(t.Context(), "lotte", goodPassword, code, "127.0.0.1", "test", "nl"); !errors.Is(err, want) {
			t.Errorf("after a new authenticator: %v, want %v", err, want)
		}
	}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"nobody there": {[]string{"0193aa00-0000-7000-8000-000000000000", "--by", "x", "--second", "y"}, 1}, "no id": {[]string{"lotte", "--by", "x", "--second", "y"}, 1},
		"by nobody": {[]string{person}, 2}, "by one": {[]string{person, "--by", "x"}, 2}, "by one twice": {[]string{person, "--by", "x", "--second", "x"}, 2},
		"for nobody": {[]string{"--by", "x", "--second", "y"}, 2},
	} {
		command{env: env, args: append([]string{"account", "authenticator"}, c.args...)}.run(t).expect(t, name, c.code)
	}

	private := command{env: env, in: goodPassword, args: opening("-", "--kind", "private", "--name", "", "--contact", "", "--enterprise-number", "",
		"--login", "karim", "--address", "Rue de la Loi 12, boîte 3", "--address", "1000 Bruxelles")}.run(t)
	private.expect(t, "private, password from standard input", 0)
	p, err = o.identity.Profile(t.Context(), private.field(t, "account"))
	if err != nil || len(p.Address) != 2 || p.Address[0] != "Rue de la Loi 12, boîte 3" {
		t.Errorf("profile = %+v, %v", p, err)
	}
}

// TestAccountOpenRefused holds that a mistake leaves no account.
func TestAccountOpenRefused(t *testing.T) {
	t.Parallel()
	pool, env, _ := deskOf(t)
	dir := t.TempDir()
	password := writeFile(t, filepath.Join(dir, "password"), goodPassword)
	for name, c := range map[string]struct {
		args []string
		env  []string
		code int
		want string
	}{
		"wrong number":         {opening(password, "--enterprise-number", "0403.170.702"), env, 2, "enterprise_number"},
		"no number":            {opening(password, "--enterprise-number", ""), env, 2, "enterprise_number"},
		"private with name":    {opening(password, "--kind", "private"), env, 2, "kind"},
		"strange kind":         {opening(password, "--kind", "club"), env, 2, "club"},
		"strange language":     {opening(password, "--language", "la"), env, 2, "la"},
		"bad mobile":           {opening(password, "--mobile", "0470"), env, 2, "mobile"},
		"no consent":           {opening(password, "--consent-version", " "), env, 2, "consent"},
		"nobody":               {opening(password, "--by", " "), env, 2, "--by"},
		"short password":       {opening(writeFile(t, filepath.Join(dir, "short"), "kort")), env, 2, "password"},
		"empty password":       {opening("-"), env, 2, "password"},
		"long password":        {opening(writeFile(t, filepath.Join(dir, "long"), strings.Repeat("x", 2000))), env, 1, "password"},
		"no password file":     {opening(filepath.Join(dir, "none")), env, 1, "none"},
		"no password flag":     {opening(password)[:len(opening(password))-2], env, 2, "--password"},
		"no database":          {opening(password), env[1:], 2, "--database"},
		"no secrets":           {opening(password), env[:1], 2, "--secrets"},
		"empty secrets":        {opening(password), []string{env[0], "BODE_SECRETS=" + dir}, 1, "link.key"},
		"unreachable database": {opening(password), []string{"DATABASE_URL=postgres://x@127.0.0.1:1/x", env[1]}, 1, "database"},
	} {
		command{env: c.env, args: c.args}.run(t).expect(t, name, c.code, c.want)
	}
	var n int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM account`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d accounts, %v", n, err)
	}
	command{env: env, args: opening(password)}.run(t).expect(t, "in the end", 0)
	command{env: env, args: opening(password)}.run(t).expect(t, "the same login", 1, "login is taken")
}

// TestAccountKey makes keys by the program and uses them.
func TestAccountKey(t *testing.T) {
	t.Parallel()
	pool, env, secretsDir := deskOf(t)
	password := writeFile(t, filepath.Join(t.TempDir(), "password"), goodPassword)
	account := command{env: env, args: opening(password)}.run(t).field(t, "account")
	keys, err := loadSecrets(secretsDir, false)
	if err != nil {
		t.Fatal(err)
	}
	o, err := openOffice(pool, keys, discard())
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"test", "live"} {
		s := command{env: env, args: []string{"account", "key", account, "--mode", mode, "--name", "ERP"}}.run(t)
		s.expect(t, mode, 0, `"msg":"key made"`, "bode_"+mode+"_")
		secret := strings.TrimSpace(s.out)
		if strings.Contains(s.err, secret) {
			t.Error("the key is in the log")
		}
		k, err := o.identity.AuthenticateKey(t.Context(), secret, "127.0.0.1")
		if err != nil || k.Account != account || k.Test != (mode == "test") || k.Name != "ERP" {
			t.Errorf("%s: %+v, %v", mode, k, err)
		}
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no such account": {[]string{"0193aa00-0000-7000-8000-000000000000", "--mode", "test", "--name", "x"}, 1, "not found"},
		"no id":           {[]string{"lotte", "--mode", "test", "--name", "x"}, 1, "not found"},
		"no account":      {[]string{"--mode", "test", "--name", "x"}, 2, "account"},
		"strange mode":    {[]string{account, "--mode", "prod", "--name", "x"}, 2, "prod"},
		"no mode":         {[]string{account, "--name", "x"}, 2, "--mode"},
		"blank name":      {[]string{account, "--mode", "test", "--name", " "}, 2, "name"},
	} {
		command{env: env, args: append([]string{"account", "key"}, c.args...)}.run(t).expect(t, name, c.code, c.want)
	}
	var n int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM api_key`).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d keys, %v", n, err)
	}
}
