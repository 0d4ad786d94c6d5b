package api_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/api"
	"github.com/bode-erds/bode/identity"
)

// reads is every GET below something, with what it is called by.
func reads(m submitted, event string) []string {
	d := m.Deliveries[0].ID
	return []string{"/messages/" + m.ID, "/messages/" + m.ID + "/deliveries", "/deliveries/" + d, "/deliveries/" + d + "/events",
		"/deliveries/" + d + "/evidence", "/deliveries/" + d + "/dossier", "/deliveries/" + d + "/letter",
		"/deliveries/" + d + "/papers", "/deliveries/" + d + "/papers/1", "/deliveries/" + d + "/proposals",
		"/evidence/" + event + ".xml", "/evidence/" + event + ".pdf"}
}

// event is the first event of a message.
func (r *rig) event(m submitted) (id string) {
	r.t.Helper()
	r.must(r.pool.QueryRow(r.ctx(), `SELECT id FROM erds_event WHERE message_id = $1 ORDER BY id LIMIT 1`, m.ID).Scan(&id))
	return id
}

// TestRefusesWithoutKey: no call but the contract's own answers without a key
// that is good now.
func TestRefusesWithoutKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	revoked, k, err := r.people.CreateKey(r.ctx(), identity.System, r.account, identity.Test, "old")
	r.must(err)
	r.must(r.people.RevokeKey(r.ctx(), identity.System, r.account, k.ID))
	r.exec(`UPDATE account SET closed_at = $2 WHERE id = $1`, r.stranger, r.clock.now())
	m := r.submit(r.test, 1)
	before := r.stored()
	paths := append(reads(m, r.event(m)), "/documents/"+someID, "/messages", "/events")
	for name, auth := range map[string]string{
		"nothing": "", "empty": "Bearer ", "other scheme": "Basic " + r.test, "no scheme": r.test, "cut": "Bearer " + r.test[:len(r.test)-1],
		"changed": "Bearer " + strings.Replace(r.test, "test", "live", 1), "revoked": "Bearer " + revoked,
		"closed account": "Bearer " + r.otherTest, "two": "Bearer " + r.test + " " + r.test, "NUL": "Bearer bode_test_",
		"SQL": "Bearer ' OR 1=1 --", "long": "Bearer " + strings.Repeat("a", 10_000),
	} {
		for _, path := range paths {
			if a := r.do(ask{path: path, key: "none", header: map[string]string{"Authorization": auth}}); a.status != http.StatusUnauthorized ||
				a.problem.Code != "unauthorized" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s %s: %d %s", name, path, a.status, a.problem.Code)
			}
		}
		for _, path := range []string{"/documents?filename=a", "/messages", "/messages/" + m.ID + "/cancel", "/test-clock/advance"} {
			if a := r.do(ask{method: "POST", path: path, key: "none", body: submission(1), header: map[string]string{"Authorization": auth}}); a.status != http.StatusUnauthorized {
				t.Errorf("%s POST %s: %d", name, path, a.status)
			}
		}
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
	if a := r.do(ask{path: "/messages", key: "none", header: map[string]string{"Authorization": "bearer " + r.test}}); a.status != http.StatusOK {
		t.Errorf("scheme in lower case: %d", a.status)
	}
}

// TestStrangersFindNothing: what belongs to another account, or to keys of the
// other kind, looks exactly like what does not exist.
func TestStrangersFindNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.submit(r.test, 1)
	l := r.submit(r.live, 1)
	doc := r.upload(r.test, "x")
	r.seal()
	for _, x := range []submitted{m, l} {
		r.posted(x.Deliveries[0].ID, strings.NewReader("%PDF letter"))
	}
	r.dossiers.content = strings.NewReader("PK")
	nobody := submitted{ID: someID, Deliveries: []struct{ ID, State string }{{ID: someID}}}
	unknown := reads(nobody, someID)
	before := r.stored()
	for name, x := range map[string]struct {
		m   submitted
		key string
	}{
		"test of another": {m, r.otherTest}, "live of another": {l, r.otherLive}, "test with live": {m, r.live}, "live with test": {l, r.test},
	} {
		for i, path := range reads(x.m, r.event(x.m)) {
			got, want := r.do(ask{path: path, key: x.key}), r.do(ask{path: unknown[i], key: x.key})
			if got.status != http.StatusNotFound || want.status != http.StatusNotFound || !bytes.Equal(got.body, want.body) || !sameHeaders(got.header, want.header) {
				t.Errorf("%s %s: %d %s\nunknown: %d %s", name, path, got.status, got.body, want.status, want.body)
			}
		}
		got := r.do(ask{method: "POST", path: "/messages/" + x.m.ID + "/cancel", key: x.key, header: map[string]string{"Idempotency-Key": "c"}})
		if got.status != http.StatusNotFound {
			t.Errorf("%s cancel: %d", name, got.status)
		}
		for _, path := range []string{"/messages", "/events"} {
			if a := r.do(ask{path: path, key: x.key}); bytes.Contains(a.body, []byte(x.m.ID)) {
				t.Errorf("%s %s shows it", name, path)
			}
		}
	}
	if a := r.do(ask{path: "/documents/" + doc, key: r.otherTest}); a.status != http.StatusNotFound {
		t.Errorf("document of another: %d", a.status)
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
}

// sameHeaders compares all but the date.
func sameHeaders(a, b http.Header) bool {
	a, b = a.Clone(), b.Clone()
	a.Del("Date")
	b.Del("Date")
	a.Del("RateLimit") // what is left differs between two calls
	b.Del("RateLimit")
	var x, y bytes.Buffer
	_ = a.Write(&x)
	_ = b.Write(&y)
	return x.String() == y.String()
}

// TestRefusesAddress: identifiers that are none, addresses and methods that do
// not exist, cursors and limits that are not ours.
func TestRefusesAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.submit(r.test, 1)
	id := m.ID
	for _, x := range []struct {
		path, code string
		status     int
	}{
		{"/messages/x", "not_found", 404}, {"/messages/" + strings.ToUpper(id), "not_found", 404}, {"/messages/%00", "not_found", 404},
		{"/messages/{" + id + "}", "not_found", 404}, {"/messages/..%2F..%2Fevents", "not_found", 404}, {"/messages/%ff", "not_found", 404},
		{"/messages/urn:uuid:" + id, "not_found", 404}, {"/documents/x", "not_found", 404}, {"/deliveries/x", "not_found", 404},
		{"/deliveries/x/events", "not_found", 404}, {"/deliveries/x/evidence", "not_found", 404}, {"/deliveries/x/dossier", "not_found", 404},
		{"/deliveries/x/letter", "not_found", 404}, {"/evidence/x", "not_found", 404}, {"/evidence/x.xml", "not_found", 404},
		{"/evidence/" + id, "not_found", 404}, {"/evidence/" + id + ".doc", "not_found", 404}, {"/evidence/" + id + ".xml.pdf", "not_found", 404},
		{"/evidence/" + strings.Repeat("0", 36) + ".pdf", "not_found", 404},
		{"", "no_such_resource", 404}, {"/", "no_such_resource", 404}, {"/message", "no_such_resource", 404}, {"/messages/", "no_such_resource", 404},
		{"/messages/" + id + "/", "no_such_resource", 404}, {"/messages/" + id + "/x", "no_such_resource", 404}, {"/../x", "no_such_resource", 404},
		{"/Messages", "no_such_resource", 404}, {"/openapi.yaml", "no_such_resource", 404},
		{"/messages?limit=0", "limit_malformed", 400}, {"/messages?limit=101", "limit_malformed", 400}, {"/messages?limit=-1", "limit_malformed", 400},
		{"/messages?limit=", "limit_malformed", 400}, {"/messages?limit=1&limit=2", "limit_malformed", 400}, {"/messages?limit=x", "limit_malformed", 400}, {"/messages?limit=1e1", "limit_malformed", 400}, {"/messages?limit=99999999999999999999", "limit_malformed", 400},
		{"/messages?cursor=x", "cursor_malformed", 400}, {"/messages?cursor=!", "cursor_malformed", 400}, {"/messages?cursor=__main__", "cursor_malformed", 400},
		{"/messages?cursor=" + strings.Repeat("A", 200), "cursor_malformed", 400},
		{"/messages/" + id + "/deliveries?cursor=LTE", "cursor_malformed", 400}, // -1
		{"/messages/" + id + "/deliveries?cursor=OTk5OTk5OTk5OQ", "cursor_malformed", 400},
		{"/messages/" + id + "/deliveries?limit=0", "limit_malformed", 400},
		{"/events?after=x", "cursor_malformed", 400}, {"/events?after=" + strings.Repeat("A", 33), "cursor_malformed", 400}, {"/events?limit=x", "limit_malformed", 400},
	} {
		if a := r.do(ask{path: x.path}); a.status != x.status || a.problem.Code != x.code {
			t.Errorf("GET %s: %d %s, want %d %s", x.path, a.status, a.problem.Code, x.status, x.code)
		}
	}
	for path, allow := range map[string]string{
		"/messages": "POST, GET", "/documents": "POST", "/messages/" + id: "GET", "/messages/" + id + "/cancel": "POST", "/events": "GET",
		"/test-clock/advance": "POST", "/openapi.json": "GET", "/deliveries/" + someID + "/dossier": "GET", "/evidence/" + id + ".xml": "GET",
	} {
		for _, method := range []string{"HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "FOO"} {
			if a := r.do(ask{method: method, path: path}); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q, want %q", method, path, a.status, a.header.Get("Allow"), allow)
			}
		}
	}
}

// TestHeaders: every answer is kept by nobody and runs nothing.
func TestHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.MaxDocument = 10 })
	m := r.submit(r.test, 1)
	r.seal()
	r.posted(m.Deliveries[0].ID, strings.NewReader("%PDF letter"))
	r.dossiers.content = strings.NewReader("PK")
	asks := []ask{{path: "/x"}, {method: "PUT", path: "/messages"}, {path: "/messages", key: "none"}, {path: "/messages?limit=0"},
		{method: "POST", path: "/messages", body: "{"}, {method: "POST", path: "/documents?filename=a", body: strings.Repeat("x", 11)},
		{path: "/openapi.json"}, {path: "/messages"}, {path: "/events"}}
	for _, path := range reads(m, r.event(m)) {
		asks = append(asks, ask{path: path})
	}
	for _, x := range asks {
		a := r.do(x)
		for k, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"} {
			if k == "Cache-Control" && x.path == "/openapi.json" {
				want = "public, max-age=300" // the contract is nobody's secret
			}
			if got := a.header.Get(k); got != want {
				t.Errorf("%s %s: %d: %s %q, want %q", x.method, x.path, a.status, k, got, want)
			}
		}
	}
}

// TestLogsNoContent: operators see that something happened, not what was said.
func TestLogsNoContent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	doc := r.upload(r.test, "%PDF secret content")
	r.submit(r.test, 1, at("subject", "Geheimonderwerp"), at("body", "Geheimtekst"), at("documents", []any{doc}),
		at("recipients/0/name", map[string]any{"given": "Xaviera", "family": "Zonnebloem"}), at("recipients/0/email", "xaviera@zonnebloem.example"),
		at("recipients/0/mobile", "+32471987654"), at("recipients/0/identification", map[string]any{"birth_date": "1985-07-30", "national_number": "85.07.30-033.28"}))
	r.do(ask{method: "POST", path: "/messages", body: submission(1, at("subject", "Geheimonderwerp\x00"), at("recipients/0/email", "xaviera"))})
	r.do(ask{method: "POST", path: "/messages", body: `{"subject":"Geheimonderwerp`})
	r.do(ask{method: "POST", path: "/documents?filename=Geheimnaam.pdf", body: "x", header: map[string]string{"Repr-Digest": digest("y"), "Idempotency-Key": "Geheimsleutel"}})
	r.do(ask{path: "/messages/Geheimkenmerk"})
	r.do(ask{path: "/messages", key: "Geheimsleutel"})
	r.clock.pass(time.Hour)
	log := r.log.String()
	for _, secret := range []string{"Geheim", "Xaviera", "Zonnebloem", "xaviera", "+32471987654", "471987654", "850730", "85.07.30", "1985-07-30",
		"akte.pdf", "Vlasmarkt", r.test, r.live, r.test[10:]} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(log, `"path":"/messages"`) || !strings.Contains(log, `"status":422`) {
		t.Errorf("the log says nothing: %.500s", log)
	}
}
