package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/api"
	"github.com/bode-erds/bode/identity"
)

// key makes a key of the rig's account.
func (r *rig) key(mode identity.Mode, name string, scopes ...identity.Scope) (string, identity.Key) {
	r.t.Helper()
	secret, k, err := r.people.MakeKey(r.ctx(), identity.System, r.account, identity.NewKey{Mode: mode, Name: name, Scopes: scopes})
	r.must(err)
	return secret, k
}

// TestScopes: a key may do what its scopes say, and a refusal names the one that
// is missing.
func TestScopes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.submit(r.test, 1)
	d := m.Deliveries[0].ID
	r.seal()
	r.posted(d, strings.NewReader("%PDF letter"))
	r.dossiers.content = strings.NewReader("PK")
	event := r.event(m)
	operations := []struct {
		method, path string
		body         any
		need         identity.Scope
	}{
		{"GET", "/messages", nil, "read"}, {"GET", "/messages/" + m.ID, nil, "read"}, {"GET", "/deliveries/" + d, nil, "read"},
		{"GET", "/deliveries/" + d + "/events", nil, "read"}, {"GET", "/events", nil, "read"}, {"GET", "/deliveries/" + d + "/proposals", nil, "read"},
		{"GET", "/deliveries/" + d + "/evidence", nil, "evidence"}, {"GET", "/deliveries/" + d + "/letter", nil, "evidence"},
		{"GET", "/deliveries/" + d + "/papers", nil, "evidence"}, {"GET", "/evidence/" + event + ".xml", nil, "evidence"},
		{"GET", "/deliveries/" + d + "/dossier", nil, "evidence"},
		{"POST", "/messages", submission(1), "send"}, {"POST", "/messages/" + m.ID + "/cancel", nil, "send"}, {"POST", "/documents?filename=a", "x", "send"},
		{"POST", "/previews", submission(1), "send"}, {"POST", "/test-clock/advance", map[string]any{"by": "PT1S"}, "send"},
	}
	for _, have := range identity.Scopes() {
		secret, _ := r.key(identity.Test, "only "+string(have), have)
		before := r.stored()
		for _, o := range operations {
			if o.need == have {
				continue
			}
			a := r.do(ask{method: o.method, path: o.path, body: o.body, key: secret})
			var named struct{ Scope string }
			_ = json.Unmarshal(a.body, &named)
			if a.status != http.StatusForbidden || a.problem.Code != "insufficient_scope" || named.Scope != string(o.need) ||
				!strings.Contains(a.header.Get("WWW-Authenticate"), `error="insufficient_scope", scope="`+string(o.need)+`"`) {
				t.Errorf("%s may %s %s: %d %s %s", have, o.method, o.path, a.status, a.problem.Code, named.Scope)
			}
		}
		if after := r.stored(); after != before {
			t.Errorf("%s left behind:\n%s", have, after)
		}
	}
	for _, o := range operations {
		secret, k := r.key(identity.Test, "one of many", o.need)
		if a := r.do(ask{method: o.method, path: o.path, body: o.body, key: secret}); a.status >= 400 {
			t.Errorf("%s %s with %s: %d %s", o.method, o.path, o.need, a.status, a.body)
		}
		r.must(r.people.RevokeKey(r.ctx(), identity.System, r.account, k.ID))
		r.dossiers.content = strings.NewReader("PK")
	}
}

// TestKeyEnds: blocked, revoked and ended keys answer nothing.
func TestKeyEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	secret, k := r.key(identity.Live, "erp", identity.ScopeRead)
	status := func() int { return r.do(ask{path: "/messages", key: secret}).status }
	if status() != http.StatusOK {
		t.Fatal("a new key does not answer")
	}
	r.must(r.people.BlockKey(r.ctx(), identity.System, r.account, k.ID))
	if status() != http.StatusUnauthorized {
		t.Error("a blocked key answers")
	}
	r.must(r.people.UnblockKey(r.ctx(), identity.System, r.account, k.ID))
	r.clock.pass(identity.KeyLife - time.Second)
	if status() != http.StatusOK {
		t.Error("it ends too early")
	}
	r.clock.pass(time.Second)
	if status() != http.StatusUnauthorized {
		t.Error("a key answers after its end")
	}
}

// TestListKeys: a key sees itself; with admin, those of its account and mode.
func TestListKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	plain, k := r.key(identity.Live, "erp", identity.ScopeSend)
	admin, _ := r.key(identity.Live, "office", identity.ScopeAdmin)
	names := func(key string) (out []string) {
		a := r.do(ask{path: "/keys", key: key})
		var page struct {
			Data []struct {
				ID, Name, State string
				Current         bool
				Limits          map[string]any
			}
		}
		r.must(json.Unmarshal(a.body, &page))
		for _, x := range page.Data {
			out = append(out, fmt.Sprint(x.Name, " ", x.State, " ", x.Current))
			if x.Limits["calls_at_once"] == nil {
				t.Errorf("no limits: %s", a.body)
			}
		}
		slices.Sort(out)
		if strings.Contains(string(a.body), "bode_live_") {
			t.Error("secrets")
		}
		return out
	}
	if got := fmt.Sprint(names(plain)); got != "[erp active true]" {
		t.Errorf("without admin: %s", got)
	}
	r.must(r.people.RevokeKey(r.ctx(), identity.System, r.account, k.ID))
	if got := fmt.Sprint(names(admin)); got != "[erp revoked false l active false office active true]" {
		t.Errorf("with admin: %s", got)
	}
	if a := r.do(ask{path: "/keys", key: plain}); a.status != http.StatusUnauthorized {
		t.Errorf("revoked: %d", a.status)
	}
}

// TestTrialKey: a trial key sends for real, to people whom the account has proven to
// know, never on paper, and to nobody else.
func TestTrialKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	trial, _ := r.key(identity.Trial, "trial", identity.ScopeSend, identity.ScopeRead)
	if !strings.HasPrefix(trial, "bode_trial_") {
		t.Errorf("prefix: %.12s", trial)
	}
	digital := at("policy", map[string]any{"fallback": "none"})
	before := r.stored()
	refused := func(what string, want ...string) {
		t.Helper()
		a := r.do(ask{method: "POST", path: "/messages", key: trial, body: submission(1, digital)})
		var got []string
		for _, f := range a.problem.Errors {
			got = append(got, f.Pointer+" "+f.Code)
		}
		if a.status != http.StatusUnprocessableEntity || !slices.Equal(got, want) {
			t.Errorf("%s: %d %v, want %v", what, a.status, got, want)
		}
	}
	refused("a stranger", "/recipients/0/email trial_recipient", "/recipients/0/mobile trial_recipient")
	r.exec(`INSERT INTO trial_address (id, account_id, channel, address, created_by, created_at, confirmed_at) VALUES (gen_random_uuid(), $1, 'email', 'an0@example.be', 'x', $2, $2)`, r.account, r.clock.now())
	r.exec(`INSERT INTO trial_address (id, account_id, channel, address, created_by, created_at) VALUES (gen_random_uuid(), $1, 'sms', '+32470123456', 'x', $2)`, r.account, r.clock.now())
	refused("an unconfirmed number", "/recipients/0/mobile trial_recipient")
	r.exec(`UPDATE trial_address SET account_id = $2 WHERE channel = 'email' AND account_id = $1`, r.account, r.stranger)
	refused("an address of another account", "/recipients/0/email trial_recipient", "/recipients/0/mobile trial_recipient")
	r.exec(`UPDATE trial_address SET account_id = $1, confirmed_at = $2`, r.account, r.clock.now())
	if a := r.do(ask{method: "POST", path: "/messages", key: trial, body: submission(1, at("policy", map[string]any{"fallback": "post"}))}); a.problem.fault() != "/policy/fallback trial_paper" {
		t.Errorf("paper: %d %s", a.status, a.body)
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
	m := r.submit(trial, 1, digital)
	if r.count(`SELECT count(*) FROM message WHERE id = $1 AND NOT test`, m.ID) != 1 {
		t.Error("a trial is no test")
	}
}

// TestRateHeaders: every answer to a key says what is left; trial keys have less.
func TestRateHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.Rate, c.Burst, c.TrialRate, c.TrialBurst = 2, 4, 0.5, 1 })
	a := r.do(ask{path: "/messages"})
	if got, want := a.header.Get("RateLimit-Policy")+" "+a.header.Get("RateLimit"), `"test";q=4;w=2 "test";r=3;t=1`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for range 3 {
		a = r.do(ask{path: "/nothing-of-the-kind/" + someID})
		a = r.do(ask{path: "/messages/" + someID}) // a 404 counts too
	}
	if got := a.header.Get("RateLimit"); got != `"test";r=0;t=2` {
		t.Errorf("used up: %s", got)
	}
	a = r.do(ask{path: "/messages"})
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" || a.header.Get("RateLimit") != `"test";r=0;t=2` {
		t.Errorf("too many: %d, Retry-After %s, %s", a.status, a.header.Get("Retry-After"), a.header.Get("RateLimit"))
	}
	r.clock.pass(time.Second)
	if a = r.do(ask{path: "/messages"}); a.status != http.StatusOK || a.header.Get("RateLimit") != `"test";r=1;t=2` {
		t.Errorf("a second later: %d %s", a.status, a.header.Get("RateLimit"))
	}
	trial, _ := r.key(identity.Trial, "trial", identity.ScopeRead)
	if a = r.do(ask{path: "/messages", key: trial}); a.header.Get("RateLimit-Policy") != `"trial";q=1;w=2` {
		t.Errorf("trial: %s", a.header.Get("RateLimit-Policy"))
	}
	if a = r.do(ask{path: "/messages", key: trial}); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "2" {
		t.Errorf("trial: %d %s", a.status, a.header.Get("Retry-After"))
	}
	if a = r.do(ask{path: "/messages", key: "none"}); a.header.Get("RateLimit") != "" {
		t.Error("says something to nobody")
	}
}

// TestDailyCap: over all processes no account sends more than it may in a day.
func TestDailyCap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.service.Daily = map[identity.Mode]int{identity.Test: 3}
	r.submit(r.test, 2)
	once := map[string]string{"Idempotency-Key": "k"}
	first := r.do(ask{method: "POST", path: "/messages", body: submission(1), header: once})
	if first.status != http.StatusCreated {
		t.Fatalf("the third: %d %s", first.status, first.body)
	}
	before := r.stored()
	a := r.do(ask{method: "POST", path: "/messages", body: submission(1)})
	if a.status != http.StatusTooManyRequests || a.problem.Code != "daily_cap_reached" || a.header.Get("Retry-After") != fmt.Sprint(15*3600) {
		t.Errorf("the fourth: %d %s, Retry-After %s", a.status, a.body, a.header.Get("Retry-After"))
	}
	if again := r.do(ask{method: "POST", path: "/messages", body: submission(1), header: once}); again.status != http.StatusCreated || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("what was answered before: %d %s", again.status, again.body)
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
	r.submit(r.live, 5)      // another kind, which has no bound here
	r.submit(r.otherTest, 3) // another account
	r.clock.pass(15 * time.Hour)
	r.submit(r.test, 3)
}
