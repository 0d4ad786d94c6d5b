package main

import (
	"log/slog"
	"mime"
	"net/http"
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

// newSecureTown is the whole service as it stands behind a proxy that ends TLS.
func newSecureTown(t *testing.T) *contractTown {
	t.Helper()
	w := &town{t: t, base: "https://bode.example"}
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
	if w.app, err = build(pgtest.New(t, identity.Wall), out, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.codes.Close)
	if w.seeds, err = seed(t.Context(), w.app, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return &contractTown{town: w, kept: map[string]string{}}
}

// ask calls the handler as a browser with cookies would, or a program with a key.
func (c *contractTown) ask(method, target, key string, cookies []*http.Cookie, form url.Values) *http.Response {
	r := httptest.NewRequest(method, c.base+target, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for _, k := range cookies {
		r.AddCookie(k)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w.Result()
}

// public are addresses whose answers are the same for everybody, and may be kept.
func public(path string) bool {
	return slices.ContainsFunc([]string{"/static/", "/verify/", "/log/", "/.well-known/", "/api/docs", "/api/v1/openapi.json", "/robots.txt", "/status/outages/",
		"/livez", "/readyz", "/hooks/", "/jwks"}, func(p string) bool { return strings.HasPrefix(path, p) })
}

// passive are the types that we serve to be shown; anything else is a download.
func passive() []string {
	return []string{"", "text/html", "text/css", "text/javascript", "text/plain", "application/json", "application/problem+json", "application/linkset+json",
		"image/png", "image/svg+xml", "image/x-icon", "font/woff2", "application/wasm"}
}

// careless says what an answer does not do for who gets it.
func careless(path string, r *http.Response) (faults []string) {
	want := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, fault)
		}
	}
	h := r.Header
	csp := h.Get("Content-Security-Policy")
	want(strings.Contains(csp, "default-src 'none'") && !strings.Contains(csp, "'unsafe-inline'") && !strings.Contains(csp, "'unsafe-eval'"), "has the content policy "+csp)
	want(strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "worker") || strings.HasSuffix(path, ".js"), "may stand in a frame: "+csp)
	want(h.Get("X-Content-Type-Options") == "nosniff", "may be guessed at")
	want(slices.Contains([]string{"no-referrer", "same-origin", "strict-origin"}, h.Get("Referrer-Policy")), "says where somebody came from: "+h.Get("Referrer-Policy"))
	want(strings.HasPrefix(h.Get("Strict-Transport-Security"), "max-age=63072000; includeSubDomains"), "may be asked for in clear")
	want(public(path) || strings.Contains(h.Get("Cache-Control"), "no-store"), "may be kept: "+h.Get("Cache-Control"))
	want(h.Get("Access-Control-Allow-Origin") == "" || public(path), "may be read by other sites")
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	download := strings.HasPrefix(h.Get("Content-Disposition"), "attachment")
	want(download || public(path) || slices.Contains(passive(), kind), "is shown as "+kind)
	for _, k := range r.Cookies() {
		want(strings.HasPrefix(k.Name, "__Host-") && k.Secure && k.HttpOnly && k.Path == "/" && k.Domain == "" && k.SameSite == http.SameSiteLaxMode, "sets the cookie "+k.Name+" loosely")
	}
	return faults
}

// TestEveryAnswerIsCarefulEndToEnd asks every page and every operation there is, as a
// stranger and as somebody who is signed in, for what exists and for what does not,
// and holds each answer against what a browser has to be told.
func TestEveryAnswerIsCarefulEndToEnd(t *testing.T) {
	t.Parallel()
	c := newSecureTown(t)
	own := c.seeds.SignIns[0]
	code, err := totp.GenerateCode(own.TOTPSecret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	in := c.ask(http.MethodPost, "/portal/sign-in", "", nil, url.Values{"login": {"lotte"}, "password": {own.Password}, "code": {code}})
	if in.StatusCode != http.StatusSeeOther || len(in.Cookies()) == 0 {
		t.Fatalf("not signed in: %d", in.StatusCode)
	}
	k, err := c.identity.AuthenticateKey(t.Context(), c.seeds.LiveKey, "")
	if err != nil {
		t.Fatal(err)
	}
	asked := map[int]int{}
	look := func(method, target, path, key string, cookies []*http.Cookie) {
		r := c.ask(method, target, key, cookies, nil)
		asked[r.StatusCode]++
		for _, fault := range careless(path, r) {
			t.Errorf("%s %s (%d) %s", method, target, r.StatusCode, fault)
		}
	}
	for _, fault := range careless("/portal/sign-in", in) {
		t.Errorf("signing in %s", fault)
	}
	fill := func(path string) string {
		if target, _ := c.aimed(t, k.Account, path); target != "" {
			return target
		}
		steps := strings.Split(path, "/")
		for i, s := range steps {
			if strings.HasPrefix(s, ":") || strings.HasPrefix(s, "{") || s == "*" {
				steps[i] = "nothing"
			}
		}
		return strings.Join(steps, "/")
	}
	for _, r := range c.pages.Routes() {
		if r.Method == "echo_route_not_found" {
			continue
		}
		target := fill(r.Path)
		look(r.Method, target, r.Path, "", nil)
		if !strings.HasSuffix(r.Path, "/sign-out") && r.Method == http.MethodGet { // an act may end what signs us in
			look(r.Method, target+"?lang=fr", r.Path, "", in.Cookies())
		}
	}
	doc, err := openapi3.NewLoader().LoadFromIoReader(c.ask(http.MethodGet, "/api/v1/openapi.json", "", nil, nil).Body)
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			look(method, "/api/v1"+fill(path), "/api/v1"+path, "", nil)
			look(method, "/api/v1"+fill(path), "/api/v1"+path, c.seeds.LiveKey, nil)
		}
	}
	for _, target := range []string{"/livez", "/readyz", "/nowhere", "/api/v1/nowhere", "/log/checkpoint", "/hooks/nobody", "/.well-known/oauth-authorization-server", "/static/nothing.css"} {
		look(http.MethodGet, target, target, "", nil)
		if r := c.ask(http.MethodTrace, target, "", nil, nil); r.StatusCode < 400 {
			t.Errorf("TRACE %s: %d", target, r.StatusCode)
		}
	}
	if out := c.ask(http.MethodPost, "/portal/sign-out", "", in.Cookies(), url.Values{}); !strings.Contains(out.Header.Get("Clear-Site-Data"), `"storage"`) {
		t.Errorf("signing out (%d) leaves what the browser kept: %v", out.StatusCode, out.Header)
	}
	if asked[200] < 60 || asked[404] < 20 {
		t.Errorf("answers: %v: were these all?", asked)
	}
	t.Logf("%v", asked)
}
