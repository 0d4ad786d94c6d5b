package collect

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
)

// decide explains both choices before offering them. Nothing of the content is
// shown: it opens to whoever accepted, and to nobody else.
func (c *Collect) decide(x echo.Context, v *visit) error {
	body := decideView{MayName: v.mayName() && !v.late()}
	if body.MayName {
		var err error
		if body.Named, err = c.cfg.Deliveries.NamedDelegate(x.Request().Context(), v.shown); err != nil {
			return err
		}
	}
	return c.render(x, v, http.StatusOK, "decide", body)
}

// accept takes the message (C.3) and opens its content (D.1).
//
// EN 319 522-1 §6.2.4 C.3
func (c *Collect) accept(x echo.Context, v *visit) error {
	_, err := c.cfg.Deliveries.Accept(x.Request().Context(), v.shown)
	if errors.Is(err, delivery.ErrDecided) {
		return c.decided(x, v)
	}
	if err != nil {
		return err
	}
	return v.send(x, atRead)
}

// refuse asks once more, because a refusal cannot be taken back.
func (c *Collect) refuse(x echo.Context, v *visit) error {
	if v.late() {
		return v.send(x, atDecide)
	}
	return c.render(x, v, http.StatusOK, "refuse", nil)
}

// reject refuses the message, for good.
//
// EN 319 522-1 §6.2.4 C.4
func (c *Collect) reject(x echo.Context, v *visit) error {
	_, err := c.cfg.Deliveries.Reject(x.Request().Context(), v.shown)
	if errors.Is(err, delivery.ErrDecided) {
		return c.decided(x, v)
	}
	if err != nil {
		return err
	}
	return v.send(x, atDone)
}

// decided shows what was decided meanwhile: a second press of the same button
// finds what the first one did.
func (c *Collect) decided(x echo.Context, v *visit) error {
	now, err := c.visit(x)
	if err != nil {
		return err
	}
	return now.send(x, now.where())
}
