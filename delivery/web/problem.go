package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
)

// retryAfter is what a browser, or what stands between, is told of how long a 503
// lasts, in seconds.
const retryAfter = "5"

// What a handler may return; each has its problem page. A face wraps its own
// errors in one of them.
var (
	ErrNotFound  = errors.New("web: not found") // also what is not the reader's
	ErrForbidden = errors.New("web: refused")
	ErrTooLarge  = errors.New("web: too large")
	ErrTooMany   = errors.New("web: too many requests")
	ErrGone      = errors.New("web: no longer kept")
	ErrBadInput  = errors.New("web: cannot be read") // not what a form of ours sends
)

// problemPage is what a problem page shows. Key is a stem of the shared catalog:
// problem.404.title, problem.404.text.
type problemPage struct {
	Key      string
	Incident string
}

// Chrome implements the header of a page.
func (problemPage) Chrome() Chrome { return Chrome{Narrow: true} }

// status is the table of failures.
func status(err error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, ErrGone):
		return http.StatusGone
	case errors.Is(err, ErrTooLarge), errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrTooMany):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrBadInput):
		return http.StatusBadRequest
	case errors.Is(err, delivery.ErrBusy), errors.Is(err, context.DeadlineExceeded), delivery.Unavailable(err):
		return http.StatusServiceUnavailable
	}
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch he.Code {
		case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusRequestEntityTooLarge,
			http.StatusTooManyRequests, http.StatusForbidden, http.StatusGone:
			return he.Code
		}
		if he.Code < 500 {
			return http.StatusBadRequest
		}
	}
	return http.StatusInternalServerError
}

// Fail answers a request with the problem page of an error. What is away or full
// and comes back is a 503; what it does not know becomes a 500 with an incident
// number. The error's text goes to the log alone. Nothing is written once the answer
// has begun.
func (w *Web) Fail(err error, c echo.Context) {
	ctx := c.Request().Context()
	if c.Response().Committed {
		if !errors.Is(err, context.Canceled) {
			w.Log.ErrorContext(ctx, "page cut off", "route", c.Path(), "error", err)
		}
		return
	}
	code := status(err)
	p := problemPage{Key: "problem." + strconv.Itoa(code)}
	if code == http.StatusInternalServerError && !(errors.Is(err, context.Canceled) && ctx.Err() != nil) {
		p.Incident = incident()
		w.Log.ErrorContext(ctx, "page failed", "route", c.Path(), "incident", p.Incident, "error", err)
	}
	h := c.Response().Header()
	if code == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
		w.Log.WarnContext(ctx, "page unavailable", "route", c.Path(), "error", err)
	}
	for _, name := range []string{"Content-Disposition", "Content-Length"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	if c.Request().Method == http.MethodHead {
		err = c.NoContent(code)
	} else {
		err = w.Render(c, code, "problem", p)
	}
	if err != nil {
		w.Log.ErrorContext(ctx, "problem page failed", "error", err)
	}
}

// incident is a number to read out to the help desk.
func incident() string {
	var b [4]byte
	rand.Read(b[:])
	s := strings.ToUpper(hex.EncodeToString(b[:]))
	return s[:4] + "-" + s[4:]
}
