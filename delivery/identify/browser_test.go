package identify_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

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
	return &browser{r: r, client: &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 10 * time.Second}}}
}

func (b *browser) send(q *http.Request) *browser {
	b.r.t.Helper()
	resp, err := b.client.Do(q)
	b.r.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.r.must(err)
	b.at, b.status, b.header, b.body = resp.Request.URL, resp.StatusCode, resp.Header, string(body)
	b.page, err = html.Parse(strings.NewReader(b.body))
	b.r.must(err)
	return b
}

func (b *browser) get(path string) *browser {
	b.r.t.Helper()
	q, err := http.NewRequestWithContext(b.r.t.Context(), http.MethodGet, b.address(path), nil)
	b.r.must(err)
	return b.send(q)
}

func (b *browser) post(path string, fields url.Values) *browser {
	b.r.t.Helper()
	q, err := http.NewRequestWithContext(b.r.t.Context(), http.MethodPost, b.address(path), strings.NewReader(fields.Encode()))
	b.r.must(err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(q)
}

func (b *browser) address(path string) string {
	if strings.HasPrefix(path, "/") {
		return b.r.server.URL + path
	}
	return path
}

// asked begins an errand, and gives its address.
func (b *browser) asked() string {
	b.r.t.Helper()
	return b.post("/ask", nil).want(http.StatusOK, "").at.Path
}

// begun begins one with a means.
func (b *browser) begun(means string) (errand string) {
	b.r.t.Helper()
	errand = b.asked()
	b.post(errand+"/begin", url.Values{"means": {means}})
	return errand
}

// returned is begun, gone to the provider, and come back to the page with the
// answer.
func (b *browser) returned(means string) (errand string) {
	b.r.t.Helper()
	errand = b.begun(means)
	state := b.want(http.StatusOK, "/idp/"+means).at.Query().Get("state")
	b.get("/identify/callback/"+means+"?code=secretcode&state="+state).want(http.StatusOK, "/callback/"+means)
	return errand
}

// submit sends the form whose action ends in suffix.
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

func (b *browser) want(status int, suffix string) *browser {
	b.r.t.Helper()
	if b.status != status || !strings.HasSuffix(b.at.Path, suffix) {
		b.r.t.Fatalf("at %s with %d, want %s with %d:\n%s", b.at.Path, b.status, suffix, status, b.text())
	}
	return b
}

func (b *browser) shows(texts ...string) *browser {
	b.r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(b.text(), text) {
			b.r.t.Errorf("%s does not show %q:\n%s", b.at.Path, text, b.text())
		}
	}
	return b
}

func (b *browser) hides(texts ...string) *browser {
	b.r.t.Helper()
	for _, text := range texts {
		if strings.Contains(b.body, text) {
			b.r.t.Errorf("%s gives %q away", b.at.Path, text)
		}
	}
	return b
}

// offers are the means on the page of the choice.
func (b *browser) offers() (list []string) {
	walk(b.page, func(n *html.Node) {
		if n.Data == "input" && attr(n, "name") == "means" {
			list = append(list, attr(n, "value"))
		}
	})
	slices.Sort(list)
	return list
}

// cookies are those whose name begins so.
func (b *browser) cookies(prefix string) (list []*http.Cookie) {
	b.r.t.Helper()
	site, err := url.Parse(b.r.server.URL)
	b.r.must(err)
	for _, c := range b.client.Jar.Cookies(site) {
		if strings.HasPrefix(c.Name, prefix) {
			list = append(list, c)
		}
	}
	return list
}

// steal puts another browser's cookies into this one.
func (b *browser) steal(list []*http.Cookie) *browser {
	b.r.t.Helper()
	site, err := url.Parse(b.r.server.URL)
	b.r.must(err)
	b.client.Jar.SetCookies(site, list)
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
