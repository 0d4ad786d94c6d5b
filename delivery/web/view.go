package web

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
)

// View is what a page sees. Its methods write as the reader's language does.
type View struct {
	Data    any
	Lang    string
	Service string
	Path    string // of the request
	Query   string // of the request, without the choice of language
	Chrome  Chrome
	Faults  Faults

	web  *Web
	face string
}

// Chrome is what the header of a page shows besides the mark.
type Chrome struct {
	Home    string // where the mark leads; "/" when empty
	Nav     []Link
	Who     string // who is signed in
	SignOut string // where the sign-out form goes; none when empty
	Wide    bool   // a page with tables
	Test    bool   // says that nothing here has legal value
	Narrow  bool   // only mark and languages: a page one should not leave by accident
	Public  bool   // search engines may list it
}

// Link is one item of the navigation. Key is a key of the face's catalog.
type Link struct {
	Key, URL string
	Here     bool
}

func (w *Web) view(c echo.Context, face string, data any) *View {
	v := &View{Data: data, Lang: w.Language(c), Service: w.ServiceName, Path: c.Request().URL.EscapedPath(), web: w, face: face}
	q := c.Request().URL.Query()
	q.Del("lang")
	v.Query = q.Encode()
	if d, ok := data.(interface{ Chrome() Chrome }); ok {
		v.Chrome = d.Chrome()
	}
	if d, ok := data.(interface{ faults() Faults }); ok {
		v.Faults = d.faults()
	}
	if v.Chrome.Home == "" {
		v.Chrome.Home = "/"
	}
	return v
}

// T is the text of a key, its {placeholders} filled in from name-value pairs. A
// time is written as its day.
func (v *View) T(key string, args ...any) (string, error) {
	t, ok := v.web.lookup(v.face, v.Lang, key)
	if !ok {
		return "", fmt.Errorf("%w: no words for %q in %s", ErrCatalog, key, v.Lang)
	}
	for i, x := range args {
		if at, ok := x.(time.Time); ok {
			day, err := v.Date(at)
			if err != nil {
				return "", err
			}
			args = slices.Clone(args)
			args[i] = day
		}
	}
	return fill(t, append([]any{"service", v.Service}, args...))
}

// Has reports whether there are words for a key.
func (v *View) Has(key string) bool {
	_, ok := v.web.lookup(v.face, v.Lang, key)
	return ok
}

// Or is the text of a key, or else what is given instead: for facts whose values
// others make.
func (v *View) Or(key, instead string) (string, error) {
	if !v.Has(key) {
		return instead, nil
	}
	return v.T(key)
}

// N is the text of a key that counts n things, with {n} filled in. French counts
// zero as one.
func (v *View) N(key string, n int, args ...any) (string, error) {
	form := ".other"
	if n == 1 || n == 0 && v.Lang == "fr" {
		form = ".one"
	}
	return v.T(key+form, append(args, "n", v.Number(int64(n)))...)
}

// LanguageLink is this page in another language.
func (v *View) LanguageLink(lang string) string {
	q, err := url.ParseQuery(v.Query)
	if err != nil {
		q = url.Values{}
	}
	q.Set("lang", lang)
	return v.Path + "?" + q.Encode()
}

// Languages are the languages of every page, each with its own name.
func (v *View) Languages() []Named {
	return []Named{{"nl", "Nederlands"}, {"fr", "Français"}, {"de", "Deutsch"}, {"en", "English"}}
}

// Named is a language and what it calls itself.
type Named struct{ Code, Name string }

// Year is the current year, for the footer.
func (v *View) Year() int { return v.web.Now().In(v.web.Zone).Year() }

// Machine is a time for the datetime attribute.
func (v *View) Machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }
