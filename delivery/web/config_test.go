package web_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
)

func TestConfigRefused(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "bode.example", "ftp://bode.example", "https://bode.example/", "https://bode.example/x", "https://bode.example?x", "://"} {
		if _, err := web.New(web.Config{BaseURL: base}); err == nil {
			t.Errorf("base URL %q passes", base)
		}
	}
	for _, action := range []string{"idp.example", "https://idp.example/x", "https://idp.example; script-src *", "https://a.example,https://b.example"} {
		if _, err := web.New(web.Config{BaseURL: "https://bode.example", FormActions: []string{action}}); err == nil {
			t.Errorf("form action %q passes", action)
		}
	}
}

// Translations that do not agree do not start.
func TestCatalogRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	const good = `{"a":"x {n}"}`
	for name, de := range map[string]string{"missing": `{}`, "more": `{"a":"x {n}","b":"y"}`, "placeholder": `{"a":"x {m}"}`, "no placeholder": `{"a":"x"}`,
		"empty": `{"a":" "}`, "not JSON": `{"a"`, "nested": `{"a":{"b":"x {n}"}}`} {
		if err := w.AddCatalog("bad", words(map[string]string{"": good, "de": de})); !errors.Is(err, web.ErrCatalog) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.AddCatalog("bad", words(map[string]string{"": `{"a.one":"x"}`})); !errors.Is(err, web.ErrCatalog) {
		t.Errorf("no plural: %v", err)
	}
	if err := w.AddCatalog("bad", fstest.MapFS{}); err == nil {
		t.Error("no files pass")
	}
	for name, page := range map[string]string{"no main": `{{define "title"}}x{{end}}`, "no title": `{{define "main"}}x{{end}}`, "syntax": `{{define "title"}}`} {
		if err := w.AddPages("bad", fstest.MapFS{"x.html": {Data: []byte(page)}}); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func ok(c echo.Context) error { return c.NoContent(http.StatusNoContent) }

func TestHeaders(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *web.Config) {
		c.BaseURL, c.FormActions = "https://bode.example", []string{"", "https://idp.example"}
	})
	r := serve(w, ok, get("/hello?lang=fr"))
	csp := r.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "form-action 'self' https://idp.example;", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %q lacks %q", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("headers %v", r.Header)
	}
	c := r.Cookies()[0]
	if c.Name != "__Host-bode_lang" || c.Value != "fr" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %+v", c)
	}
	plain := serve(setup(t, nil), ok, get("/hello?lang=fr"))
	if c := plain.Cookies()[0]; c.Name != "bode_lang" || c.Secure || plain.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("on loopback: %+v", c)
	}
}

func TestOtherOriginsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *web.Config) { c.BaseURL = "https://bode.example" })
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"other site":     {[]string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"sister host":    {[]string{"Sec-Fetch-Site", "same-site", "Origin", "https://x.bode.example"}, http.StatusForbidden},
		"origin only":    {[]string{"Origin", "https://evil.example"}, http.StatusForbidden},
		"null origin":    {[]string{"Origin", "null"}, http.StatusForbidden},
		"ourselves":      {[]string{"Sec-Fetch-Site", "same-origin", "Origin", "https://bode.example"}, http.StatusNoContent},
		"behind a proxy": {[]string{"Origin", "https://bode.example"}, http.StatusNoContent},
		"typed":          {[]string{"Sec-Fetch-Site", "none"}, http.StatusNoContent},
	} {
		r := get("/hello", c.headers...)
		r.Method, r.Host = http.MethodPost, "10.0.0.7:8080"
		if got := serve(w, ok, r).StatusCode; got != c.status {
			t.Errorf("%s: %d, want %d", name, got, c.status)
		}
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	for _, c := range []struct{ path, cookie, prefer, header, want string }{
		{"/hello", "", "", "", "nl"}, {"/hello", "", "", "pl", "nl"}, {"/hello", "", "", "fr-BE,nl;q=0.8", "fr"}, {"/hello", "", "", "de-AT", "de"},
		{"/hello", "", "", "en-US,en;q=0.9", "en"}, {"/hello", "", "", ";;;,", "nl"}, {"/hello", "", "", strings.Repeat("fr,", 100), "nl"},
		{"/hello", "", "de", "fr", "de"}, {"/hello", "", "pl", "fr", "fr"}, {"/hello", "en", "de", "fr", "en"}, {"/hello", "../x", "de", "fr", "de"},
		{"/hello?lang=fr", "en", "de", "nl", "fr"}, {"/hello?lang=xx", "en", "de", "nl", "en"},
	} {
		r := get(c.path, "Accept-Language", c.header)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "bode_lang", Value: c.cookie})
		}
		var got string
		serve(w, func(x echo.Context) error { w.Prefer(x, c.prefer); got = w.Language(x); return nil }, r)
		if got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		trusted      []netip.Prefix
		header, want string
	}{
		{nil, "203.0.113.9", "192.0.2.1"},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "203.0.113.9", "192.0.2.1"},
		{[]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "203.0.113.9", "203.0.113.9"},
		{[]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "1.1.1.1, 203.0.113.9", "203.0.113.9"},
	} {
		w := setup(t, func(cfg *web.Config) { cfg.TrustedProxies = c.trusted })
		r := get("/hello", "X-Forwarded-For", c.header)
		var got string
		serve(w, func(x echo.Context) error { got = x.RealIP(); return nil }, r)
		if got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// Every failure has its page in every language, and tells nothing of its cause.
func TestProblems(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	for err, status := range map[error]int{web.ErrNotFound: 404, web.ErrForbidden: 403, web.ErrGone: 410, web.ErrTooLarge: 413, web.ErrTooMany: 429, web.ErrBadInput: 400,
		&http.MaxBytesError{Limit: 1}: 413, echo.ErrTeapot: 400, echo.ErrServiceUnavailable: 500, errors.New("secret"): 500} {
		for _, lang := range web.Languages() {
			r := serve(w, func(echo.Context) error { return errors.Join(err, errors.New("secret")) }, get("/hello?lang="+lang))
			html := body(t, r)
			if r.StatusCode != status || !strings.Contains(html, `lang="`+lang+`"`) || strings.Contains(html, "secret") || strings.Contains(html, `class="code"`) != (status == 500) {
				t.Errorf("%v in %s: %d", err, lang, r.StatusCode)
			}
		}
	}
	if r := serve(w, func(echo.Context) error { panic("secret") }, get("/hello")); r.StatusCode != 500 || strings.Contains(body(t, r), "secret") {
		t.Errorf("panic: %d", r.StatusCode)
	}
	e := w.Echo()
	e.GET("/hello", ok)
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "/none", 404}, {"DELETE", "/hello", 405}, {"HEAD", "/none", 404}, {"GET", "/static/bode.css", 404}, {"GET", "/static/../web.go", 404}, {"GET", "/static/", 404}} {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(c.method, c.path, nil))
		if rec.Code != c.status || c.method == "HEAD" && rec.Body.Len() > 0 {
			t.Errorf("%s %s: %d", c.method, c.path, rec.Code)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	for name, announced := range map[string]int64{"announced": 11, "hidden": -1} {
		r := httptest.NewRequest(http.MethodPost, "/hello", strings.NewReader("12345678901"))
		r.ContentLength = announced
		got := serve(w, w.Limits(10, time.Minute)(func(c echo.Context) error {
			if _, ok := c.Request().Context().Deadline(); !ok {
				t.Error("no deadline")
			}
			_, err := io.ReadAll(c.Request().Body)
			return err
		}), r)
		if got.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	html := body(t, serve(w, func(c echo.Context) error { return w.Render(c, 200, "face/hello", page{Name: "x"}) }, get("/hello")))
	_, rest, _ := strings.Cut(html, `href="/static/bode.`)
	path := "/static/bode." + rest[:strings.IndexByte(rest, '"')]
	r := serve(w, ok, get(path))
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
	}
}

// Dates, numbers and sizes as each language writes them, summer and winter.
func TestFormats(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	err := w.AddPages("f", fstest.MapFS{"f.html": {Data: []byte(`{{define "title"}}x{{end}}{{define "main"}}<p>{{.Moment .Data.A}}|{{.Weekday .Data.B}}|{{.Deadline .Data.C}}|{{.Number 1234567}}|{{.Size 1234567}}|{{.Size 999999}}|{{.Size 1}}|{{.UTC .Data.A}}|{{.Percent 0.99999}}|{{.Percent 1.0}}|{{.Percent 0.5}}|{{.Span .Data.D}}|{{.Span .Data.E}}</p>{{end}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	data := struct {
		A, B, C time.Time
		D, E    time.Duration
	}{now, time.Date(2026, 6, 30, 22, 0, 0, 0, time.UTC), time.Date(2026, 12, 7, 23, 0, 0, 0, time.UTC), 49*time.Hour + 59*time.Minute, time.Millisecond}
	for lang, want := range map[string]string{
		"nl": "22 november 2026 om 13.45 uur (tijd in Brussel)|woensdag 1 juli 2026|maandag 7 december 2026|1.234.567|1,2 MB|1 MB|1 byte|2026-11-22 12:45:06 UTC|99,99 %|100 %|50 %|2 dagen en 1 uur|1 seconde",
		"fr": "22 novembre 2026 à 13 h 45 (heure de Bruxelles)|mercredi 1er juillet 2026|lundi 7 décembre 2026|1\u202f234\u202f567|1,2 Mo|1 Mo|1 octet|2026-11-22 12:45:06 UTC|99,99 %|100 %|50 %|2 jours et 1 heure|1 seconde",
		"de": "22. November 2026 um 13:45 Uhr (Brüsseler Zeit)|Mittwoch, 1. Juli 2026|Montag, 7. Dezember 2026|1.234.567|1,2 MB|1 MB|1 Byte|2026-11-22 12:45:06 UTC|99,99 %|100 %|50 %|2 Tage und 1 Stunde|1 Sekunde",
		"en": "22 November 2026 at 13:45 (Brussels time)|Wednesday 1 July 2026|Monday 7 December 2026|1,234,567|1.2 MB|1 MB|1 byte|2026-11-22 12:45:06 UTC|99.99%|100%|50%|2 days and 1 hour|1 second",
	} {
		html := body(t, serve(w, func(c echo.Context) error { return w.Render(c, 200, "f/f", data) }, get("/hello?lang="+lang)))
		if html = strings.ReplaceAll(html, "\u00a0", " "); !strings.Contains(html, "<p>"+want+"</p>") {
			_, got, _ := strings.Cut(html, "<p>")
			t.Errorf("%s: %s", lang, got[:min(200, len(got))])
		}
	}
}
