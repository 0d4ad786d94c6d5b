// Package webtest looks at a page in a browser as people of many kinds do: with
// axe-core, with the keyboard alone, at 400 % zoom, with wide letters, and over a
// slow line.
//
// Sources: WCAG 2.2 (AA): 1.4.10 Reflow, 1.4.12 Text Spacing, 2.1.1 Keyboard,
// 2.1.2 No Keyboard Trap, 2.4.7 Focus Visible, 2.4.11 Focus Not Obscured,
// 2.5.8 Target Size.
package webtest

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed page.js
var script string

// Page says which page stands open, and how.
type Page struct {
	Axe           string // the script of axe-core
	Lang          string // in which it has to be
	Width, Height int64  // of the window; it has them again afterwards
	Content       bool   // it holds documents of a sender, which weigh what they weigh
}

// Browser starts a browser with an empty profile, in a language (empty: that of the
// machine), and ends it with the test. What it writes lies in a folder of its own,
// which goes too.
func Browser(t testing.TB, lang string) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: .ci/tools names the package")
	}
	dir, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	// Not of the test: a process of the browser that still ends may write there.
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Env("TMPDIR="+dir),
		chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true))
	if lang != "" {
		opts = append(opts, chromedp.Flag("lang", lang))
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil { // it lives as long as the context that starts it
		t.Fatal("starting the browser: ", err)
	}
	return ctx
}

// MaxWeight is what a page may weigh when it is seen first, compressed, with all
// that it loads, in octets.
const MaxWeight = 100 << 10

// Inspect says what is wrong with the page in the browser of ctx, one line each.
// It moves the focus, and resizes the window for a moment. An error means that the
// browser did not answer.
func Inspect(ctx context.Context, p Page) (faults []string, err error) {
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](script)); err != nil {
		return nil, err
	}
	for _, look := range []func(context.Context, Page) ([]string, error){language, weight, axe, keyboard, spacing, zoom} {
		found, err := look(ctx, p)
		if err != nil {
			return faults, err
		}
		faults = append(faults, found...)
	}
	_, err = chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`look.home()`))
	return faults, err
}

// ask is what a script on the page says.
func ask[T any](ctx context.Context, expression string, opts ...chromedp.EvaluateOption) (T, error) {
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, opts...))
}

func language(ctx context.Context, p Page) ([]string, error) {
	lang, err := ask[string](ctx, `document.documentElement.lang`)
	if err != nil || lang == p.Lang {
		return nil, err
	}
	return []string{fmt.Sprintf("it is in %q", lang)}, nil
}

// weight counts what came over the line, whether from a cache or not, and from
// whom.
func weight(ctx context.Context, p Page) (faults []string, err error) {
	got, err := ask[struct {
		Octets int
		Others []string
	}](ctx, `look.weight()`)
	if err != nil {
		return nil, err
	}
	if got.Octets > MaxWeight && !p.Content {
		faults = append(faults, fmt.Sprintf("it weighs %d octets, more than %d", got.Octets, MaxWeight))
	}
	for _, url := range got.Others {
		faults = append(faults, "it asks a third party: "+url)
	}
	return faults, nil
}

// axe runs every rule of WCAG 2.2 A and AA, and those of best practice.
func axe(ctx context.Context, p Page) (faults []string, err error) {
	if _, err := ask[chromedp.Void](ctx, p.Axe); err != nil {
		return nil, err
	}
	found, err := ask[[]struct {
		ID, Help string
		At       []string
	}](ctx, `look.axe()`, chromedp.EvalAwaitPromise)
	for _, v := range found {
		faults = append(faults, v.ID+": "+v.Help+"\n"+strings.Join(v.At, "\n"))
	}
	return faults, err
}

// Bounds of a walk: what is pressed at most, and how often one thing may keep the
// focus, as the parts of a date do.
const (
	maxPresses = 250
	maxStay    = 10
)

// keyboard goes through the page by Tab.
func keyboard(ctx context.Context, _ Page) (faults []string, err error) {
	total, err := ask[int](ctx, `look.begin()`)
	if err != nil {
		return nil, err
	}
	dates, err := ask[int](ctx, `document.querySelectorAll("input[type^=date], input[type=time], input[type=month]").length`)
	if err != nil {
		return nil, err
	}
	reached, last, stay := map[int]bool{}, -1, 0
	for range min(total+maxStay*(1+dates)+2, maxPresses) {
		if _, err := chromedp.Run(ctx, chromedp.KeyEvent(kb.Tab)); err != nil {
			return faults, err
		}
		at, err := ask[struct {
			N    int // -1: nothing of the page
			What string
			Bad  string
		}](ctx, `look.focus()`)
		if err != nil {
			return faults, err
		}
		if at.Bad != "" && !reached[at.N] {
			faults = append(faults, "focus "+at.Bad+": "+at.What)
		}
		before := last
		if stay++; at.N != last {
			last, stay = at.N, 0
		}
		if stay > maxStay {
			return append(faults, "the keyboard cannot leave "+at.What), nil
		}
		if len(reached) > 0 && (at.N < 0 || at.N == 0 && before != 0) {
			break // once round
		}
		reached[at.N] = true
	}
	for n := range total {
		if total > maxPresses-maxStay && n > last {
			break
		}
		if !reached[n] {
			what, err := ask[string](ctx, fmt.Sprintf(`look.name(%d)`, n))
			if err != nil {
				return faults, err
			}
			faults = append(faults, "the keyboard does not reach "+what)
		}
	}
	return faults, nil
}

func spacing(ctx context.Context, _ Page) ([]string, error) {
	return prefixed(ctx, "with wide letters: ", `look.spaced()`)
}

// zoom is 400 % of a window of 1280 px.
func zoom(ctx context.Context, p Page) (faults []string, err error) {
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(320, 256*2)); err != nil {
		return nil, err
	}
	if faults, err = prefixed(ctx, "at 400 %: ", `look.cut()`); err != nil {
		return nil, err
	}
	return faults, chromedp.Do(ctx, chromedp.EmulateViewport(p.Width, p.Height))
}

func prefixed(ctx context.Context, prefix, expression string) ([]string, error) {
	list, err := ask[[]string](ctx, expression)
	for i := range list {
		list[i] = prefix + list[i]
	}
	return list, err
}
