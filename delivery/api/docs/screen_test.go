package docs_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery/api/docs"
	"github.com/bode-erds/bode/delivery/web/webtest"
)

// TestScreens looks at every kind of page in a real browser, on a phone and on a
// desk: what axe finds, and anything wider than the screen. BODE_SCREENSHOTS
// names a directory in which pictures are kept.
func TestScreens(t *testing.T) {
	t.Parallel()
	base := serve(t)
	axe, err := os.ReadFile(filepath.Join("..", "..", "web", "testdata", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(webtest.Browser(t, ""), 4*time.Minute)
	t.Cleanup(stop)
	paths := []string{"?lang=nl", "?lang=fr", "?lang=de", "?lang=en", "/getting-started?lang=en", "/errors", "/limits", "/operations/messages",
		"/operations/messages?base=x", "/schemas"}
	for screen, width := range map[string]int64{"phone": 390, "desk": 1280} {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 844)); err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if err := chromedp.Do(ctx, chromedp.Navigate(base+docs.Prefix+path)); err != nil {
				t.Fatal(path, err)
			}
			name := screen + strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(path)
			if dir := os.Getenv("BODE_SCREENSHOTS"); dir != "" {
				picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, "docs-"+name+".png"), picture, 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if wide, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`)); wide || err != nil {
				t.Errorf("%s: wider than the screen: %v", name, err)
			}
			found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](string(axe)+`;axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(
				v => v.id + ": " + v.help + "\n" + v.nodes.slice(0, 5).map(n => n.html + " " + n.failureSummary).join("\n")))`, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(path, err)
			}
			for _, v := range found {
				t.Errorf("%s: %s", name, v)
			}
		}
	}
}
