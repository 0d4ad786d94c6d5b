package portal

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/identity"
)

// provePage asks for the codes that went to the two addresses.
type provePage struct {
	frame
	SignUp identity.SignUp
	Sent   bool // another code is under way
}

func (p *Portal) askCodes(c echo.Context) error {
	u, err := p.Identity.SignUp(c.Request().Context(), p.Web.Cookie(c, signUpCookie))
	if errors.Is(err, identity.ErrToken) {
		return c.Redirect(http.StatusSeeOther, signUpPath)
	}
	if err != nil {
		return err
	}
	return p.Web.Render(c, http.StatusOK, "portal/sign-up-codes", provePage{public("/portal"), u, c.QueryParam("sent") != ""})
}

// takeCodes proves what was typed, and opens the account once both addresses are
// proven.
func (p *Portal) takeCodes(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	ctx, token := c.Request().Context(), p.Web.Cookie(c, signUpCookie)
	page := provePage{frame: public("/portal")}
	status := http.StatusUnprocessableEntity
	for _, channel := range []string{"email", "sms"} {
		code := digitsOf(one(f, channel+"_code"))
		if code == "" {
			continue
		}
		err := p.Identity.ProveSignUp(ctx, token, channel, code)
		switch {
		case errors.Is(err, identity.ErrToken):
			return c.Redirect(http.StatusSeeOther, signUpPath)
		case errors.Is(err, identity.ErrCode):
			page.Add(channel+"_code", "fault.code")
		case errors.Is(err, identity.ErrTooManyCodes):
			page.Add(channel+"_code", "fault.too_many_codes")
		case err != nil:
			return err
		}
	}
	if page.SignUp, err = p.Identity.SignUp(ctx, token); errors.Is(err, identity.ErrToken) {
		return c.Redirect(http.StatusSeeOther, signUpPath)
	} else if err != nil {
		return err
	}
	if page.SignUp.EmailProven && page.SignUp.SMSProven {
		return p.finishSignUp(c, token)
	}
	if len(page.Faults) == 0 {
		page.missing()
	}
	return p.Web.Render(c, status, "portal/sign-up-codes", page)
}

// missing notes the codes that are still to be typed.
func (p *provePage) missing() {
	if !p.SignUp.EmailProven {
		p.Add("email_code", "fault.required.code_mail")
	}
	if !p.SignUp.SMSProven {
		p.Add("sms_code", "fault.required.code_sms")
	}
}

func (p *Portal) finishSignUp(c echo.Context, token string) error {
	_, _, err := p.Identity.FinishSignUp(c.Request().Context(), token, c.RealIP(), c.Request().UserAgent())
	next := "/portal/sign-in?opened=1"
	switch {
	case errors.Is(err, identity.ErrToken):
		next = signUpPath
	case errors.Is(err, identity.ErrLoginTaken): // meanwhile, by who reads the same addresses
		next = "/portal/sign-in"
	case err != nil:
		return err
	}
	p.Web.ClearCookie(c, signUpCookie)
	return c.Redirect(http.StatusSeeOther, next)
}

// sendCode sends another code to one of the two addresses.
func (p *Portal) sendCode(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	ctx, token := c.Request().Context(), p.Web.Cookie(c, signUpCookie)
	err = p.Identity.SendSignUpCode(ctx, token, one(f, "channel"), c.RealIP())
	if errors.Is(err, identity.ErrToken) {
		return c.Redirect(http.StatusSeeOther, signUpPath)
	}
	if err == nil {
		return c.Redirect(http.StatusSeeOther, codesPath+"?sent=1")
	}
	page := provePage{frame: public("/portal")}
	status, err := p.typed(&page.Faults, err)
	if err != nil {
		return err
	}
	if page.SignUp, err = p.Identity.SignUp(ctx, token); err != nil {
		return err
	}
	return p.Web.Render(c, status, "portal/sign-up-codes", page)
}

// digitsOf is a code without what people put between its digits.
func digitsOf(s string) string { return strings.NewReplacer(" ", "", "-", "").Replace(s) }
