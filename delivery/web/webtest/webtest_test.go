package webtest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery/web/webtest"
)

// newBrowser is a window of 390 × 844.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	ctx := webtest.Browser(t, "")
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(390, 844)); err != nil {
		t.Fatal(err)
	}
	return ctx
}

const head = `<!doctype html><html lang="nl"><head><meta charset="utf-8"><title>t</title><meta name="viewport" content="width=device-width, initial-scale=1"></head><body><main><h1>Titel</h1>`

// Each page has one thing wrong, which must be found; the last has none.
func TestInspectFinds(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join("..", "testdata", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/css") }))
	t.Cleanup(other.Close)
	pages := map[string][2]string{
		"/language": {`it is in "en"`, strings.Replace(head, `"nl"`, `"en"`, 1)},
		"/third":    {"third party", head + `<link rel="stylesheet" href="` + other.URL + `/x.css">`},
		"/heavy":    {"weighs", head + `<p hidden>` + strings.Repeat("x", webtest.MaxWeight) + `</p>`},
		"/contrast": {"color-contrast", head + `<p style="color:#aaa;background:#fff">grijs</p>`},
		"/target":   {"target-size", head + `<p><button style="width:10px;height:10px;padding:0;margin:0" aria-label="a"></button><button style="width:10px;height:10px;padding:0;margin:0" aria-label="b"></button></p>`},
		"/label":    {"label", head + `<input>`},
		"/unseen":   {"focus cannot be seen", head + `<style>a:focus{outline:none}</style><a href="/">weg</a>`},
		"/away":     {"focus is off the screen", head + `<a href="/" style="position:fixed;left:-900px;top:0">weg</a>`},
		"/trap":     {"the keyboard cannot leave", head + `<a href="/">weg</a> <button id="b">op</button><script>b.onkeydown = e => { if (e.key === "Tab") e.preventDefault() }</script>`},
		"/passed":   {"the keyboard does not reach", head + `<a href="/" id="a">weg</a> <button id="b">op</button> <a id="c" href="/">verder</a><script>b.onfocus = () => c.focus(); b.onfocus && (a.onkeydown = e => { if (e.key === "Tab") { e.preventDefault(); c.focus() } })</script>`},
		"/wide":     {"at 400 %: ", head + `<div style="width:380px">breed</div>`},
		"/letters":  {"with wide letters: is cut", head + `<div style="width:12em;height:1.2em;line-height:1.2;overflow:hidden;white-space:nowrap">tamelijk lange tekst</div>`},
		"/good":     {"", head + `<p>Tekst met een <a href="/">verwijzing</a>.</p><form><label for="x">Naam</label> <input id="x"></form></main></body></html>`},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(pages[r.URL.Path][1]))
	}))
	t.Cleanup(server.Close)
	ctx := newBrowser(t)
	for path, p := range pages {
		limited, cancel := context.WithTimeout(ctx, time.Minute)
		if err := chromedp.Do(limited, chromedp.Navigate(server.URL+path)); err != nil {
			t.Fatal(err)
		}
		faults, err := webtest.Inspect(limited, webtest.Page{Axe: string(axe), Lang: "nl", Width: 390, Height: 844})
		cancel()
		all := strings.Join(faults, "\n")
		switch {
		case err != nil:
			t.Fatalf("%s: %v", path, err)
		case p[0] == "" && all != "":
			t.Errorf("%s: %s", path, all)
		case !strings.Contains(all, p[0]):
			t.Errorf("%s: did not find %q, but %q", path, p[0], all)
		}
	}
}
