package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// browser plays a person at a screen: it follows links and redirects, keeps
// cookies, and fills in the forms that it finds on the page.
type browser struct {
	client *http.Client
	page   *html.Node
	at     *url.URL
}

func newBrowser() (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &browser{client: &http.Client{Jar: jar}}, nil
}

// open goes to an address.
func (b *browser) open(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	return b.show(r)
}

// submit fills in the form whose action ends in suffix and sends it. Fields
// that are not given keep what the page put there.
func (b *browser) submit(ctx context.Context, suffix string, fields url.Values) error {
	r, err := b.form(ctx, suffix, fields)
	if err != nil {
		return err
	}
	return b.show(r)
}

// save is submit for a form that answers with a file.
func (b *browser) save(ctx context.Context, suffix string, w io.Writer) error {
	r, err := b.form(ctx, suffix, nil)
	if err != nil {
		return err
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", r.URL.Path, resp.Status)
	}
	_, err = io.Copy(w, resp.Body)
	return err
}

// errLater: the page asks to come back later.
var errLater = errors.New("not now")

// maxPage bounds a page.
const maxPage = 1 << 20

func (b *browser) show(r *http.Request) error {
	resp, err := b.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if b.page, err = html.Parse(io.LimitReader(resp.Body, maxPage)); err != nil {
		return err
	}
	b.at = resp.Request.URL
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable:
		return fmt.Errorf("%w: %s answers %s: %s", errLater, b.at.Path, resp.Status, excerpt(b.text()))
	case resp.StatusCode >= 400:
		return fmt.Errorf("%s answers %s: %s", b.at.Path, resp.Status, excerpt(b.text()))
	}
	return nil
}

func (b *browser) form(ctx context.Context, suffix string, fields url.Values) (*http.Request, error) {
	f := find(b.page, func(n *html.Node) bool {
		if n.Data != "form" {
			return false
		}
		u, err := b.at.Parse(attr(n, "action"))
		return err == nil && strings.HasSuffix(u.Path, suffix)
	})
	if f == nil {
		return nil, fmt.Errorf("no form %q on %s: %s", suffix, b.at.Path, excerpt(b.text()))
	}
	values := url.Values{}
	walk(f, func(n *html.Node) {
		if n.Data == "input" && attr(n, "name") != "" && slices.Contains([]string{"", "hidden", "text"}, attr(n, "type")) {
			values.Set(attr(n, "name"), attr(n, "value"))
		}
	})
	for k, v := range fields {
		values[k] = v
	}
	target, err := b.at.Parse(attr(f, "action"))
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.at.Scheme+"://"+b.at.Host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r, nil
}

// text is what a person reads on the page.
func (b *browser) text() string {
	var s strings.Builder
	walk(b.page, func(n *html.Node) {
		if n.Type == html.TextNode && n.Parent.Data != "style" && n.Parent.Data != "script" {
			if t := strings.Join(strings.Fields(n.Data), " "); t != "" {
				s.WriteString(t + " ")
			}
		}
	})
	return s.String()
}

func excerpt(s string) string {
	if r := []rune(s); len(r) > 300 {
		return string(r[:300]) + "…"
	}
	return s
}

func walk(n *html.Node, f func(*html.Node)) {
	f(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, f)
	}
}

func find(n *html.Node, is func(*html.Node) bool) (found *html.Node) {
	walk(n, func(n *html.Node) {
		if found == nil && n.Type == html.ElementNode && is(n) {
			found = n
		}
	})
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

var errHeld = errors.New("a step did not hold")
