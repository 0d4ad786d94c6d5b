package identify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery/web/webtest"
)

// screen is a person with a real browser, who presses what is on the page.
type screen struct {
	r    *rig
	ctx  context.Context
	axe  string
	lang string
	keep string // directory for pictures, or ""
	name string // of the screen size
	n    int

	width, height int64
}

// newScreen starts a browser of the given size. BODE_SCREENSHOTS names a
// directory in which every page is kept as a picture, for people to look at.
func newScreen(r *rig, lang, name string, width, height int64) *screen {
	r.t.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "web", "testdata", "axe.min.js"))
	r.must(err)
	s := &screen{r: r, axe: string(axe), lang: lang, keep: os.Getenv("BODE_SCREENSHOTS"), width: width, height: height, name: name}
	s.ctx = webtest.Browser(r.t, "")
	s.do(chromedp.EmulateViewport(width, height))
	return s
}

// patience is how long a page may take.
const patience = time.Minute

func (s *screen) do(steps ...chromedp.Action[chromedp.Void]) {
	s.r.t.Helper()
	ctx, stop := context.WithTimeout(s.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		s.r.t.Fatalf("%s %s, after page %d: %v", s.name, s.lang, s.n, err)
	}
}

// value is what a script on the page says.
func value[T any](s *screen, script string, opts ...chromedp.EvaluateOption) T {
	s.r.t.Helper()
	v, err := chromedp.Run(s.ctx, chromedp.Evaluate[T](script, opts...))
	if err != nil {
		s.r.t.Fatalf("%s %s, after page %d: %v", s.name, s.lang, s.n, err)
	}
	return v
}

// becomes waits until a script on the page says so.
func (s *screen) becomes(what, script string) {
	s.r.t.Helper()
	end, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		// An error is a page that just goes away.
		if there, err := chromedp.Run(s.ctx, chromedp.Evaluate[bool](script)); there && err == nil {
			return
		}
		select {
		case <-end:
			at, err := chromedp.Run(s.ctx, chromedp.Location())
			text, _ := chromedp.Run(s.ctx, chromedp.Evaluate[string](`document.body.innerText`))
			s.r.t.Fatalf("%s %s: %s never came; at %s (%v)\n%s", s.name, s.lang, what, at, err, text)
		case <-tick.C:
		}
	}
}

// page waits for a page whose address ends in suffix and that was not looked at
// yet, then looks at it.
func (s *screen) page(name, suffix string) {
	s.r.t.Helper()
	s.becomes(name, fmt.Sprintf(`document.readyState === "complete" && !window.seen && location.pathname.endsWith(%q)`, suffix))
	s.look(name)
	value[chromedp.Void](s, `window.seen = true`)
}

// look checks what a person would notice.
func (s *screen) look(name string) {
	s.r.t.Helper()
	s.n++
	if s.keep != "" {
		picture, err := chromedp.Run(s.ctx, chromedp.FullScreenshot(85))
		s.r.must(err)
		file := filepath.Join(s.keep, fmt.Sprintf("identify-%s-%s-%02d-%s.jpg", s.name, s.lang, s.n, name))
		s.r.must(os.WriteFile(file, picture, 0o644))
	}
	faults, err := webtest.Inspect(s.ctx, webtest.Page{Axe: s.axe, Lang: s.lang, Width: s.width, Height: s.height})
	s.r.must(err)
	for _, f := range faults {
		s.r.t.Errorf("%s %s %s: %s", s.name, s.lang, name, f)
	}
}

// before runs a script in every page before its own.
func (s *screen) before(script string) {
	s.r.t.Helper()
	s.do(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return none, err
	})
}

// asked begins an errand, as a form of the asking face does.
func (s *screen) asked() {
	s.r.t.Helper()
	s.do(chromedp.Navigate(s.r.server.URL + "/taken?lang=" + s.lang))
	value[chromedp.Void](s, `(() => { const f = document.createElement("form"); f.method = "post"; f.action = "/ask"; document.body.append(f); f.submit(); })()`)
	s.becomes("choice", `document.readyState === "complete" && location.pathname.startsWith("/identify/")`)
}

// begins presses the button of a means.
func (s *screen) begins(means string) {
	s.r.t.Helper()
	s.do(chromedp.Click(chromedp.CSS(`form:has(input[name=means][value=` + means + `]) button`)))
}

// comesBack is the provider's redirect.
func (s *screen) comesBack(query string) {
	s.r.t.Helper()
	s.becomes("provider", `location.pathname === "/idp/itsme"`)
	state := value[string](s, `new URLSearchParams(location.search).get("state")`)
	s.do(chromedp.Navigate(s.r.server.URL + "/identify/callback/itsme?state=" + state + "&" + query))
}

// whole looks at every page there is.
func (s *screen) whole() {
	s.r.t.Helper()
	r := s.r
	s.asked()
	s.page("choose", "")
	s.begins("itsme")
	s.comesBack("code=c")
	s.page("continue", "/callback/itsme")
	s.asked()
	s.begins("itsme")
	s.comesBack("error=access_denied")
	s.page("refused", "/callback/itsme")
	s.do(chromedp.Click(chromedp.CSS(`main a.button`)))
	s.begins("be-eid-webeid")
	s.page("web-eid", "/with")
	s.do(chromedp.Click(chromedp.CSS(`form[data-webeid] button`)))
	s.becomes("no extension", `!document.querySelector("[data-fault=extension]").hidden && document.getAnimations().length === 0`)
	s.look("web-eid-no-extension")
	s.do(chromedp.Click(chromedp.CSS(`main p a`))) // another way
	s.begins("be-eid-mtls")
	s.page("card", "/with")
	s.do(chromedp.Click(chromedp.CSS(`main p a`)))
	s.begins("eudi-pid")
	s.page("wallet", "/with")
	s.do(chromedp.Click(chromedp.CSS(`main p a:not(.button)`)))
	s.begins("qes-statement")
	s.page("document", "/with")
	s.do(chromedp.Click(chromedp.CSS(`form[action$="/upload"] button`)))
	s.page("document-missing", "/upload")
	r.asks(func(n *identityLogin) {
		n.Approve = "Ik geef Karim Benali volmacht om namens Immo Zilverlinde bv aangetekend te versturen,\ntot en met 31 december 2027."
	})
	s.asked()
	s.page("approve", "")
	r.asks(func(n *identityLogin) { n.Approve, n.Methods = "", []string{"luxtrust"} })
	s.asked()
	s.page("no-means", "")
	s.do(chromedp.Navigate(r.server.URL + "/identify/01a20229-d085-7f3e-9cca-3097f1332b5f"))
	s.page("lost", "")
}

func TestOnAPhone(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		t.Run(lang, func(t *testing.T) {
			newScreen(newRig(t), lang, "phone", 390, 844).whole()
		})
	}
}

func TestOnADesktop(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"nl", "fr"} {
		t.Run(lang, func(t *testing.T) {
			newScreen(newRig(t), lang, "desktop", 1280, 900).whole()
		})
	}
}

// marshal is v as a literal of a script.
func marshal(v string) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
