package identitytest

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed page.html style.css text/*.json
var files embed.FS

var pageTemplate = template.Must(template.ParseFS(files, "page.html"))

// form is the page's form, as shown and as posted.
type form struct {
	Request   string
	Person    string
	Given     string
	Family    string
	BirthDate string
	Number    string
	Decision  string
	Wrong     string // name of the field that is not right
}

func readForm(v url.Values) form {
	return form{
		Request: v.Get("request"), Person: v.Get("person"), Decision: v.Get("decision"),
		Given: v.Get("given_name"), Family: v.Get("family_name"),
		BirthDate: v.Get("birthdate"), Number: v.Get("national_number"),
	}
}

// view is what page.html shows: the form, or a Problem alone.
type view struct {
	Lang     string
	Text     map[string]string
	Path     string
	Problem  string
	Asker    string
	Advanced bool
	Approve  []string // lines of the text to be approved
	People   []Person
	Form     form
}

func (p *Provider) page(w http.ResponseWriter, status int, req *request, f form) {
	p.render(w, status, req.redirect, view{
		Lang: req.lang, Asker: host(req.redirect), Advanced: req.acr == acrAdvanced, Approve: req.lines(),
		People: p.cfg.People, Form: f,
	})
}

// problem answers with a page and sends nobody anywhere.
func (p *Provider) problem(w http.ResponseWriter, lang string, status int, problem string) {
	p.render(w, status, "", view{Lang: lang, Problem: problem})
}

func (p *Provider) render(w http.ResponseWriter, status int, redirect string, v view) {
	v.Text, v.Path = p.text[v.Lang], path
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, v); err != nil {
		p.cfg.Log.Error("page", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	// Browsers hold the redirect after a post against form-action too.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' "+origin(redirect))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func (p *Provider) style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, files, "style.css")
}

func origin(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func host(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Host
}

// language is the first of nl, fr, de, en in a list such as "fr-BE nl" or an
// Accept-Language header; en when there is none.
func language(list string) string {
	for _, tag := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' }) {
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		primary, _, _ = strings.Cut(primary, ";")
		switch primary {
		case "nl", "fr", "de", "en":
			return primary
		}
	}
	return "en"
}

func readTexts() (map[string]map[string]string, error) {
	texts := make(map[string]map[string]string)
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		data, err := files.ReadFile("text/" + lang + ".json")
		if err != nil {
			return nil, err
		}
		var t map[string]string
		if err := json.Unmarshal(data, &t); err != nil {
			return nil, fmt.Errorf("identitytest: text/%s.json: %w", lang, err)
		}
		texts[lang] = t
	}
	return texts, nil
}

func first(people []Person) string {
	if len(people) == 0 {
		return "other"
	}
	return people[0].ID
}
