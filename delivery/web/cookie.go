package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// cookieName binds a cookie to this one host where TLS allows it: RFC 6265bis
// §4.1.3.2. On loopback without TLS browsers would refuse the prefix.
func (w *Web) cookieName(name string) string {
	if w.secure() {
		return "__Host-" + name
	}
	return name
}

// SetCookie keeps a value in the browser for maxAge seconds, or until it closes
// when that is 0. No script can read it, and no other site's form sends it.
func (w *Web) SetCookie(c echo.Context, name, value string, maxAge int) {
	c.SetCookie(&http.Cookie{Name: w.cookieName(name), Value: value, Path: "/", MaxAge: maxAge,
		Secure: w.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// ClearCookie removes what SetCookie kept.
func (w *Web) ClearCookie(c echo.Context, name string) { w.SetCookie(c, name, "", -1) }

// Cookie is the value kept under name, or "".
func (w *Web) Cookie(c echo.Context, name string) string {
	k, err := c.Cookie(w.cookieName(name))
	if err != nil {
		return ""
	}
	return k.Value
}
