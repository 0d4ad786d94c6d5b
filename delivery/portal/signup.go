package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// signUpCookie names the cookie that holds the token of a sign-up.
const signUpCookie = "bode_sign_up"

const (
	signUpPath = "/portal/sign-up"
	codesPath  = "/portal/sign-up/codes"
)

// signUpPage is the form to open a private account (R1).
type signUpPage struct {
	frame
	Typed     identity.NewSignUp
	Postcode  string
	City      string
	Line1     string
	Line2     string
	Agreed    bool
	Online    bool
	Versions  map[string]string
	Languages []web.Option
	Countries []web.Option
}

func (p *Portal) askSignUp(c echo.Context) error {
	lang := p.Web.Language(c)
	return p.showSignUp(c, http.StatusOK, signUpPage{Typed: identity.NewSignUp{Language: lang, Country: "BE"}})
}

func (p *Portal) showSignUp(c echo.Context, status int, page signUpPage) error {
	faults := page.Faults
	page.frame = public("/portal")
	page.Faults, page.Versions = faults, textVersions()
	page.Languages, page.Countries = languageOptions(), countryOptions(p.Web.Language(c))
	page.Typed.Password = ""
	return p.Web.Render(c, status, "portal/sign-up", page)
}

// signUp sends codes to both addresses. It says the same whether an address has
// an account or not.
func (p *Portal) signUp(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := p.readSignUp(c, f)
	if len(page.Faults) == 0 {
		var token string
		token, err = p.Identity.StartSignUp(c.Request().Context(), page.Typed, c.RealIP())
		if err == nil {
			p.Web.SetCookie(c, signUpCookie, token, int(time.Hour/time.Second))
			return c.Redirect(http.StatusSeeOther, codesPath)
		}
	}
	status, err := p.typed(&page.Faults, err)
	if err != nil {
		return err
	}
	return p.showSignUp(c, status, page)
}

func (p *Portal) readSignUp(c echo.Context, f url.Values) (page signUpPage) {
	lang := p.Web.Language(c)
	page = signUpPage{Line1: one(f, "line1"), Line2: one(f, "line2"), Postcode: one(f, "postcode"), City: one(f, "city"), Agreed: f.Get("terms") != "",
		Online: f.Get("online") != ""}
	page.Typed = identity.NewSignUp{Given: one(f, "given"), Family: one(f, "family"), Email: one(f, "email"), Mobile: international(one(f, "mobile")),
		Language: one(f, "language"), Password: f.Get("own_password"), Country: one(f, "country"), Address: address(page.Line1, page.Line2, page.Postcode, page.City)}
	if page.Agreed {
		for _, name := range []string{identity.TermsText, "privacy"} {
			if f.Get(name+"_version") != textVersions()[name] {
				page.Agreed = false // another text than the person saw
				page.Add("terms", "fault.text_changed")
				return page
			}
			page.Typed.Agreed = append(page.Typed.Agreed, identity.Consent{Text: name, Version: textVersions()[name], Language: lang})
		}
	}
	if page.Online && f.Get("online_version") == onlineVersion {
		page.Typed.Online = onlineVersion
	}
	if f.Get("own_password") != f.Get("own_password_repeat") {
		page.Add("own_password_repeat", "fault.repeat")
	}
	return page
}

// one is one line that somebody typed, or "" for what nobody can have typed.
func one(f url.Values, name string) string {
	if s := strings.TrimSpace(f.Get(name)); printable(s) {
		return s
	}
	return ""
}

// address is a postal address as an envelope has it; nothing typed, no address.
func address(line1, line2, postcode, city string) []string {
	var lines []string
	for _, l := range []string{line1, line2, strings.TrimSpace(postcode + " " + city)} {
		if l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// typed turns an error about what somebody typed into faults of the form, with
// the status of the page. It gives every other error back.
func (p *Portal) typed(faults *web.Faults, err error) (int, error) {
	found, _ := errors.AsType[identity.FieldErrors](err)
	for _, x := range found {
		field, word := x.Field, x.Field
		switch x.Field {
		case "password":
			field, word = "own_password", "own_password"
		case "address":
			field = "line1"
		}
		if faults.At(field) == nil { // one thing at a time
			faults.Add(field, p.faultKey(x.Code, word))
		}
	}
	var locked *identity.Locked
	switch {
	case len(found) > 0 || err == nil:
	case errors.As(err, &locked):
		faults.Add("", "fault.locked", "minutes", int(locked.Until.Sub(p.Now())/time.Minute)+1)
		return http.StatusTooManyRequests, nil
	case errors.Is(err, identity.ErrTooManyCodes):
		faults.Add("", "fault.too_many_codes")
		return http.StatusTooManyRequests, nil
	case errors.Is(err, identity.ErrBusy):
		faults.Add("", "fault.busy")
		return http.StatusServiceUnavailable, nil
	default:
		return 0, err
	}
	return http.StatusUnprocessableEntity, nil
}
