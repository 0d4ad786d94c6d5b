package collect_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	chromebrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web/webtest"
	"github.com/bode-erds/bode/notify"
)

// screen is a person with a real browser, who taps what is on the page.
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
	s := &screen{r: r, axe: string(axe), lang: lang, keep: os.Getenv("BODE_SCREENSHOTS"), name: name, width: width, height: height}
	s.ctx = webtest.Browser(r.t, "")
	s.do(chromedp.EmulateViewport(width, height))
	_, err = chromedp.CallBrowser(s.ctx, chromebrowser.SetDownloadBehavior, chromebrowser.SetDownloadBehaviorParams{
		Behavior: chromebrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: r.t.TempDir()})
	r.must(err)
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

// page waits for a page whose address ends in suffix and that was not looked at
// yet, then looks at it.
func (s *screen) page(name, suffix string) {
	s.r.t.Helper()
	end, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	script := fmt.Sprintf(`document.readyState === "complete" && !window.seen && location.pathname.endsWith(%q)`, suffix)
	for {
		// An error is a page that just goes away.
		if there, err := chromedp.Run(s.ctx, chromedp.Evaluate[bool](script)); there && err == nil {
			break
		}
		select {
		case <-end:
			at, err := chromedp.Run(s.ctx, chromedp.Location())
			s.r.t.Fatalf("%s %s: page %q never came; at %s (%v)", s.name, s.lang, name, at, err)
		case <-tick.C:
		}
	}
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
		file := filepath.Join(s.keep, fmt.Sprintf("%s-%s-%02d-%s.jpg", s.name, s.lang, s.n, name))
		s.r.must(os.WriteFile(file, picture, 0o644))
	}
	faults, err := webtest.Inspect(s.ctx, webtest.Page{Axe: s.axe, Lang: s.lang, Width: s.width, Height: s.height, Content: name == "view"})
	s.r.must(err)
	for _, f := range faults {
		s.r.t.Errorf("%s %s %s: %s", s.name, s.lang, name, f)
	}
}

// tap presses the button of the form whose action ends in suffix.
func (s *screen) tap(suffix string) {
	s.r.t.Helper()
	s.do(chromedp.Click(chromedp.CSS(`main form[action$="` + suffix + `"] button`)))
}

func (s *screen) typed(d delivery.Delivery, email, sms string) {
	s.r.t.Helper()
	s.do(chromedp.SendKeys(chromedp.CSS(`#email_code`), email), chromedp.SendKeys(chromedp.CSS(`#sms_code`), sms))
	s.tap("/check")
}

// atProvider chooses who to be, on the provider's own page.
func (s *screen) atProvider(person, decision string) {
	s.r.t.Helper()
	s.do(chromedp.WaitVisible(chromedp.CSS(`form[action$="/answer"]`)),
		chromedp.Click(chromedp.CSS(`input[name=person][value=`+person+`]`)),
		chromedp.Click(chromedp.CSS(`button[name=decision][value=`+decision+`]`)))
}

// identifies shows the addressee's own identity.
func (s *screen) identifies() {
	s.r.t.Helper()
	s.tap("/identify")
	s.tap("/begin")
	s.atProvider("lotte", "approve")
	s.tap("/finish")
}

// whole takes the whole way to the content, with the mistakes that people make.
func (s *screen) whole() {
	s.r.t.Helper()
	d := s.r.message(func(m *delivery.Submission) { m.Recipients[0].Language = s.lang })
	s.do(chromedp.Navigate(s.r.link(d)))
	s.page("start", "")
	s.tap("/codes")
	s.page("codes", "/codes")
	s.typed(d, "12", "")
	s.page("codes-incomplete", "/check")
	s.typed(d, s.r.code(d, notify.Email), "000000")
	s.page("codes-wrong", "/check")
	s.do(chromedp.SendKeys(chromedp.CSS(`#sms_code`), s.r.code(d, notify.SMS)))
	s.tap("/check")
	s.page("identify", "/identify")
	s.tap("/identify")
	s.tap("/begin")
	s.atProvider("lotte", "refuse")
	s.page("stopped", "/identify/callback/itsme")
	s.do(chromedp.Click(chromedp.CSS(`main a.button`)))
	s.tap("/begin")
	s.atProvider("karim", "approve")
	s.page("continue", "/identify/callback/itsme")
	s.tap("/finish")
	s.page("mismatch", "/mismatch")
	s.do(chromedp.Click(chromedp.CSS(`main a.button`)))
	s.identifies()
	s.page("decide", "/decide")
	s.do(chromedp.Click(chromedp.CSS(`main a[href$="/refuse"]`)))
	s.page("refuse", "/refuse")
	s.do(chromedp.Click(chromedp.CSS(`main a[href$="/decide"]`)))
	s.tap("/accept")
	s.page("read", "/read")
	s.tap("/open")
	s.page("text", "/open")
	s.r.taken(d, 0)
	s.tap("/documents/1/view")
	s.r.taken(d, 0, 1)
	s.page("view", "/view")
	s.do(chromedp.Click(chromedp.CSS(`main a.button`)))
	s.page("read-shown", "/read")
	s.tap("/documents/2")
	s.r.handedOver(d)
	s.do(chromedp.Navigate(s.r.link(d) + "/read"))
	s.page("received", "/read")
	s.do(chromedp.Click(chromedp.CSS(`main a[href$="/done"]`)))
	s.page("done-making", "/done")
	s.r.proofs.seal()
	s.do(chromedp.Navigate(s.r.link(d) + "/done"))
	s.page("done", "/done")
	s.do(chromedp.Navigate(s.r.link(d)))
	s.page("again", "")
}

// refuses takes the way to a refusal, and looks at what is left to see after it.
func (s *screen) refuses() {
	s.r.t.Helper()
	d := s.r.message(func(m *delivery.Submission) { m.Recipients[0].Language = s.lang })
	s.do(chromedp.Navigate(s.r.link(d)))
	s.page("refusing-start", "")
	s.tap("/codes")
	s.page("refusing-codes", "/codes")
	s.typed(d, s.r.code(d, notify.Email), s.r.code(d, notify.SMS))
	s.page("refusing-identify", "/identify")
	s.identifies()
	s.page("refusing-decide", "/decide")
	s.do(chromedp.Click(chromedp.CSS(`main a[href$="/refuse"]`)))
	s.page("refusing-ask", "/refuse")
	s.tap("/refuse")
	s.page("refused-making", "/done")
	if got := s.r.again(d); got.State != delivery.Rejected {
		s.r.t.Errorf("%s %s: %s after the refusal", s.name, s.lang, got.State)
	}
	s.r.proofs.seal()
	s.do(chromedp.Navigate(s.r.link(d) + "/done"))
	s.page("refused", "/done")
	s.do(chromedp.Navigate(s.r.link(d) + "/read")) // the content stays closed
	s.page("refused-read", "/done")
}

func TestOnAPhone(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		t.Run(lang, func(t *testing.T) {
			newScreen(newRig(t), lang, "phone", 390, 844).whole()
			newScreen(newRig(t), lang, "phone", 390, 844).refuses()
		})
	}
}

func TestOnADesktop(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		t.Run(lang, func(t *testing.T) {
			newScreen(newRig(t), lang, "desktop", 1280, 900).whole()
			newScreen(newRig(t), lang, "desktop", 1280, 900).refuses()
		})
	}
}
