package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
)

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRender(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	hello := func(c echo.Context) error {
		p := page{Name: `<script>alert("x")</script>`}
		p.Faults.Add("name", "empty")
		return w.Render(c, http.StatusUnprocessableEntity, "face/hello", p)
	}
	for _, lang := range web.Languages() {
		r := serve(w, hello, get("/hello?lang="+lang))
		html := body(t, r)
		if r.StatusCode != http.StatusUnprocessableEntity || r.Header.Get("Content-Language") != lang {
			t.Errorf("%s: %d, %q", lang, r.StatusCode, r.Header.Get("Content-Language"))
		}
		for _, want := range []string{`<html lang="` + lang + `">`, `href="#name"`, `aria-invalid="true"`, `aria-describedby="name-fault"`, "3 items", "&lt;script&gt;"} {
			if !strings.Contains(html, want) {
				t.Errorf("%s: lacks %s", lang, want)
			}
		}
		if strings.Contains(html, "<script>") || strings.Contains(html, "style=") || strings.Contains(html, "onclick") {
			t.Errorf("%s: something inline", lang)
		}
	}
}

// Nothing half is ever sent.
func TestRenderFails(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	for _, name := range []string{"face/lost", "face/none", ""} {
		r := serve(w, func(c echo.Context) error { return w.Render(c, http.StatusOK, name, page{}) }, get("/hello"))
		if html := body(t, r); r.StatusCode != http.StatusInternalServerError || !strings.Contains(html, "</html>") || strings.Contains(html, "no.such") {
			t.Errorf("%q: %d %s", name, r.StatusCode, html)
		}
	}
}
