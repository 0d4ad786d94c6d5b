package wallettest

import (
	"bytes"
	"crypto/x509"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed page.html style.css text/*.json
var files embed.FS

// PageConfig is what a Page needs. Issuer and Access have no default.
type PageConfig struct {
	Issuer *Issuer
	Access []*x509.Certificate // anchors of the verifiers it talks to
	People []Person            // default People()
	Path   string              // where the page is mounted, as "/demo-wallet"; no slash at the end
	HTTP   *http.Client        // reaches the verifier; default one with a Timeout of 10 s
	Now    func() time.Time    // default time.Now
	Log    *slog.Logger        // default none
}

// Page is a wallet as a web page: whoever opens it chooses who to be. A link to a
// verifier's request is Path with the parameters of the request behind it, so that
// Path, with scheme and host before it, takes the place of openid4vp://.
//
// GET Path shows one HTML form, posted to Path+"/answer":
//
//	link             as found in the page (hidden)
//	person           id of a listed citizen, or "other"
//	given_name       for "other"; may be empty
//	family_name      for "other"; required
//	birthdate        for "other"; YYYY-MM-DD
//	national_number  for "other"; empty: a fictitious one is made
//	format           "dc+sd-jwt" or "mso_mdoc"
//	decision         "share" or "refuse"
//
// The answer is 303 to where the verifier wants the person, or 400 with the form
// again when a field is not right. Safe for concurrent use.
type Page struct {
	cfg  PageConfig
	page *template.Template
	text map[string]map[string]string
	mux  *http.ServeMux
}

// NewPage makes a Page.
func NewPage(cfg PageConfig) (*Page, error) {
	if cfg.People == nil {
		cfg.People = People()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Page{cfg: cfg, text: map[string]map[string]string{}, mux: http.NewServeMux()}
	for _, lang := range languages() {
		data, err := files.ReadFile("text/" + lang + ".json")
		if err != nil {
			return nil, err
		}
		var t map[string]string
		if err := json.Unmarshal(data, &t); err != nil {
			return nil, fmt.Errorf("wallettest: text/%s.json: %w", lang, err)
		}
		p.text[lang] = t
	}
	var err error
	if p.page, err = template.ParseFS(files, "page.html"); err != nil {
		return nil, err
	}
	p.mux.HandleFunc("GET "+cfg.Path, p.show)
	p.mux.HandleFunc("GET "+cfg.Path+"/{$}", p.show)
	p.mux.HandleFunc("POST "+cfg.Path+"/answer", p.answer)
	p.mux.HandleFunc("GET "+cfg.Path+"/style.css", p.style)
	return p, nil
}

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// view is what page.html shows: the form, or a Problem alone.
type view struct {
	Lang    string
	Text    map[string]string
	Path    string
	Problem string
	Link    string
	Request *Request
	People  []Person
	Form    url.Values
	Wrong   string // name of the field that is not right
}

// Asks reports whether the verifier asks an attribute.
func (v view) Asks(name string) bool { return slices.Contains(v.Request.Asked, name) }

func (p *Page) wallet() *Wallet {
	return &Wallet{Issuer: p.cfg.Issuer, Access: p.cfg.Access, HTTP: p.cfg.HTTP, Now: p.cfg.Now}
}

func (p *Page) show(w http.ResponseWriter, r *http.Request) {
	v := view{Lang: language(r), Link: "openid4vp://?" + r.URL.RawQuery, Form: url.Values{"person": {p.cfg.People[0].ID}, "format": {FormatSDJWT}}}
	request, err := p.wallet().Open(r.Context(), v.Link)
	if err != nil {
		p.problem(w, r, v.Lang, err)
		return
	}
	v.Request = request
	p.render(w, http.StatusOK, v)
}

func (p *Page) answer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		p.problem(w, r, language(r), err)
		return
	}
	v := view{Lang: language(r), Link: r.PostForm.Get("link"), Form: r.PostForm}
	wallet := p.wallet()
	request, err := wallet.Open(r.Context(), v.Link)
	if err != nil {
		p.problem(w, r, v.Lang, err)
		return
	}
	v.Request = request
	var redirect string
	if v.Form.Get("decision") == "refuse" {
		redirect, err = wallet.Refuse(r.Context(), request, "access_denied")
	} else {
		if wallet.Person, v.Wrong = p.chosen(v.Form); v.Wrong != "" {
			p.render(w, http.StatusBadRequest, v)
			return
		}
		wallet.Format = v.Form.Get("format")
		redirect, err = wallet.Present(r.Context(), request)
	}
	if err != nil {
		p.problem(w, r, v.Lang, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, redirect, http.StatusSeeOther)
}

func (p *Page) chosen(form url.Values) (Person, string) {
	id := form.Get("person")
	if n := slices.IndexFunc(p.cfg.People, func(p Person) bool { return p.ID == id }); n >= 0 {
		return p.cfg.People[n], ""
	}
	if id != "other" {
		return Person{}, "person"
	}
	return typed(form.Get("given_name"), form.Get("family_name"), form.Get("birthdate"), form.Get("national_number"), p.cfg.Now())
}

// problem says that nothing was shared, and sends nobody anywhere.
func (p *Page) problem(w http.ResponseWriter, r *http.Request, lang string, err error) {
	p.cfg.Log.WarnContext(r.Context(), "demo wallet", "error", err)
	v := view{Lang: lang, Problem: "request"}
	if _, ok := errors.AsType[*StatusError](err); ok {
		v.Problem = "expired"
	}
	p.render(w, http.StatusBadRequest, v)
}

func (p *Page) render(w http.ResponseWriter, status int, v view) {
	v.Text, v.Path, v.People = p.text[v.Lang], p.cfg.Path, p.cfg.People
	var b bytes.Buffer
	if err := p.page.Execute(&b, v); err != nil {
		p.cfg.Log.Error("demo wallet", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	back := ""
	if v.Request != nil {
		if u, err := url.Parse(v.Request.responseURI); err == nil {
			back = u.Scheme + "://" + u.Host
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	// Browsers hold the redirect after a post against form-action too.
	h.Set("Content-Security-Policy", strings.TrimSpace("default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' "+back))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func (p *Page) style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, files, "style.css")
}

func languages() []string { return []string{"nl", "fr", "de", "en"} }

// language is the first of ours in Accept-Language; en when there is none.
func language(r *http.Request) string {
	for tag := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		primary, _, _ = strings.Cut(primary, ";")
		if slices.Contains(languages(), primary) {
			return primary
		}
	}
	return "en"
}
