package collect_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/notify"
)

// browser is a person without JavaScript: it keeps cookies, follows redirects,
// and sends the forms that it finds.
type browser struct {
	r      *rig
	client *http.Client
	at     *url.URL
	status int
	header http.Header
	body   string
	page   *html.Node
}

func (r *rig) browser() *browser {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	r.must(err)
	return &browser{r: r, client: &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}}
}

func (b *browser) get(address string) *browser {
	b.r.t.Helper()
	q, err := http.NewRequestWithContext(b.r.t.Context(), http.MethodGet, address, nil)
	b.r.must(err)
	return b.send(q)
}

func (b *browser) send(q *http.Request) *browser {
	b.r.t.Helper()
	q.Header.Set("User-Agent", "Testbrowser/1.0 (phone)")
	resp, err := b.client.Do(q)
	b.r.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.r.must(err)
	b.at, b.status, b.header, b.body = resp.Request.URL, resp.StatusCode, resp.Header, string(body)
	if strings.HasPrefix(b.header.Get("Content-Type"), "text/html") {
		b.page, err = html.Parse(strings.NewReader(b.body))
		b.r.must(err)
	}
	return b
}

// post sends fields to an address, as a form of the page would.
func (b *browser) post(address string, fields url.Values) *browser {
	b.r.t.Helper()
	q, err := http.NewRequestWithContext(b.r.t.Context(), http.MethodPost, address, strings.NewReader(fields.Encode()))
	b.r.must(err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(q)
}

// submit fills in the form whose action ends in suffix. Fields that are not
// given keep what the page put there.
func (b *browser) submit(suffix string, fields url.Values) *browser {
	b.r.t.Helper()
	action, values := b.form(suffix)
	if action == "" {
		b.r.t.Fatalf("no form %q on %s (%d):\n%s", suffix, b.at.Path, b.status, b.text())
	}
	for k, v := range fields {
		values[k] = v
	}
	return b.post(action, values)
}

// form finds a form and what it holds.
func (b *browser) form(suffix string) (action string, values url.Values) {
	values = url.Values{}
	walk(b.page, func(n *html.Node) {
		if n.Data != "form" || action != "" || !strings.HasSuffix(attr(n, "action"), suffix) {
			return
		}
		u, err := b.at.Parse(attr(n, "action"))
		b.r.must(err)
		action = u.String()
		walk(n, func(n *html.Node) {
			if n.Data == "input" {
				values.Set(attr(n, "name"), attr(n, "value"))
			}
		})
	})
	return action, values
}

// want checks where the browser is.
func (b *browser) want(status int, suffix string) *browser {
	b.r.t.Helper()
	if b.status != status || !strings.HasSuffix(b.at.Path, suffix) {
		b.r.t.Fatalf("at %s with %d, want %s with %d:\n%s", b.at.Path, b.status, suffix, status, b.text())
	}
	return b
}

// shows checks that the page says all of these.
func (b *browser) shows(texts ...string) *browser {
	b.r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(b.text(), text) {
			b.r.t.Errorf("%s does not show %q:\n%s", b.at.Path, text, b.text())
		}
	}
	return b
}

// hides checks that nothing of these is anywhere in the answer.
func (b *browser) hides(texts ...string) *browser {
	b.r.t.Helper()
	for _, text := range texts {
		if strings.Contains(b.body, text) {
			b.r.t.Errorf("%s gives %q away", b.at.Path, text)
		}
	}
	return b
}

// text is what a person reads.
func (b *browser) text() string {
	var s strings.Builder
	walk(b.page, func(n *html.Node) {
		if n.Type == html.TextNode {
			if t := strings.Join(strings.Fields(n.Data), " "); t != "" {
				s.WriteString(t + " ")
			}
		}
	})
	return s.String()
}

func walk(n *html.Node, f func(*html.Node)) {
	if n == nil {
		return
	}
	f(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, f)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// The stations of the way, as people take them.

func (b *browser) coded(d delivery.Delivery) *browser {
	b.r.t.Helper()
	b.get(b.r.link(d)).submit("/codes", nil).want(http.StatusOK, "/codes")
	return b.submit("/check", url.Values{"email_code": {b.r.code(d, notify.Email)}, "sms_code": {b.r.code(d, notify.SMS)}}).want(http.StatusOK, "/identify")
}

// answered chooses itsme, goes to the provider and comes back as the person
// chosen.
func (b *browser) answered(c identitytest.Choice) *browser {
	b.r.t.Helper()
	if action, _ := b.form("/identify"); action != "" {
		b.post(action, nil)
	}
	action, fields := b.form("/begin")
	q, err := http.NewRequestWithContext(b.r.t.Context(), http.MethodPost, action, strings.NewReader(fields.Encode()))
	b.r.must(err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.send(q)
	b.client.CheckRedirect = nil
	if b.status != http.StatusSeeOther {
		b.r.t.Fatalf("begin answers %d", b.status)
	}
	back, err := identitytest.Answer(b.r.t.Context(), http.DefaultClient, b.header.Get("Location"), c)
	b.r.must(err)
	return b.get(back.String())
}

func (b *browser) identified(d delivery.Delivery) *browser {
	b.r.t.Helper()
	return b.coded(d).answered(identitytest.Choice{Person: "lotte"}).want(http.StatusOK, "/identify/callback/itsme").submit("/finish", nil)
}

func (b *browser) accepted(d delivery.Delivery) *browser {
	b.r.t.Helper()
	return b.identified(d).want(http.StatusOK, "/decide").submit("/accept", nil).want(http.StatusOK, "/read")
}

// must is must(f())(t): the value, or the end of the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
