package collect

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// delegateView is the form in which the addressee names somebody.
type delegateView struct {
	delivery.NewDelegate
	Languages []web.Option
}

// delegate offers to let somebody else collect this one item.
func (c *Collect) delegate(x echo.Context, v *visit) error {
	if !v.mayName() {
		return v.send(x, atDecide)
	}
	return c.showDelegate(x, v, http.StatusOK, delivery.NewDelegate{Language: v.d.Recipient.Language})
}

func (c *Collect) showDelegate(x echo.Context, v *visit, status int, n delivery.NewDelegate, faults ...web.Fault) error {
	body := delegateView{NewDelegate: n}
	for _, l := range (&web.View{}).Languages() {
		body.Languages = append(body.Languages, web.Option{Value: l.Code, Text: l.Name})
	}
	return c.render(x, v, status, "delegate", body, faults...)
}

// name lets the addressee name somebody. Both are told.
//
// EN 319 522-2 §8.2 I07
func (c *Collect) name(x echo.Context, v *visit) error {
	if !v.mayName() {
		return v.send(x, atDecide)
	}
	n := delivery.NewDelegate{Given: x.FormValue("given"), Family: x.FormValue("family"), Email: x.FormValue("email"),
		Mobile: delivery.Mobile(x.FormValue("mobile")), Language: x.FormValue("language"), BirthDate: strings.TrimSpace(x.FormValue("birth_date"))}
	_, err := c.cfg.Deliveries.NameDelegate(x.Request().Context(), v.shown, n)
	var found delivery.FieldErrors
	switch {
	case errors.As(err, &found):
		n.Mobile = x.FormValue("mobile")
		return c.showDelegate(x, v, http.StatusUnprocessableEntity, n, delegateFaults(found)...)
	case errors.Is(err, delivery.ErrTooManyNamed):
		return c.say(x, v, http.StatusTooManyRequests, "too_many_named", atDecide)
	case errors.Is(err, delivery.ErrNamed): // pressed twice, or in two windows
	case err != nil:
		return err
	}
	return v.send(x, atDecide)
}

// unname takes the naming back.
func (c *Collect) unname(x echo.Context, v *visit) error {
	if err := c.cfg.Deliveries.WithdrawDelegate(x.Request().Context(), v.shown); err != nil && !errors.Is(err, delivery.ErrNotFound) {
		return err
	}
	return v.send(x, atDecide)
}

// delegateFaults says what is wrong in the words of the form, one thing for each
// field.
func delegateFaults(found delivery.FieldErrors) (out web.Faults) {
	for _, f := range found {
		field := strings.TrimPrefix(f.Pointer, "/")
		if out.At(field) != nil {
			continue
		}
		var args []any
		for k, v := range f.Args {
			args = append(args, k, v)
		}
		key := "fault." + f.Code
		switch f.Code {
		case "required", "email", "mobile", "landline", "date", "own_address", "length":
		default:
			key = "fault.unusable"
		}
		out = append(out, web.Fault{Field: field, Key: key, Args: args})
	}
	return out
}

// mayName reports whether the one who is here may name somebody: a person who is
// the addressee.
func (v *visit) mayName() bool { return v.d.Delegate == nil && v.d.Recipient.Organisation == nil }

// decideView is what the addressee decided about others so far.
type decideView struct {
	MayName bool
	Named   *delivery.Delegate
}
