package collect

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/notify"
)

// digits is how long a one-time code is.
const digits = 6

// sendCodes sends a fresh code on both channels and gives the browser its
// session (D.5). A second press while the first session lives goes on with it.
func (c *Collect) sendCodes(x echo.Context, v *visit) error {
	session, err := c.cfg.Deliveries.SendCodes(x.Request().Context(), v.d, v.session, client(x))
	if errors.Is(err, delivery.ErrTooManyCodes) {
		x.Response().Header().Set("Retry-After", "3600")
		return c.say(x, v, http.StatusTooManyRequests, "too_many_codes", v.where())
	}
	if err != nil {
		return err
	}
	c.cfg.Web.SetCookie(x, sessionCookie(v.token), session, int(delivery.SessionLife/time.Second))
	return v.send(x, atCodes)
}

// codesView is the state of the form: what is still to be entered, and what was
// wrong with what was entered last.
type codesView struct {
	Email, SMS field
	Minutes    int
}

// field is one input; To is the masked address the code went to.
type field struct {
	Name, To string
	Done     bool
}

func (v *visit) codesView() codesView {
	email, mobile := v.d.Recipient.Email, v.d.Recipient.Mobile
	if g := v.d.Delegate; g != nil {
		email, mobile = g.Email, g.Mobile
	}
	return codesView{
		Email:   field{Name: "email_code", To: maskEmail(email), Done: !v.shown.EmailAt.IsZero()},
		SMS:     field{Name: "sms_code", To: maskMobile(mobile), Done: !v.shown.SMSAt.IsZero()},
		Minutes: 10,
	}
}

func (c *Collect) codes(x echo.Context, v *visit) error {
	return c.render(x, v, http.StatusOK, "codes", v.codesView())
}

// checkCodes takes both codes. What is plainly not a code is not tried: it
// costs nobody one of the few tries.
func (c *Collect) checkCodes(x echo.Context, v *visit) error {
	page, codes := v.codesView(), map[string]string{}
	var faults web.Faults
	for _, f := range []field{page.Email, page.SMS} {
		if f.Done {
			continue
		}
		switch code := cleanCode(x.FormValue(f.Name)); {
		case code == "":
			faults.Add(f.Name, "fault.missing."+f.Name)
		case len(code) != digits:
			faults.Add(f.Name, "fault.shape")
		default:
			codes[f.Name] = code
		}
	}
	if len(faults) > 0 {
		return c.render(x, v, http.StatusUnprocessableEntity, "codes", page, faults...)
	}
	err := c.cfg.Deliveries.EnterCodes(x.Request().Context(), v.shown, codes[page.Email.Name], codes[page.SMS.Name])
	var refused delivery.ChannelError
	switch {
	case err == nil:
		return v.send(x, atIdentify)
	case errors.As(err, &refused):
		return c.refusedCode(x, v, refused)
	}
	return err
}

// refusedCode shows the form again. The code by e-mail may have been right.
func (c *Collect) refusedCode(x echo.Context, v *visit, refused delivery.ChannelError) error {
	key, left := codeFault(refused.Err)
	if key == "" {
		return refused
	}
	now, err := c.visit(x)
	if err != nil {
		return err
	}
	page := now.codesView()
	f := page.Email
	if refused.Channel == notify.SMS {
		f = page.SMS
	}
	return c.render(x, now, http.StatusUnprocessableEntity, "codes", page, web.Fault{Field: f.Name, Key: "fault." + key, Args: []any{"n", left}})
}

// codeFault is the key of the text about a refused code, and the tries left.
func codeFault(err error) (key string, left int) {
	var wrong delivery.WrongCode
	switch {
	case errors.As(err, &wrong) && wrong.Left > 1:
		return "wrong", wrong.Left
	case errors.As(err, &wrong) && wrong.Left == 1:
		return "wrong_last", 1
	case errors.As(err, &wrong), errors.Is(err, delivery.ErrTooManyTries):
		return "blocked", 0
	case errors.Is(err, delivery.ErrCodeExpired):
		return "old", 0
	case errors.Is(err, delivery.ErrCodeUsed):
		return "used", 0
	}
	return "", 0
}

// cleanCode is what somebody typed, without what people put between digits.
func cleanCode(typed string) string {
	code := strings.Join(strings.FieldsFunc(typed, func(r rune) bool { return strings.ContainsRune(" \t\u00a0\u202f.-", r) }), "")
	if _, err := strconv.ParseUint(code, 10, 64); err != nil && code != "" {
		return "x" // not digits: of no code's length
	}
	return code
}

// maskEmail leaves enough to recognise one's own address by.
func maskEmail(s string) string {
	local, domain, _ := strings.Cut(s, "@")
	r := []rune(local)
	if len(r) == 0 {
		return "•••"
	}
	return string(r[:1]) + "•••@" + domain
}

// maskMobile leaves the country and the last two digits.
func maskMobile(s string) string {
	if len(s) < 6 {
		return "•••"
	}
	return s[:3] + " ••• •• " + s[len(s)-2:]
}
