package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/notify"
)

// screen is a mail program that shows mails as a browser does.
type screen struct {
	t   *testing.T
	ctx context.Context
}

func newScreen(t *testing.T) screen {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is needed to look at the mails: apt-get install chromium")
	}
	axe, err := os.ReadFile(filepath.Join("..", "delivery", "web", "testdata", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	s := screen{t, ctx}
	s.do(chromedp.Navigate("about:blank"))
	look[chromedp.Void](s, string(axe)) // stays when the document is written anew
	return s
}

func (s screen) do(steps ...chromedp.Action[chromedp.Void]) {
	s.t.Helper()
	if err := chromedp.Do(s.ctx, steps...); err != nil {
		s.t.Fatal(err)
	}
}

// look is what a script gives.
func look[T any](s screen, script string, opts ...chromedp.EvaluateOption) T {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.ctx, time.Minute)
	defer stop()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, opts...))
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// size sets how wide the screen is, and whether its owner likes it dark.
func (s screen) size(width int64, scheme string) {
	s.t.Helper()
	s.do(chromedp.EmulateViewport(width, 800), func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return none, err
	})
}

func (s screen) show(html string) {
	s.t.Helper()
	quoted, err := json.Marshal(html)
	if err != nil {
		s.t.Fatal(err)
	}
	look[chromedp.Void](s, fmt.Sprintf(`document.open(); document.write(%s); document.close()`, quoted))
}

// faults are what axe finds, letters too small to read, and anything wider than
// the screen.
func (s screen) faults() []string {
	s.t.Helper()
	return look[[]string](s, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(
			v => v.id + ": " + v.help + " at " + v.nodes.map(n => n.html.slice(0, 200) + " " + n.failureSummary).join("; "))
		.concat([...document.querySelectorAll("p, li, th, td, h1, h2, a, span, strong")].filter(e => parseFloat(getComputedStyle(e).fontSize) < 16).map(e => "small: " + e.outerHTML.slice(0, 120)))
		.concat(document.documentElement.scrollWidth > innerWidth ? ["wider than the screen: " + document.documentElement.scrollWidth] : []))`, chromedp.EvalAwaitPromise)
}

// Every mail, as a reader with a phone gets it; and one of each shape on a small
// phone or at 400 % zoom, on a dark screen and on a wide one.
func TestMailOnScreens(t *testing.T) {
	t.Parallel()
	r, s := newRenderer(t), newScreen(t)
	shapes := []notify.Kind{notify.Announcement, notify.Code, notify.Receipt, notify.LetterPosted, notify.SignInChanged}
	long := strings.Repeat("Vereniging van mede-eigenaars ", 4)
	for _, x := range []struct {
		name, scheme string
		width        int64
		languages    []string
		kinds        []notify.Kind
	}{
		{"phone", "light", 390, notify.Languages(), notify.Kinds()},
		{"narrow", "light", 320, []string{"de"}, shapes},
		{"dark", "dark", 390, []string{"fr"}, shapes},
		{"desktop", "light", 1280, []string{"nl"}, shapes},
	} {
		s.size(x.width, x.scheme)
		for _, language := range x.languages {
			for _, kind := range x.kinds {
				f := factsOf(kind)
				f.Test, f.SenderName, f.Account = x.name != "phone", long, long
				s.show(render(t, r, notice(kind, notify.Email, language), f).HTML)
				for _, fault := range s.faults() {
					t.Errorf("%s %s %s: %s", x.name, language, kind, fault)
				}
			}
		}
	}
}
