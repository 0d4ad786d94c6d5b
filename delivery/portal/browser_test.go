package portal_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
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

// signedIn is somebody at the list of messages.
func (r *rig) signedIn(login, secret string) *browser {
	r.t.Helper()
	b := r.browser().get(r.server.URL + "/portal/sign-in?lang=en")
	fields := url.Values{"login": {login}, "password": {password}}
	if secret != "" {
		fields.Set("code", r.code(secret))
	}
	return b.submit("/portal/sign-in", fields).want(http.StatusOK, "/portal")
}

// lotte is the administrator of the account of the rig.
func (r *rig) lotte() *browser { return r.signedIn("lotte", r.secret) }

// to goes to a path of the service.
func (b *browser) to(path string) *browser { return b.get(b.r.server.URL + path) }
