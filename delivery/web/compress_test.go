package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// Whoever is known gets pages as long as they are: else their length would tell
// what stands on them.
func TestPagesAreCompressedForStrangersOnly(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	hello := func(c echo.Context) error { return w.Render(c, http.StatusOK, "face/hello", page{Name: "An"}) }
	for name, c := range map[string]struct {
		method  string
		headers []string
		want    string
	}{
		"nobody":           {http.MethodGet, []string{"Accept-Encoding", "deflate, gzip, br"}, "gzip"},
		"weighted":         {http.MethodGet, []string{"Accept-Encoding", "br;q=1.0, gzip; q=0.5"}, "gzip"},
		"a language":       {http.MethodGet, []string{"Accept-Encoding", "gzip", "Cookie", "bode_lang=fr"}, "gzip"},
		"plain":            {http.MethodGet, nil, ""},
		"not gzip":         {http.MethodGet, []string{"Accept-Encoding", "gzip;q=0, br"}, ""},
		"no number":        {http.MethodGet, []string{"Accept-Encoding", "gzip;q=x"}, ""},
		"another name":     {http.MethodGet, []string{"Accept-Encoding", "xgzip"}, ""},
		"a session":        {http.MethodGet, []string{"Accept-Encoding", "gzip", "Cookie", "bode_session=x"}, ""},
		"a collection":     {http.MethodGet, []string{"Accept-Encoding", "gzip", "Cookie", "bode_lang=fr; bode_collect_01020304=x"}, ""},
		"a key":            {http.MethodGet, []string{"Accept-Encoding", "gzip", "Authorization", "Bearer x"}, ""},
		"an answered form": {http.MethodPost, []string{"Accept-Encoding", "gzip"}, ""},
	} {
		r := httptest.NewRequest(c.method, "/hello", nil)
		for i := 0; i+1 < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		got := serve(w, hello, r)
		if enc := got.Header.Get("Content-Encoding"); enc != c.want {
			t.Errorf("%s: %q, want %q", name, enc, c.want)
		}
		if vary := strings.Join(got.Header.Values("Vary"), ","); !strings.Contains(vary, "Accept-Encoding") || !strings.Contains(vary, "Cookie") {
			t.Errorf("%s: Vary %q", name, vary)
		}
		if text := unpacked(t, got); !strings.Contains(text, "Hello An") || !strings.Contains(text, "</html>") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func unpacked(t *testing.T, r *http.Response) string {
	t.Helper()
	in := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		in = z
	}
	b, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Static files are kept for ever under a name of their content, and come packed.
func TestStaticFiles(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	e := w.Echo()
	e.GET("/hello", func(c echo.Context) error { return w.Render(c, http.StatusOK, "face/hello", page{}) })
	ask := func(path, encoding string) *http.Response {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, get(path, "Accept-Encoding", encoding))
		return rec.Result()
	}
	at := regexp.MustCompile(`/static/bode\.[0-9a-f]{16}\.css`).FindString(body(t, ask("/hello", "")))
	if at == "" {
		t.Fatal("the page names no style sheet of ours")
	}
	plain, packed := ask(at, ""), ask(at, "gzip")
	if packed.Header.Get("Content-Encoding") != "gzip" || plain.Header.Get("Content-Encoding") != "" {
		t.Errorf("%v, %v", packed.Header, plain.Header)
	}
	for _, r := range []*http.Response{plain, packed} {
		if r.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%v", r.Header)
		}
	}
	if a, b := unpacked(t, plain), unpacked(t, packed); a != b || len(a) < 10_000 {
		t.Errorf("%d and %d octets", len(a), len(b))
	}
	for _, path := range []string{"/static/bode.css", "/static/bode.0000000000000000.css", "/static/", "/static/../web.go", "/static/%2e%2e/web.go"} {
		if r := ask(path, "gzip"); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}
