package web

import (
	"fmt"
	"net"
	"net/http"
	"runtime/debug"

	"github.com/labstack/echo/v4"
)

// Echo returns a router with what every face needs: headers, the check of
// origins, languages, static files, problem pages and a line per request. Faces
// register their routes on it.
func (w *Web) Echo() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = w.clientIP()
	e.HTTPErrorHandler = w.Fail
	e.Use(w.logged, w.recovered, w.headers, w.chooseLanguage, w.sameOrigin)
	e.GET(staticPath+"*", w.assets.serve)
	e.HEAD(staticPath+"*", w.assets.serve)
	return e
}

// clientIP says how the client's address, which goes into evidence, is found:
// from the connection, or, behind trusted proxies only, from their header.
func (w *Web) clientIP() echo.IPExtractor {
	if len(w.TrustedProxies) == 0 {
		return echo.ExtractIPDirect()
	}
	opts := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range w.TrustedProxies {
		if _, n, err := net.ParseCIDR(p.Masked().String()); err == nil {
			opts = append(opts, echo.TrustIPRange(n))
		}
	}
	return echo.ExtractIPFromXFFHeader(opts...)
}

// sameOrigin refuses acts that another site's page asks for in our reader's name.
func (w *Web) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	p := http.NewCrossOriginProtection()
	trusted := p.AddTrustedOrigin(w.BaseURL) // behind a proxy the Host header may differ
	return func(c echo.Context) error {
		if trusted != nil {
			return trusted
		}
		if err := p.Check(c.Request()); err != nil {
			return fmt.Errorf("%w: %w", ErrForbidden, err)
		}
		return next(c)
	}
}

// recovered turns a panic into a failure, so that the reader gets an incident
// number and the operator the trace.
func (w *Web) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if r == http.ErrAbortHandler {
				panic(r)
			}
			err = fmt.Errorf("web: panic: %v\n%s", r, debug.Stack())
		}()
		return next(c)
	}
}

// logged writes a line per request for operators: the route, never the address,
// which may hold a token, and nothing of what was typed.
func (w *Web) logged(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := w.Now()
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		w.Log.InfoContext(c.Request().Context(), "page", "method", c.Request().Method, "route", c.Path(),
			"status", c.Response().Status, "ms", w.Now().Sub(began).Milliseconds())
		return nil
	}
}
