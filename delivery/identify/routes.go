package identify

import (
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// Bounds of a request, in octets: a form with what a provider or a card
// answered; and one with a document, which is bounded by itself before that.
const (
	maxForm     = 64 << 10
	maxDocument = 10 << 20
	maxUpload   = 16 << 20
)

// CallbackPath is where a provider sends people back to, whatever the errand:
// providers know one address only. Each has its own, so that the answer of one
// is never taken for that of another.
//
// RFC 9700 §4.4.2
func CallbackPath(method string) string { return "/identify/callback/" + method }

// BackPath is where a [identity.Receiver] sends the person of an errand.
func BackPath(login string) string { return "/identify/" + login + "/back" }

// Register mounts the pages on e.
func (i *Identify) Register(e *echo.Echo) error {
	short, upload := i.cfg.Web.Limits(maxForm, time.Minute), i.cfg.Web.Limits(maxUpload, 5*time.Minute)
	e.GET(CallbackPath(":means"), i.callback, short)
	for _, r := range []struct {
		method, path string
		do           func(*visit) error
		limit        echo.MiddlewareFunc
	}{
		{http.MethodGet, "", i.choose, short},
		{http.MethodPost, "/begin", i.begin, short},
		{http.MethodGet, "/with", i.with, short},
		{http.MethodGet, "/statement.pdf", i.statement, upload},
		{http.MethodGet, "/back", i.back, short},
		{http.MethodPost, "/finish", i.finish, short},
		{http.MethodPost, "/upload", i.upload, upload},
		{http.MethodPost, "/account", i.account, short},
		// A POST may answer with a page. Its address, when reloaded or read in
		// another language, leads to the choice.
		{http.MethodGet, "/begin", i.again, short},
		{http.MethodGet, "/finish", i.again, short},
		{http.MethodGet, "/upload", i.again, short},
		{http.MethodGet, "/account", i.again, short},
	} {
		e.Add(r.method, "/identify/:id"+r.path, i.open(r.do), r.limit)
	}
	return nil
}

// visit is one request for an errand, by the browser in which it was begun.
type visit struct {
	echo.Context
	login identity.Login
	owner Owner
}

// path is the address of a page or form of the errand.
func (v *visit) path(p string) string { return "/identify/" + v.login.ID + p }

// to leads the browser to a page of the errand.
func (v *visit) to(p string) error { return v.Redirect(http.StatusSeeOther, v.path(p)) }

// open lets a request through that has both the id and the secret of an errand.
// Without either, an errand that is over and one that never was look the same.
func (i *Identify) open(do func(*visit) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		v, err := i.visit(c, c.Param("id"))
		if err != nil {
			return i.fail(&visit{Context: c}, err)
		}
		if err := do(v); err != nil {
			return i.fail(v, err)
		}
		return nil
	}
}

func (i *Identify) visit(c echo.Context, id string) (*visit, error) {
	l, err := i.cfg.Identity.Login(c.Request().Context(), id, i.cfg.Web.ErrandSecret(c, id))
	if err != nil {
		return nil, err
	}
	owner, ok := i.cfg.Owners[l.Errand]
	if !ok {
		return nil, fmt.Errorf("%w: errand %q is nobody's", web.ErrNotFound, l.Errand)
	}
	i.cfg.Web.Prefer(c, l.Language)
	return &visit{c, l, owner}, nil
}

// again leads to the choice.
func (i *Identify) again(v *visit) error { return v.to("") }
