package docs_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/bode-erds/bode/delivery/api"
	"github.com/bode-erds/bode/delivery/api/docs"
	"github.com/bode-erds/bode/delivery/web"
)

// serve puts the documentation of the contract, as it is, on a socket.
func serve(t *testing.T) (base string) {
	t.Helper()
	contract, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.New(web.Config{BaseURL: "https://bode.example", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	d, err := docs.New(docs.Config{Pages: pages, Contract: contract, Problems: api.ProblemTexts, BaseURL: "https://bode.example"})
	if err != nil {
		t.Fatal(err)
	}
	e := pages.Echo()
	d.Register(e)
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return s.URL
}

// get fetches a page and parses it.
func get(t *testing.T, address string) (*html.Node, *http.Response) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return doc, resp
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// TestPages walks from the start page over every link: each leads to a page that
// is there and to a place that is on it, and no page asks for anything that the
// policy forbids or that comes from elsewhere.
func TestPages(t *testing.T) {
	t.Parallel()
	base := serve(t)
	ids, wanted, todo := map[string]map[string]bool{}, map[string][]string{}, []string{docs.Prefix}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		if ids[path] != nil {
			continue
		}
		doc, resp := get(t, base+path)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		ids[path] = map[string]bool{}
		for n := range doc.Descendants() {
			if id := attr(n, "id"); id != "" {
				if ids[path][id] {
					t.Errorf("%s: %s twice", path, id)
				}
				ids[path][id] = true
			}
			if attr(n, "style") != "" || n.Data == "script" && attr(n, "src") == "" || n.Data == "style" {
				t.Errorf("%s: inline %s", path, n.Data)
			}
			if src := attr(n, "src") + map[bool]string{true: attr(n, "href")}[n.Data == "link"]; src != "" && !strings.HasPrefix(src, "/") {
				t.Errorf("%s: fetches %s", path, src)
			}
			if n.Data != "a" {
				continue
			}
			to, err := url.Parse(attr(n, "href"))
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			if to.Path == "" {
				to.Path = path
			}
			if strings.HasPrefix(to.Path, docs.Prefix) && to.Host == "" && to.RawQuery == "" {
				todo = append(todo, to.Path)
				if to.Fragment != "" {
					wanted[to.Path+"#"+to.Fragment] = append(wanted[to.Path+"#"+to.Fragment], path)
				}
			}
		}
	}
	if len(ids) < 15 {
		t.Errorf("only %d pages can be reached", len(ids))
	}
	for place, from := range wanted {
		path, id, _ := strings.Cut(place, "#")
		if !ids[path][id] {
			t.Errorf("%s, named on %s, is not there", place, from[0])
		}
	}
}

// TestEveryOperationIsShown looks for each operation with its call.
func TestEveryOperationIsShown(t *testing.T) {
	t.Parallel()
	base := serve(t)
	doc, _ := get(t, base+docs.Prefix)
	shown := 0
	for n := range doc.Descendants() {
		if to := attr(n, "href"); n.Data == "a" && strings.Contains(to, "/operations/") && n.Parent.Data == "dt" {
			page, _ := get(t, base+to)
			for s := range page.Descendants() {
				if s.Data != "section" {
					continue
				}
				shown++
				text := textOf(s)
				if !strings.Contains(text, "curl -sS -X ") || !strings.Contains(text, `"https://bode.example/api/v1/`) || !strings.Contains(text, "Problems") {
					t.Errorf("%s: no call or no problems", attr(s, "id"))
				}
			}
		}
	}
	if shown < 20 {
		t.Errorf("only %d operations", shown)
	}
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// TestBase: the address of the calls is what was chosen, when it is one.
func TestBase(t *testing.T) {
	t.Parallel()
	base := serve(t)
	for asked, want := range map[string]string{
		"":                          "https://bode.example",
		"https://test.example/bode": "https://test.example/bode",
		"http://localhost:8480/":    "http://localhost:8480",
		"javascript:alert(1)":       "", "ftp://x.example": "", "//x.example": "", "https://": "", "x": "",
		`https://x.example/$(id)`: "", "https://x.example/`id`": "", `https://x.example/";id;"`: "", "https://x.example/\nid": "",
		"https://u:p@x.example": "", "https://x.example?a=b": "", "https://x.example#a": "", "https://x.example/<script>": "",
		"https://x.example/" + strings.Repeat("a", 300): "",
	} {
		doc, resp := get(t, base+docs.Prefix+"/operations/messages?"+url.Values{"base": {asked}, "lang": {"en"}}.Encode())
		text := textOf(doc)
		if want == "" {
			if !strings.Contains(text, "no address") || !strings.Contains(text, `"https://bode.example/api/v1/messages"`) {
				t.Errorf("%q is taken for an address", asked)
			}
			continue
		}
		if resp.StatusCode != http.StatusOK || !strings.Contains(text, fmt.Sprintf(`"%s/api/v1/messages"`, want)) {
			t.Errorf("%q: %d, no %s", asked, resp.StatusCode, want)
		}
	}
	if _, resp := get(t, base+docs.Prefix+"/operations/nothing"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("no such group: %d", resp.StatusCode)
	}
}

// TestLanguages: the start page is there in every language of the service.
func TestLanguages(t *testing.T) {
	t.Parallel()
	base := serve(t)
	for lang, title := range map[string]string{"nl": "API voor ontwikkelaars", "fr": "API pour développeurs", "de": "API für Entwickler", "en": "API for developers"} {
		doc, resp := get(t, base+docs.Prefix+"?lang="+lang)
		if got := resp.Header.Get("Content-Language"); got != lang || !strings.Contains(textOf(doc), title) {
			t.Errorf("%s: in %q", lang, got)
		}
	}
}

func TestRefusesConfig(t *testing.T) {
	t.Parallel()
	contract, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.New(web.Config{BaseURL: "https://bode.example"})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*docs.Config){
		"no pages": func(c *docs.Config) { c.Pages = nil }, "no contract": func(c *docs.Config) { c.Contract = nil },
		"no JSON": func(c *docs.Config) { c.Contract = []byte("[") }, "no base": func(c *docs.Config) { c.BaseURL = "" },
		"no tag":      func(c *docs.Config) { c.Contract = []byte(`{"paths":{"/a":{"get":{"operationId":"a","tags":["b"]}}}}`) },
		"no problems": func(c *docs.Config) { c.Problems = nil },
	} {
		cfg := docs.Config{Pages: pages, Contract: contract, Problems: api.ProblemTexts, BaseURL: "https://bode.example"}
		change(&cfg)
		if _, err := docs.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
