package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/identity"
)

// kept is before the names of fields of an unfinished message that goes through
// the sign-in page.
const kept = "kept."

type signInPage struct {
	frame
	Next  string
	Login string
	Over  bool // a session ended
	Keep  []pair
}

func (p *Portal) askSignIn(c echo.Context) error {
	next := local(c.QueryParam("next"))
	if _, err := p.Identity.Session(c.Request().Context(), p.Web.Cookie(c, sessionCookie)); err == nil {
		return c.Redirect(http.StatusSeeOther, next)
	}
	return p.Web.Render(c, http.StatusOK, "portal/sign-in", signInPage{frame: public("/portal"), Next: next})
}

// signIn opens a session. A wrong login, password and code get one answer.
func (p *Portal) signIn(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := signInPage{frame: public("/portal"), Next: local(f.Get("next")), Login: f.Get("login"), Keep: keepOn(f)}
	code := strings.ReplaceAll(f.Get("code"), " ", "")
	if !printable(page.Login) || !printable(code) {
		page.Login, code = "", "" // nobody is called so
	}
	token, session, err := p.Identity.SignIn(c.Request().Context(), strings.TrimSpace(page.Login), f.Get("password"), code,
		c.RealIP(), c.Request().UserAgent(), p.Web.Language(c))
	var locked *identity.Locked
	status := http.StatusUnprocessableEntity
	switch {
	case errors.As(err, &locked):
		status = http.StatusTooManyRequests
		page.Add("login", "fault.locked", "minutes", int(locked.Until.Sub(p.Now())/time.Minute)+1)
	case errors.Is(err, identity.ErrSignIn):
		page.Add("login", "fault.sign_in")
	case errors.Is(err, identity.ErrBusy):
		status = http.StatusServiceUnavailable
		page.Add("", "fault.busy")
	case err != nil:
		return err
	default:
		p.Web.SetCookie(c, sessionCookie, token, 0)
		if len(page.Keep) > 0 {
			v := &visitor{Context: c, session: session, token: token}
			if !v.may(identity.Sender) {
				return c.Redirect(http.StatusSeeOther, "/portal")
			}
			return p.showDraft(v, http.StatusOK, p.readDraft(v, unkept(f)))
		}
		return c.Redirect(http.StatusSeeOther, page.Next)
	}
	return p.Web.Render(c, status, "portal/sign-in", page)
}

func (p *Portal) signOut(c echo.Context) error {
	if err := p.Identity.SignOut(c.Request().Context(), p.Web.Cookie(c, sessionCookie)); err != nil {
		return err
	}
	p.Web.ClearCookie(c, sessionCookie)
	return c.Redirect(http.StatusSeeOther, "/")
}

// keepOn lists the fields that go through the page once more.
func keepOn(f url.Values) []pair {
	out := url.Values{}
	for name, values := range f {
		if strings.HasPrefix(name, kept) {
			out[name] = values
		}
	}
	return hidden("", out)
}

// unkept gives those fields back under their own names.
func unkept(f url.Values) url.Values {
	out := url.Values{}
	for name, values := range f {
		if own, ok := strings.CutPrefix(name, kept); ok {
			out[own] = values
		}
	}
	return out
}
