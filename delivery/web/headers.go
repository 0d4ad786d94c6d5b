package web

import (
	"strings"

	"github.com/labstack/echo/v4"
)

// policy lets a page load nothing but our own style, script and pictures, and
// send forms only to us and to the origins given.
func policy(actions []string) string {
	form := "'self'"
	for _, a := range actions {
		if a != "" {
			form += " " + strings.TrimSuffix(a, "/")
		}
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action " + form +
		"; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

// headers sets what holds for every answer. Pages are never kept by caches; a
// handler may say otherwise for what is public.
func (w *Web) headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", w.policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not no-referrer: that would make browsers send "Origin: null" with our own
		// forms, which the check of origins refuses.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Accept-Language, Cookie")
		if w.secure() {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		return next(c)
	}
}
