package portal_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery/web/webtest"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/notify"
)

// screen is a person with a real browser.
type screen struct {
	r    *rig
	ctx  context.Context
	axe  string
	lang string
	name string // of the screen size
	keep string // directory for pictures, or ""

	width, height int64
}

// newScreen starts a browser of the given size. BODE_SCREENSHOTS names a
// directory in which every page is kept as a picture, for people to look at.
func newScreen(r *rig, lang, name string, width, height int64, scheme string) *screen {
	r.t.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "web", "testdata", "axe.min.js"))
	r.must(err)
	s := &screen{r: r, axe: string(axe), lang: lang, name: name, keep: os.Getenv("BODE_SCREENSHOTS"), width: width, height: height}
	s.ctx = webtest.Browser(r.t, lang)
	s.do(chromedp.EmulateViewport(width, height), func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return none, err
	})
	return s
}

// patience is how long the browser may take for anything.
const patience = 30 * time.Second

func (s *screen) do(steps ...chromedp.Action[chromedp.Void]) {
	s.r.t.Helper()
	ctx, stop := context.WithTimeout(s.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		s.r.t.Fatalf("%s %s: %v", s.name, s.lang, err)
	}
}

// value is what a script gives.
func value[T any](s *screen, script string, opts ...chromedp.EvaluateOption) T {
	s.r.t.Helper()
	v, err := chromedp.Run(s.ctx, chromedp.Evaluate[T](script, opts...))
	if err != nil {
		s.r.t.Fatalf("%s %s: %v", s.name, s.lang, err)
	}
	return v
}

// open goes to a path and looks at the page.
func (s *screen) open(name, path string) {
	s.r.t.Helper()
	s.do(chromedp.Navigate(s.r.server.URL + path))
	s.look(name)
}

// press presses a button and looks at the page that follows.
func (s *screen) press(name, button, suffix string) {
	s.r.t.Helper()
	s.follow(button, suffix)
	s.look(name)
}

// follow presses what leads to another page, and waits for that page.
func (s *screen) follow(button, suffix string) {
	s.r.t.Helper()
	value[chromedp.Void](s, `window.here = true`)
	s.do(chromedp.Click(chromedp.CSS(button)))
	for range 400 {
		there, err := chromedp.Run(s.ctx, chromedp.Evaluate[bool](fmt.Sprintf(
			`!window.here && document.readyState === "complete" && location.pathname.endsWith(%q)`, suffix)))
		if there && err == nil {
			return
		}
		<-time.After(50 * time.Millisecond) // the browser is another process
	}
	at, err := chromedp.Run(s.ctx, chromedp.Location())
	s.r.t.Fatalf("%s %s: %s leads to %s, not to %s: %v", s.name, s.lang, button, at, suffix, err)
}

// look checks what a person would notice.
func (s *screen) look(name string) {
	s.r.t.Helper()
	if s.keep != "" {
		picture, err := chromedp.Run(s.ctx, chromedp.FullScreenshot(100))
		s.r.must(err)
		s.r.must(os.WriteFile(filepath.Join(s.keep, fmt.Sprintf("%s-%s-%s.png", s.name, s.lang, name)), picture, 0o644))
	}
	for _, small := range value[[]string](s, `[...document.querySelectorAll("button:not(.sr), a.button, nav a, select, input:not([type=hidden], [type=checkbox], [type=radio])")]
		.filter(e => { const b = e.getBoundingClientRect(); return b.width && b.height && b.height < 43.5 }).map(e => e.outerHTML.slice(0, 120))`) {
		s.r.t.Errorf("%s %s %s: too small to touch: %s", s.name, s.lang, name, small)
	}
	faults, err := webtest.Inspect(s.ctx, webtest.Page{Axe: s.axe, Lang: s.lang, Width: s.width, Height: s.height})
	s.r.must(err)
	for _, f := range faults {
		s.r.t.Errorf("%s %s %s: %s", s.name, s.lang, name, f)
	}
}

// tour sees every page, as somebody does who uses all of it.
func (s *screen) tour() {
	r := s.r
	r.t.Helper()
	s.open("home", "/?lang="+s.lang)
	s.open("privacy", "/privacy")
	s.open("missing", "/nothing")
	s.open("verify", "/verify")
	s.press("verify-fault", `main form button`, "/verify")
	s.verified("verified", true)
	s.verified("verified-not", false)
	d := r.message(r.account)[0]
	r.attempt(d, notify.Email, notify.Sent)
	s.open("notice", "/notice")
	s.press("notice-fault", `main form button`, "/notice")
	s.do(chromedp.SendKeys(chromedp.CSS(`#code`), d.NoticeCode))
	s.press("notice-genuine", `main form button`, "/notice")
	s.open("sign-in", "/portal/sign-in")
	s.press("sign-in-fault", `main form button`, "/sign-in")
	s.do(chromedp.SendKeys(chromedp.CSS(`#login`), "lotte"), chromedp.SendKeys(chromedp.CSS(`#password`), password), chromedp.SendKeys(chromedp.CSS(`#code`), r.code(r.secret)))
	s.press("overview", `main form button`, "/portal")
	s.lists()
	s.write()
	r.attempt(d, notify.SMS, notify.Permanent)
	s.open("timeline", "/portal/deliveries/"+string(d.ID))
	s.open("cancel", "/portal/messages/"+string(d.Message.ID)+"/cancel")
	s.press("cancelled", `main form button`, string(d.Message.ID))
	s.press("cancel-late", `main table a`, "")
	s.open("account", "/portal/account")
	s.keys()
	r.pass(16 * time.Minute)
	s.press("session-over", `main form button`, "")
}

// keys makes a key, and sees what else there is about keys.
func (s *screen) keys() {
	s.r.t.Helper()
	s.open("keys-none", "/portal/keys")
	s.press("key-fault", `main form[action$="/keys"] button`, "/keys")
	s.fill("key_name", "Boekhouding")
	s.press("key", `main form[action$="/keys"] button`, "/keys")
	s.open("keys", "/portal/keys")
	s.press("one-key", `main table a`, "")
	s.press("key-blocked", `main form[action$="/block"] button`, "")
	s.press("revoke", `main a.danger`, "/revoke")
	s.open("client", "/portal/keys/clients")
	s.press("client-fault", `main form button`, "/clients")
	s.open("certificates", "/portal/keys/certificates")
	s.press("certificates-fault", `main form[action$="/certificates"] button`, "/certificates")
	s.open("trial", "/portal/keys/trial")
	s.press("trial-fault", `main form[action$="/trial"] button`, "/trial")
	s.open("log", "/portal/log")
	s.open("log-none", "/portal/log?action=nothing_of_the_kind")
}

// write composes a message with a mistake, a document and two people.
func (s *screen) write() {
	r := s.r
	r.t.Helper()
	s.open("write", "/portal/new")
	s.do(chromedp.SendKeys(chromedp.CSS(`#r0-mobile`), "12"), chromedp.Click(chromedp.CSS(`[data-add]`)))
	if !value[bool](s, `document.activeElement.id === "r1-given" && document.querySelectorAll("[data-item]").length === 2`) {
		r.t.Errorf("%s: the script adds no recipient", s.lang)
	}
	s.look("write-two")
	s.press("write-faults", `.actions button`, "/new")
	name := filepath.Join(r.t.TempDir(), "Huurovereenkomst Vlasmarkt 7.pdf")
	r.must(os.WriteFile(name, make([]byte, 1_400_000), 0o600))
	s.fill("subject", "Opzegging van de huurovereenkomst")
	s.fill("body", "Geachte,\n\nhierbij zeg ik de huur op van het appartement aan de Vlasmarkt 7 in Gent.\n\nMet vriendelijke groeten")
	for id, value := range map[string]string{"given": "An", "family": "Janssens", "email": "an@example.be", "mobile": "0470 12 34 56", "line1": "Kerkstraat 1", "postcode": "2000", "city": "Antwerpen"} {
		s.fill("r0-"+id, value)
	}
	s.do(chromedp.SetUploadFiles(chromedp.CSS(`#documents`), []string{name}))
	s.until(`document.querySelectorAll(".files input[name=document]").length === 1`)
	s.look("write-uploaded")
	s.press("check", `.actions button`, "/new")
	s.press("sent", `.actions button`, "")
}

func (s *screen) fill(id, value string) {
	s.r.t.Helper()
	s.do(chromedp.SetValue(chromedp.CSS("#"+id), value))
}

// verified shows a report.
func (s *screen) verified(name string, ok bool) {
	r := s.r
	r.t.Helper()
	doc := evidencetest.Document(evidence.SubmissionAcceptance)
	r.verifier.report = evidence.Report{Stamps: []evidence.TokenInfo{{Time: evidencetest.At(), Authority: "CN=Example TSA"}}, Signer: "CN=Example Seal,O=Example", Document: &doc,
		Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: true}, {Code: evidence.CheckIntegrity, OK: true}, {Code: evidence.CheckSignature, OK: true}}}
	if !ok {
		r.verifier.report = evidence.Report{Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: true}, {Code: evidence.CheckIntegrity, Detail: "xades: digest of the signed part differs"}}}
	}
	file := filepath.Join(r.t.TempDir(), "bewijs-01.pdf")
	r.must(os.WriteFile(file, []byte("%PDF"), 0o600))
	s.do(chromedp.Navigate(r.server.URL+"/verify"), chromedp.SetUploadFiles(chromedp.CSS(`#document`), []string{file}))
	s.press(name, `main form button`, "/verify")
}

func TestOnAPhone(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		t.Run(lang, func(t *testing.T) { newScreen(newRig(t), lang, "phone", 390, 844, "light").tour() })
	}
}

func TestOnADesktop(t *testing.T) {
	t.Parallel()
	for lang, scheme := range map[string]string{"nl": "light", "fr": "dark", "de": "light", "en": "dark"} {
		t.Run(lang, func(t *testing.T) { newScreen(newRig(t), lang, "desktop", 1280, 900, scheme).tour() })
	}
}

// At 320 px, which is also 400 % zoom of 1280 px, nothing is wider than the screen.
func TestNarrowAndDark(t *testing.T) {
	t.Parallel()
	newScreen(newRig(t), "de", "narrow", 320, 640, "dark").tour()
}
