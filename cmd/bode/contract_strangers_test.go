package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/pquerna/otp/totp"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// newStillTown is the whole service with nobody at work, so that nothing changes
// but by what a test asks for.
func newStillTown(t *testing.T) *contractTown {
	t.Helper()
	w := &town{t: t}
	server := httptest.NewUnstartedServer(nil)
	w.base = "http://" + server.Listener.Addr().String()
	log, dir := slog.New(slog.DiscardHandler), openDir(t)
	var err error
	if w.stands, err = startStandIns(dir, w.base, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.stands.Close() })
	out, err := w.stands.outside(dir, w.base, log)
	if err != nil {
		t.Fatal(err)
	}
	if w.app, err = build(pgtest.New(t), out, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.codes.Close)
	server.Config.Handler = w.handler
	server.Start()
	t.Cleanup(server.Close)
	if w.seeds, err = seed(t.Context(), w.app, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	c := &contractTown{town: w, kept: map[string]string{}}
	c.out = outsider{info: info{BaseURL: w.base, TestKey: w.seeds.TestKey}, client: &http.Client{Timeout: time.Minute}}
	_, _, text := c.get(t, w.base+"/api/v1/openapi.json")
	if c.doc, err = openapi3.NewLoader().LoadFromData(text); err != nil {
		t.Fatal(err)
	}
	return c
}

// belongings is where the objects of the first account are, by the step of a path
// that comes before their identifier. A path with a parameter whose kind is not
// here fails the test.
func belongings() map[string]string {
	const own = ` WHERE account_id = $1 LIMIT 1`
	return map[string]string{
		"messages": `SELECT id::text FROM message` + own, "documents": `SELECT id::text FROM document` + own,
		"deliveries": `SELECT d.id::text FROM delivery d JOIN message m ON m.id = d.message_id WHERE m.account_id = $1 LIMIT 1`,
		"inbox":      `SELECT d.id::text FROM delivery d JOIN message m ON m.id = d.message_id WHERE m.account_id = $1 LIMIT 1`,
		"evidence":   `SELECT e.id::text || '.pdf' FROM erds_event e JOIN message m ON m.id = e.message_id WHERE m.account_id = $1 LIMIT 1`,
		"proposals":  `SELECT p.id::text FROM contact_proposal p JOIN delivery d ON d.id = p.delivery_id JOIN message m ON m.id = d.message_id WHERE m.account_id = $1 LIMIT 1`,
		"drafts":     `SELECT id::text FROM draft` + own, "templates": `SELECT id::text FROM template` + own, "contacts": `SELECT id::text FROM addressee` + own,
		"address-book": `SELECT id::text FROM addressee` + own, "addressees": `SELECT id::text FROM addressee` + own,
		"batches": `SELECT id::text FROM bulk` + own, "webhooks": `SELECT id::text FROM webhook` + own, "keys": `SELECT id::text FROM api_key` + own,
		"invoices": `SELECT id::text FROM invoice` + own, "payments": `SELECT id::text FROM payment` + own, "top-ups": `SELECT id::text FROM payment` + own, "certificates": `SELECT id::text FROM client_certificate` + own,
		"clients": `SELECT id::text FROM api_client` + own, "trial": `SELECT id::text FROM trial_address` + own, "mandates": `SELECT id::text FROM mandate` + own,
		"people": `SELECT person_id::text FROM membership` + own, "invitations": `SELECT id::text FROM ticket` + own,
		"applications": `SELECT id::text FROM application WHERE account_id = $1 LIMIT 1`, "passkeys": `SELECT encode(id, 'hex') FROM webauthn_credential LIMIT 0`,
		"consents": `SELECT id::text FROM consent LIMIT 0`, "accounts": `SELECT $1::text`, "jobs": `SELECT id::text FROM river_job WHERE $1 <> '' LIMIT 1`,
		"holds": `SELECT id::text FROM legal_hold LIMIT 0`, "outages": `SELECT id::text FROM outage LIMIT 0`,
		"papers": `SELECT '1'`, "attempts": `SELECT '1'`, "versions": `SELECT '1'`, "forms": `SELECT '1'`, "registers": `SELECT 'incident'`,
		"incident": `SELECT gen_random_uuid()::text`, "request": `SELECT gen_random_uuid()::text`,
	}
}

// tokens are steps before secrets and names, which belong to no account: whoever
// has one may use it.
var tokens = []string{"invitation", "go", "reset", "stop", "texts", "c", "card", "callback", "identify", "means", "sign", "signed", "log", "static", "operations"}

// belonging is an object of the first account; a kind of which it has none yet
// gives an identifier of nothing.
func (c *contractTown) belonging(ctx context.Context, account, kind string) (string, error) {
	query, ok := belongings()[kind]
	if !ok {
		return "", fmt.Errorf("no entry for %q in belongings", kind)
	}
	args := []any{account}
	if !strings.Contains(query, "$1") {
		args = nil
	}
	rows, err := c.pool.Query(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	id := "0193c5d2-7b1e-7c3a-9a41-0d6f1e5b2c11"
	for rows.Next() {
		if err := rows.Scan(&id); err != nil {
			return "", err
		}
	}
	return id, rows.Err()
}

// aimed fills the parameters of a path with objects of the first account. open
// says that it names nobody's.
func (c *contractTown) aimed(t *testing.T, account, path string) (target string, open bool) {
	t.Helper()
	steps := strings.Split(strings.Trim(path, "/"), "/")
	open = true
	for i, step := range steps {
		if !strings.HasPrefix(step, ":") && !strings.HasPrefix(step, "{") {
			continue
		}
		kind := ""
		for j := i - 1; j >= 0 && kind == ""; j-- {
			if !strings.HasPrefix(inEcho(steps[j]), ":") {
				kind = steps[j]
			}
		}
		if slices.Contains(tokens, kind) {
			return "", true
		}
		id, err := c.belonging(t.Context(), account, kind)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return "", true
		}
		steps[i], open = id, false
	}
	return "/" + strings.Join(steps, "/"), open
}

// inEcho is a step of a path in echo's notation.
func inEcho(step string) string { return strings.Replace(step, "{", ":", 1) }

// rows is everything that is stored, but what every request leaves: when a key or
// session was last used, what was refused, and limits of attempts.
func (c *contractTown) rows(t *testing.T) map[string]string {
	t.Helper()
	names, err := c.pool.Query(t.Context(), `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relkind = 'r' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	found := map[string]string{}
	for _, table := range tables {
		if slices.Contains([]string{"session", "api_key", "access_log", "attempt_limit", "river_client", "river_leader", "watched_look"}, table) {
			continue
		}
		var n int
		var sum string
		if err := c.pool.QueryRow(t.Context(), `SELECT count(*), coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM "`+table+`" t`).Scan(&n, &sum); err != nil {
			t.Fatal(table, err)
		}
		found[table] = fmt.Sprint(n, " ", sum)
	}
	return found
}

// unchanged says which tables a walk changed.
func (c *contractTown) unchanged(t *testing.T, before map[string]string) {
	t.Helper()
	for table, now := range c.rows(t) {
		if before[table] != now {
			t.Errorf("%s was changed: %s, was %s", table, now, before[table])
		}
	}
}

// possessions gives the first account one object of every kind that it can make.
func (c *contractTown) possessions(t *testing.T) (account string) {
	t.Helper()
	k, err := c.identity.AuthenticateKey(t.Context(), c.seeds.LiveKey, "")
	if err != nil {
		t.Fatal(err)
	}
	c.out.info.TestKey = c.seeds.LiveKey
	for _, kind := range []string{"messages", "documents", "drafts", "templates", "contacts", "batches", "webhooks"} {
		if c.doc.Paths.Value("/"+kind) == nil {
			continue
		}
		if id, err := c.make(t.Context(), kind, nil); err != nil {
			t.Logf("%s: %v", kind, err)
		} else if kind == "messages" {
			var list struct{ Data []struct{ ID string } }
			if err := c.out.call(t.Context(), http.MethodGet, "/messages/"+id+"/deliveries", nil, &list); err != nil {
				t.Fatal(err)
			}
			c.fresh(t, "proposals", map[string]string{"DELIVERY": list.Data[0].ID})
		}
	}
	return k.Account
}

// stranger is a company of its own, with keys and somebody who is signed in.
func (c *contractTown) stranger(t *testing.T) (keys []string, signedIn *http.Client) {
	t.Helper()
	var s seeds
	account, err := c.seedAccount(t.Context(), &s, "stranger",
		identity.NewAccount{Kind: identity.Company, Name: "Notaris Duinen bv", Email: "post@duinen.example", EnterpriseNumber: "0202239951", Country: "BE"},
		identity.NewPerson{Given: "Joris", Family: "Maes", Login: "joris", Email: "joris@duinen.example", Mobile: "+32470333333", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.pool.Exec(t.Context(), `DELETE FROM operator WHERE person_id IN (SELECT person_id FROM membership WHERE account_id = $1)`, account); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []identity.Mode{identity.Live, identity.Test} {
		key, _, err := c.identity.CreateKey(t.Context(), identity.System, account, mode, "k")
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	signedIn = &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	code, err := totp.GenerateCode(s.SignIns[0].TOTPSecret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	resp, err := signedIn.PostForm(c.base+"/portal/sign-in", url.Values{"login": {"joris"}, "password": {s.SignIns[0].Password}, "code": {code}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("not signed in: %d", resp.StatusCode)
	}
	return keys, signedIn
}

// TestStrangersFindNothingAnywhere calls every operation and every page that
// names an object, with an object of somebody else: each answers as if there were
// none, and no row changes.
func TestStrangersFindNothingAnywhere(t *testing.T) {
	t.Parallel()
	c := newStillTown(t)
	account := c.possessions(t)
	keys, signedIn := c.stranger(t)
	before := c.rows(t)
	walked := 0
	for path, item := range c.doc.Paths.Map() {
		target, open := c.aimed(t, account, path)
		if open {
			continue
		}
		for method, op := range item.Operations() {
			for _, key := range keys {
				status, code := c.knock(t, method, "/api/v1"+target, op, "Bearer "+key)
				if walked++; status != http.StatusNotFound || code != "not_found" {
					t.Errorf("%s %s: %d %s", method, path, status, code)
				}
			}
		}
	}
	if walked < 20 {
		t.Errorf("only %d operations name an object", walked)
	}
	pages := 0
	for _, r := range c.pages.Routes() {
		target, open := c.aimed(t, account, r.Path)
		if open || strings.HasPrefix(r.Path, "/api/docs") || r.Method == "echo_route_not_found" {
			continue
		}
		status := c.visit(t, signedIn, r.Method, target)
		if answersAnyway()[r.Method+" "+r.Path] == status {
			continue
		}
		operators := strings.HasPrefix(r.Path, "/operator") && status == http.StatusForbidden
		if pages++; status != http.StatusNotFound && !operators {
			t.Errorf("%s %s: %d", r.Method, r.Path, status)
		}
	}
	if pages < 20 {
		t.Errorf("only %d pages name an object", pages)
	}
	t.Logf("%d calls, %d pages", walked, pages)
	c.unchanged(t, before)
}

// answersAnyway are the pages that do not say whether an object is there, and how
// they answer.
func answersAnyway() map[string]int {
	return map[string]int{
		"GET /portal/inbox/:id":            http.StatusOK,       // the reader's own inbox: where a sign-in leads back to
		"POST /portal/contacts/:id/online": http.StatusSeeOther, // the reader's own contacts, as they are
	}
}

// knock calls an operation with the body of its example.
func (c *contractTown) knock(t *testing.T, method, target string, op *openapi3.Operation, authorization string) (status int, code string) {
	t.Helper()
	var body io.Reader
	kind := ""
	if op.RequestBody != nil {
		kind, body = "text/plain", strings.NewReader("x")
		if media := op.RequestBody.Value.Content.Get("application/json"); media != nil && media.Example != nil {
			b, err := json.Marshal(media.Example)
			if err != nil {
				t.Fatal(err)
			}
			kind, body = "application/json", strings.NewReader(string(b))
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, c.base+target, body)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := c.out.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var p struct{ Code string }
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(b, &p) // what is no problem has no code
	return resp.StatusCode, p.Code
}

// visit asks for a page, or does what its form does.
func (c *contractTown) visit(t *testing.T, client *http.Client, method, target string) int {
	t.Helper()
	var body io.Reader
	if method != http.MethodGet {
		body = strings.NewReader("agree=yes&reason=x&member_role=reader")
	}
	r, err := http.NewRequestWithContext(t.Context(), method, c.base+target, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestNothingWithoutCredentials calls every operation and every page of an account
// without a key or session that is good now.
func TestNothingWithoutCredentials(t *testing.T) {
	t.Parallel()
	c := newStillTown(t)
	account := c.possessions(t)
	revoked, k, err := c.identity.CreateKey(t.Context(), identity.System, account, identity.Test, "old")
	if err == nil {
		err = c.identity.RevokeKey(t.Context(), identity.System, account, k.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	over, k, err := c.identity.CreateKey(t.Context(), identity.System, account, identity.Test, "over")
	if err == nil {
		_, err = c.pool.Exec(t.Context(), `UPDATE api_key SET created_at = created_at - interval '2 days', expires_at = created_at - interval '1 day' WHERE id = $1`, k.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	before := c.rows(t)
	for path, item := range c.doc.Paths.Map() {
		target, open := c.aimed(t, account, path)
		if open && target == "" {
			continue
		}
		for method, op := range item.Operations() {
			if known, _ := op.Extensions["x-problems"].([]any); !slices.Contains(known, any("unauthorized")) {
				continue // for everybody
			}
			for name, auth := range map[string]string{"none": "", "other scheme": "Basic " + c.seeds.LiveKey, "cut": "Bearer " + c.seeds.LiveKey[:len(c.seeds.LiveKey)-1],
				"revoked": "Bearer " + revoked, "over": "Bearer " + over, "other mode": "Bearer " + strings.Replace(c.seeds.LiveKey, "live", "test", 1)} {
				if status, code := c.knock(t, method, "/api/v1"+target, op, auth); status != http.StatusUnauthorized || code != "unauthorized" {
					t.Errorf("%s: %s %s: %d %s", name, method, path, status, code)
				}
			}
		}
	}
	nobody := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, r := range c.pages.Routes() {
		target, _ := c.aimed(t, account, r.Path)
		closed := strings.HasPrefix(r.Path, "/portal") || strings.HasPrefix(r.Path, "/operator")
		if !closed || target == "" || slices.ContainsFunc([]string{"/portal/sign-in", "/portal/sign-up", "/portal/recover", "/portal/reset", "/portal/forgot", "/portal/sign-out"},
			func(p string) bool { return strings.HasPrefix(r.Path, p) }) {
			continue
		}
		if status := c.visit(t, nobody, r.Method, target); status == http.StatusOK || status >= 500 {
			t.Errorf("%s %s: %d", r.Method, r.Path, status)
		}
	}
	c.unchanged(t, before)
}
