package web

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"
)

const (
	languageCookie = "bode_lang"
	languageKey    = "web.language"
	preferredKey   = "web.preferred"
)

// Language is the language of the reader: what the address asks for, else what
// was chosen before, else what the face prefers, else what the browser asks for,
// else the first of [Languages].
func (w *Web) Language(c echo.Context) string {
	if l, ok := c.Get(languageKey).(string); ok {
		return l
	}
	if l, ok := c.Get(preferredKey).(string); ok {
		return l
	}
	tags := make([]language.Tag, 0, len(Languages()))
	for _, l := range Languages() {
		tags = append(tags, language.Make(l))
	}
	header := c.Request().Header.Get("Accept-Language")
	if len(header) > 200 {
		header = ""
	}
	asked, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return Languages()[0]
	}
	_, i, confidence := language.NewMatcher(tags).Match(asked...)
	if confidence == language.No {
		return Languages()[0]
	}
	return Languages()[i]
}

// Prefer says which language suits the reader of this request who has not
// chosen one: the account's, or the one the sender gave for the recipient.
func (w *Web) Prefer(c echo.Context, lang string) {
	if slices.Contains(Languages(), lang) {
		c.Set(preferredKey, lang)
	}
}

// chooseLanguage takes ?lang= into a cookie. A choice changes nothing but how
// pages are written, so that a link may carry it.
func (w *Web) chooseLanguage(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if l := c.QueryParam("lang"); slices.Contains(Languages(), l) {
			c.Set(languageKey, l)
			if m := c.Request().Method; m == http.MethodGet || m == http.MethodHead {
				w.SetCookie(c, languageCookie, l, 365*24*60*60)
			}
		} else if l := w.Cookie(c, languageCookie); slices.Contains(Languages(), l) {
			c.Set(languageKey, l)
		}
		return next(c)
	}
}
