package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// Limits is middleware that bounds a request: at most body octets, and at most d
// to read it and to answer. Reading more fails with *http.MaxBytesError, which
// becomes a 413.
func (w *Web) Limits(body int64, d time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, out := c.Request(), c.Response()
			rc := http.NewResponseController(out.Writer)
			end := time.Now().Add(d) // of a socket, not of anything legal
			if err := errors.Join(rc.SetReadDeadline(end), rc.SetWriteDeadline(end)); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return err
			}
			ctx, cancel := context.WithTimeout(r.Context(), d)
			defer cancel()
			if r.ContentLength > body {
				return ErrTooLarge
			}
			r = r.WithContext(ctx)
			r.Body = http.MaxBytesReader(out.Writer, r.Body, body)
			c.SetRequest(r)
			return next(c)
		}
	}
}
