package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery/web/webtest"
)

// chrome is a person in front of a real browser. It fails the test it was made
// for. BODE_SCREENSHOTS names a directory in which every page it looks at is
// kept.
type chrome struct {
	t    *testing.T
	ctx  context.Context
	base string
	name string
	seen int
}

// newChrome starts a browser with an empty profile.
func newChrome(t *testing.T, base, name string) *chrome {
	t.Helper()
	c := &chrome{t: t, base: base, name: name, ctx: webtest.Browser(t, "en")}
	c.do(chromedp.EmulateViewport(1100, 900))
	return c
}

// pagePatience is how long the browser may take for anything, on a busy machine.
const pagePatience = 40 * time.Second

func (c *chrome) do(steps ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	ctx, stop := context.WithTimeout(c.ctx, pagePatience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		c.t.Fatalf("%s at %s: %v\n%s", c.name, c.at(), err, c.text())
	}
}

// script is what a script gives.
func script[T any](c *chrome, js string, opts ...chromedp.EvaluateOption) T {
	c.t.Helper()
	ctx, stop := context.WithTimeout(c.ctx, pagePatience)
	defer stop()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, opts...))
	if err != nil {
		c.t.Fatalf("%s: %v", c.name, err)
	}
	return v
}

func (c *chrome) at() string {
	at, _ := chromedp.Run(c.ctx, chromedp.Location())
	return strings.TrimPrefix(at, c.base)
}

// text is what a person reads of the page.
func (c *chrome) text() string {
	text, _ := chromedp.Run(c.ctx, chromedp.Evaluate[string](`(document.querySelector("main") || document.body).innerText`))
	return text
}

// open goes to an address or path.
func (c *chrome) open(path string) {
	c.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = c.base + path
	}
	c.do(chromedp.Navigate(path))
	c.keep()
}

// fill types into fields by id.
func (c *chrome) fill(pairs ...string) {
	c.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		c.do(chromedp.SetValue(chromedp.CSS("#"+pairs[i]), pairs[i+1]))
	}
}

// press presses the first thing that a selector finds and waits for the page
// that follows: one whose address contains one of the parts given, or ends in it
// where a $ says so; none given: any page.
func (c *chrome) press(selector string, parts ...string) {
	c.t.Helper()
	script[chromedp.Void](c, `window.here = true`)
	c.do(chromedp.Click(chromedp.CSS(selector)))
	c.arrive(parts...)
}

// arrive waits for another page than the one that press left.
func (c *chrome) arrive(parts ...string) {
	c.t.Helper()
	for end := time.Now().Add(pagePatience); time.Now().Before(end); <-time.After(50 * time.Millisecond) { // the browser is another process
		there, err := chromedp.Run(c.ctx, chromedp.Evaluate[string](`!window.here && document.readyState === "complete" ? location.href : ""`))
		if err != nil || there == "" {
			continue
		}
		if len(parts) == 0 {
			c.keep()
			return
		}
		for _, part := range parts {
			end, last := strings.CutSuffix(part, "$")
			if last && strings.HasSuffix(there, end) || !last && strings.Contains(there, part) {
				c.keep()
				return
			}
		}
	}
	c.t.Fatalf("%s: at %s, not at %v\n%s", c.name, c.at(), parts, c.text())
}

// shows checks that the page says all of these.
func (c *chrome) shows(texts ...string) {
	c.t.Helper()
	text := c.text()
	for _, want := range texts {
		if !strings.Contains(text, want) {
			c.t.Fatalf("%s: %s does not show %q:\n%s", c.name, c.at(), want, text)
		}
	}
}

// keep keeps a picture of the page, for people to look at.
func (c *chrome) keep() {
	dir := os.Getenv("BODE_SCREENSHOTS")
	if dir == "" {
		return
	}
	c.seen++
	picture, err := chromedp.Run(c.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%02d.png", c.name, c.seen)), picture, 0o644)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// cookies are those that the page would send.
func (c *chrome) cookies() []*network.Cookie {
	c.t.Helper()
	got, err := chromedp.Run(c.ctx, chromedp.Action[[]*network.Cookie](func(ctx context.Context, t *chromedp.Target) ([]*network.Cookie, error) {
		r, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{})
		return r.Cookies, err
	}))
	if err != nil {
		c.t.Fatal(err)
	}
	return got
}

// device gives the browser an authenticator that recognises its owner, as a
// telephone or a laptop with a fingerprint reader does.
func (c *chrome) device() {
	c.t.Helper()
	c.do(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		if _, err = cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return none, err
		}
		_, err = cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
		return none, err
	})
}
