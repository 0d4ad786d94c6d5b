package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"golang.org/x/net/html"

	"github.com/bode-erds/bode/notify/notifytest"
)

// probe is markup that no page of ours has. Where it stays text it is harmless.
const probe = `"><bode-probe bode-probe=1>'`

// TestMarkupStaysText puts markup into every text of everything that the API
// makes, as far as it is taken, and reads every page that can be reached then, the
// recipient's first page and the mails: no element and no attribute came of it.
func TestMarkupStaysText(t *testing.T) {
	t.Parallel()
	c := newContractTown(t)
	taken := 0
	for _, kind := range []string{"messages", "drafts", "templates", "contacts", "batches", "webhooks"} {
		item := c.doc.Paths.Value("/" + kind)
		if item == nil || item.Post.RequestBody == nil {
			continue
		}
		b, err := json.Marshal(item.Post.RequestBody.Value.Content["application/json"].Example)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(leaves(b)) {
			taken += c.probed(t, kind, b, i)
		}
	}
	if _, err := c.out.upload(t.Context(), `"><bode-probe bode-probe=1>.txt`, "text/plain", []byte("x")); err == nil {
		taken++
	}
	if taken < 5 {
		t.Errorf("only %d texts were taken", taken)
	}
	client := c.signedIn(t)
	seen, shown := 0, 0
	todo, known := []string{"/portal?test=1", "/portal/account"}, map[string]bool{}
	for len(todo) > 0 && seen < 250 {
		path := todo[0]
		todo = todo[1:]
		if known[path] {
			continue
		}
		known[path] = true
		resp, err := client.Get(c.base + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode >= 500 {
			t.Errorf("%s: %d, %v", path, resp.StatusCode, err)
		}
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			continue
		}
		seen++
		links, texts := c.inert(t, path, text)
		todo = append(todo, links...)
		shown += texts
	}
	t.Logf("%d texts taken, shown %d times on %d pages", taken, shown, seen)
	if shown == 0 {
		t.Error("no page shows what was put in")
	}
	m, err := c.out.mail(t.Context(), "an@example.be", func(notifytest.Message) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	c.inert(t, "mail", []byte(m.HTML))
	link := anyLink.FindString(m.Text)
	_, _, text := c.get(t, link)
	c.inert(t, "collect", text)
}

// leaves are the places of the texts in a JSON value.
func leaves(b []byte) (paths [][]any) {
	var v any
	if json.Unmarshal(b, &v) != nil {
		return nil
	}
	var walk func(v any, at []any)
	walk = func(v any, at []any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(x, append(at[:len(at):len(at)], k))
			}
		case []any:
			for i, x := range v {
				walk(x, append(at[:len(at):len(at)], i))
			}
		case string:
			if !anyID.MatchString(v) {
				paths = append(paths, at)
			}
		}
	}
	walk(v, nil)
	return paths
}

// probed makes an object with markup in one of its texts. It returns 1 when that
// was taken.
func (c *contractTown) probed(t *testing.T, kind string, example []byte, leaf int) int {
	t.Helper()
	paths := leaves(example)
	var v any
	if err := json.Unmarshal(example, &v); err != nil {
		t.Fatal(err)
	}
	filled, err := c.filled(t.Context(), v, "")
	if err != nil {
		t.Fatal(err)
	}
	at := paths[leaf]
	here := filled
	for _, step := range at[:len(at)-1] {
		switch x := here.(type) {
		case map[string]any:
			here = x[step.(string)]
		case []any:
			here = x[step.(int)]
		}
	}
	switch x := here.(type) {
	case map[string]any:
		x[at[len(at)-1].(string)] = probe
	case []any:
		x[at[len(at)-1].(int)] = probe
	}
	if m, ok := filled.(map[string]any); ok {
		for _, member := range []string{"name", "key"} {
			if s, ok := m[member].(string); ok && s != probe {
				m[member] = fmt.Sprint("k", time.Now().UnixNano())
			}
		}
	}
	b, err := json.Marshal(filled)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.out.do(t.Context(), http.MethodPost, "/"+kind, "application/json",
		map[string]string{"Idempotency-Key": fmt.Sprint("probe-", time.Now().UnixNano())}, bytes.NewReader(b))
	if err != nil {
		return 0 // refused
	}
	resp.Body.Close()
	return 1
}

// signedIn is the company's person in the portal.
func (c *contractTown) signedIn(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute}
	who := c.seeds.SignIns[0]
	code, err := totp.GenerateCode(who.TOTPSecret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.PostForm(c.base+"/portal/sign-in", url.Values{"login": {who.Login}, "password": {who.Password}, "code": {code}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if strings.HasSuffix(resp.Request.URL.Path, "sign-in") {
		t.Fatal("not signed in")
	}
	return client
}

// inert holds that nothing on a page came of the probe. It returns the pages that
// this one leads to, and how often the probe is shown as text.
func (c *contractTown) inert(t *testing.T, name string, page []byte) (links []string, texts int) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && strings.Contains(n.Data, "bode-probe") {
			texts++
		}
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "bode-probe" {
			t.Errorf("%s: an element came of it", name)
		}
		for _, a := range n.Attr {
			if strings.Contains(a.Key, "bode-probe") {
				t.Errorf("%s: an attribute of %s came of it", name, n.Data)
			}
			if u, err := url.Parse(a.Val); n.Data == "a" && a.Key == "href" && err == nil && u.Host == "" && strings.HasPrefix(u.Path, "/portal") {
				links = append(links, u.Path+map[bool]string{true: "?" + u.RawQuery}[u.RawQuery != ""])
			}
		}
	}
	return links, texts
}
