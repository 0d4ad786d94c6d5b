package collect

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/notify"
)

// waysView is which other ways there are for whoever entered both codes.
type waysView struct {
	Paper  bool // can be printed and posted now
	Asked  bool // was asked for
	Online bool // electronic delivery can be refused for the future
	Lines  []string
}

// ways offers paper, and nothing electronic any more.
func (c *Collect) ways(x echo.Context, v *visit) error {
	if v.d.Delegate != nil {
		return v.send(x, v.where())
	}
	body := waysView{Paper: c.cfg.Deliveries.PostOffered() && v.d.MayAskPaper(v.now), Asked: v.d.Choices.Paper(), Online: c.cfg.Deliveries.MayRefuseOnline()}
	if a := v.d.Recipient.Address; a != nil {
		body.Lines = append([]string{v.d.Recipient.Given + " " + v.d.Recipient.Family}, a.Lines...)
		body.Lines = append(body.Lines, a.Postcode+" "+a.City)
	}
	return c.render(x, v, http.StatusOK, "ways", body)
}

// askPaper has the message printed and posted now.
func (c *Collect) askPaper(x echo.Context, v *visit) error {
	if err := c.cfg.Deliveries.AskPaper(x.Request().Context(), v.shown, client(x)); err != nil {
		return err
	}
	return c.say(x, v, http.StatusOK, "paper_asked", atStart)
}

// refuseOnline notes that nothing is to come electronically any more.
func (c *Collect) refuseOnline(x echo.Context, v *visit) error {
	if err := c.cfg.Deliveries.RefuseOnline(x.Request().Context(), v.shown, client(x)); err != nil {
		return err
	}
	return c.say(x, v, http.StatusOK, "online_refused", v.where())
}

// addressView is the form in which a better address is named. Channel is the one
// that does not work; the code of the other one is asked for.
type addressView struct {
	Channel, Address string
	To               string // masked: where the code of the other channel went
	Code             bool   // that code is still to be entered
	Typed            string // that code, to be shown again when something else was wrong
	Proposal         string // once the new address has been sent a code
}

// address asks for a better address: ?channel=sms or email says which one.
func (c *Collect) address(x echo.Context, v *visit) error {
	if v.d.Delegate != nil {
		return v.send(x, v.where())
	}
	return c.render(x, v, http.StatusOK, "address", v.addressView(x.QueryParam("channel"), ""))
}

func (v *visit) addressView(channel, typed string) addressView {
	b := addressView{Channel: "sms", Address: typed, To: maskEmail(v.d.Recipient.Email), Code: v.shown.EmailAt.IsZero()}
	if channel == string(notify.Email) {
		b.Channel, b.To, b.Code = channel, maskMobile(v.d.Recipient.Mobile), v.shown.SMSAt.IsZero()
	}
	return b
}

// proposeAddress checks the code of the channel that works and sends one to the
// new address.
func (c *Collect) proposeAddress(x echo.Context, v *visit) error {
	b := v.addressView(x.FormValue("channel"), x.FormValue("address"))
	var faults web.Faults
	code := cleanCode(x.FormValue("code"))
	if b.Code && len(code) != digits {
		faults.Add("code", "fault.shape")
	}
	if b.Address == "" {
		faults.Add("address", "fault.required")
	}
	b.Typed = x.FormValue("code")
	if len(faults) > 0 {
		return c.render(x, v, http.StatusUnprocessableEntity, "address", b, faults...)
	}
	p, err := c.cfg.Deliveries.ProposeContact(x.Request().Context(), v.shown, notify.Channel(b.Channel), b.Address, code)
	var found delivery.FieldErrors
	var refused delivery.ChannelError
	switch {
	case err == nil:
		b.Proposal, b.To = p.ID, p.Address
		return c.render(x, v, http.StatusOK, "address-code", b)
	case errors.As(err, &found):
		return c.render(x, v, http.StatusUnprocessableEntity, "address", b, addressFaults(found)...)
	case errors.As(err, &refused):
		return c.refusedAddress(x, v, "address", b, refused)
	case errors.Is(err, delivery.ErrTooManyNamed), errors.Is(err, delivery.ErrTooManyCodes):
		return c.say(x, v, http.StatusTooManyRequests, "too_many_addresses", atCodes)
	}
	return err
}

// addressFaults says what is wrong with a new address in the words of its form.
func addressFaults(found delivery.FieldErrors) (out web.Faults) {
	key := map[string]string{"email": "fault.email", "mobile": "fault.mobile", "landline": "fault.mobile", "own_address": "fault.same_address"}[found[0].Code]
	if key == "" {
		key = "fault.unusable"
	}
	out.Add("address", key)
	return out
}

func (c *Collect) refusedAddress(x echo.Context, v *visit, page string, b addressView, refused delivery.ChannelError) error {
	key, left := codeFault(refused.Err)
	if key == "" {
		return refused
	}
	b.Typed = ""
	return c.render(x, v, http.StatusUnprocessableEntity, page, b, web.Fault{Field: "code", Key: "fault." + key, Args: []any{"n", left}})
}

// proveAddress takes the code that went to the new address, and asks the sender.
func (c *Collect) proveAddress(x echo.Context, v *visit) error {
	b := v.addressView(x.FormValue("channel"), x.FormValue("address"))
	b.Proposal, b.To = x.FormValue("proposal"), b.Address
	code := cleanCode(x.FormValue("code"))
	if len(code) != digits {
		var faults web.Faults
		faults.Add("code", "fault.shape")
		return c.render(x, v, http.StatusUnprocessableEntity, "address-code", b, faults...)
	}
	err := c.cfg.Deliveries.ProveContact(x.Request().Context(), v.shown, b.Proposal, code, client(x))
	var refused delivery.ChannelError
	switch {
	case err == nil, errors.Is(err, delivery.ErrNamed):
		return c.say(x, v, http.StatusOK, "address_proposed", atStart)
	case errors.As(err, &refused):
		return c.refusedAddress(x, v, "address-code", b, refused)
	}
	return err
}
