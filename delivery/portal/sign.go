package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/identity"
)

// kept is before the names of fields of an unfinished message that goes through
// the sign-in page.
const kept = "kept."

// deviceCookie names what a browser keeps of having signed in before; see
// identity.KnownDevice.
const deviceCookie = "bode_device"

type signInPage struct {
	frame
	Next    string
	Login   string
	Over    bool // a session ended
	Passkey bool // the service takes passkeys
	Keep    []pair
}

func (p *Portal) askSignIn(c echo.Context) error {
	next := local(c.QueryParam("next"))
	if _, err := p.Identity.Session(c.Request().Context(), p.Web.Cookie(c, sessionCookie)); err == nil {
		return c.Redirect(http.StatusSeeOther, next)
	}
	return p.showSignIn(c, http.StatusOK, signInPage{frame: public("/portal"), Next: next})
}

func (p *Portal) showSignIn(c echo.Context, status int, page signInPage) error {
	page.Passkey = p.Passkeys != nil
	return p.Web.Render(c, status, "portal/sign-in", page)
}

// signIn opens a session. A wrong login, password and code get one answer.
func (p *Portal) signIn(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := signInPage{frame: public("/portal"), Next: local(f.Get("next")), Login: f.Get("login"), Keep: keepOn(f)}
	code := typedCode(f)
	if !printable(page.Login) {
		page.Login, code = "", "" // nobody is called so
	}
	token, session, err := p.Identity.SignInOn(c.Request().Context(), p.Web.Cookie(c, deviceCookie), strings.TrimSpace(page.Login), f.Get("password"), code,
		c.RealIP(), c.Request().UserAgent(), p.Web.Language(c))
	if err != nil {
		return p.refuseSignIn(c, page, err)
	}
	p.Web.SetCookie(c, deviceCookie, p.Identity.KnownDevice(session.Login), int(identity.DeviceLife.Seconds()))
	return p.enter(c, token, session, page.Next, f)
}

// refuseSignIn shows the page again, with what it may say of why.
func (p *Portal) refuseSignIn(c echo.Context, page signInPage, err error) error {
	var locked *identity.Locked
	status := http.StatusUnprocessableEntity
	switch {
	case errors.As(err, &locked):
		status = http.StatusTooManyRequests
		page.Faults = append(page.Faults, p.lockedFault("login", locked))
	case p.Passkeys != nil && p.Passkeys.Stale(err):
		page.Add("", "fault.passkey")
	case errors.Is(err, identity.ErrSignIn):
		page.Add("login", "fault.sign_in")
	case errors.Is(err, identity.ErrBusy):
		status = http.StatusServiceUnavailable
		page.Add("", "fault.busy")
	default:
		return err
	}
	return p.showSignIn(c, status, page)
}

// enter begins a session in this browser. The one that was there before ends: a
// token that somebody planted is worth nothing afterwards.
func (p *Portal) enter(c echo.Context, token string, session identity.Session, next string, typed url.Values) error {
	if err := p.Identity.SignOut(c.Request().Context(), p.Web.Cookie(c, sessionCookie)); err != nil {
		return err
	}
	p.Web.SetCookie(c, sessionCookie, token, 0)
	if session.Method == identity.MethodRecovery {
		return c.Redirect(http.StatusSeeOther, "/portal/factors")
	}
	if back := unkept(typed); len(back) > 0 {
		v := &visitor{Context: c, session: session, token: token}
		if !v.may(identity.Sender) {
			return c.Redirect(http.StatusSeeOther, "/portal")
		}
		return p.showDraft(v, http.StatusOK, p.readDraft(v, back))
	}
	return c.Redirect(http.StatusSeeOther, next)
}

func (p *Portal) signOut(c echo.Context) error {
	if err := p.Identity.SignOut(c.Request().Context(), p.Web.Cookie(c, sessionCookie)); err != nil {
		return err
	}
	p.Web.ClearCookie(c, sessionCookie)
	c.Response().Header().Set("Clear-Site-Data", `"cache", "storage"`) // what a browser kept all the same
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
