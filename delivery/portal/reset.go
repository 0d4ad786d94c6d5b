package portal

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/identity"
)

// resetPath asks for a link; with a token behind it, it is that link.
const resetPath = "/portal/reset"

// forgotPage asks for a login, and says the same whatever was typed (R35).
type forgotPage struct {
	frame
	Login string
	Sent  bool
}

func (p *Portal) askForgot(c echo.Context) error {
	return p.Web.Render(c, http.StatusOK, "portal/forgot", forgotPage{frame: public("/portal"), Sent: c.QueryParam("sent") != ""})
}

func (p *Portal) forgot(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := forgotPage{frame: public("/portal"), Login: one(f, "login")}
	if page.Login == "" {
		page.Add("login", "fault.required.login")
		return p.Web.Render(c, http.StatusUnprocessableEntity, "portal/forgot", page)
	}
	if err = p.Identity.AskReset(c.Request().Context(), page.Login, c.RealIP()); err == nil {
		return c.Redirect(http.StatusSeeOther, resetPath+"?sent=1")
	}
	status, err := p.typed(&page.Faults, err)
	if err != nil {
		return err
	}
	return p.Web.Render(c, status, "portal/forgot", page)
}

// resetPage asks for a new password. Dead: the link is used or too old.
type resetPage struct {
	frame
	Token string
	Dead  bool
}

// askReset shows the page of a link. It uses nothing up: mail scanners open links.
func (p *Portal) askReset(c echo.Context) error {
	page := resetPage{frame: public("/portal"), Token: c.Param("token")}
	err := p.Identity.MayReset(c.Request().Context(), page.Token)
	if err != nil && !errors.Is(err, identity.ErrToken) {
		return err
	}
	return p.showReset(c, http.StatusOK, page, err != nil)
}

func (p *Portal) showReset(c echo.Context, status int, page resetPage, dead bool) error {
	if page.Dead = dead; dead {
		page.Token, status = "", http.StatusGone
	}
	page.chrome.Narrow = true // no link away: other hosts learn nothing of the address
	return p.Web.Render(c, status, "portal/reset", page)
}

func (p *Portal) reset(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := resetPage{frame: public("/portal"), Token: c.Param("token")}
	if f.Get("own_password") != f.Get("own_password_repeat") {
		page.Add("own_password_repeat", "fault.repeat")
		return p.showReset(c, http.StatusUnprocessableEntity, page, false)
	}
	err = p.Identity.ResetPassword(c.Request().Context(), page.Token, f.Get("own_password"))
	switch {
	case err == nil:
		return c.Redirect(http.StatusSeeOther, "/portal/sign-in?reset=1")
	case errors.Is(err, identity.ErrToken):
		return p.showReset(c, http.StatusGone, page, true)
	}
	status, err := p.typed(&page.Faults, err)
	if err != nil {
		return err
	}
	return p.showReset(c, status, page, false)
}
