package web

import (
	"strings"

	"github.com/labstack/echo/v4"
)

// policy lets a page load nothing but our own style, script and pictures, and
// send forms only to us and to the origins given. Of what a page may do on top,
// more says: directives, and the names of its trusted types.
func policy(actions []string, more, types string) string {
	form := "'self'"
	for _, a := range actions {
		if a != "" {
			form += " " + strings.TrimSuffix(a, "/")
		}
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action " + form +
		"; frame-ancestors 'none'; base-uri 'none'" + more + "; require-trusted-types-for 'script'; trusted-types " + types
}

// workerPolicy lets a worker run WebAssembly and fetch from us. A worker is under
// its own policy, not under that of its page.
const workerPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// MayWork is middleware for a page that starts a worker of ours. The page itself
// still cannot connect to anything.
func (w *Web) MayWork(next echo.HandlerFunc) echo.HandlerFunc {
	return under(policy(w.FormActions, "; worker-src 'self'", "bode-worker"), next)
}

// MayEmbed lets the page that answers c show pictures that stand in the page
// itself. They are pictures only: nothing in one can act.
func (w *Web) MayEmbed(c echo.Context) {
	c.Response().Header().Set("Content-Security-Policy", strings.Replace(w.policy, "img-src 'self'", "img-src 'self' data:", 1))
}

// MayFetch lets the page of an answer send what is typed or chosen to us by
// itself, and to nobody else.
func (w *Web) MayFetch(c echo.Context) {
	c.Response().Header().Set("Content-Security-Policy", policy(w.FormActions, "; connect-src 'self'", "'none'"))
}

// Worker is middleware for the script of such a worker.
func (*Web) Worker(next echo.HandlerFunc) echo.HandlerFunc { return under(workerPolicy, next) }

func under(policy string, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Content-Security-Policy", policy)
		return next(c)
	}
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
