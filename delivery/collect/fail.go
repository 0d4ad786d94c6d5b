package collect

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// fail turns what a command refused into a page. Whatever is not known here is
// an incident and left to delivery/web, which shows a number and logs the rest.
func (c *Collect) fail(x echo.Context, v *visit, err error) error {
	if x.Response().Committed {
		return err
	}
	switch {
	case errors.Is(err, delivery.ErrNotFound) && v == nil:
		return c.say(x, nil, http.StatusNotFound, "unknown")
	case v == nil:
		return err
	case errors.Is(err, delivery.ErrPurged):
		return c.say(x, v, http.StatusGone, "removed")
	case errors.Is(err, delivery.ErrNotOpen) && v.d.State == delivery.Submitted:
		return c.early(x, v)
	case errors.Is(err, identity.ErrNoMandate), errors.Is(err, identity.ErrSuspended), errors.Is(err, identity.ErrForbidden):
		return c.say(x, v, http.StatusForbidden, "no_mandate")
	case errors.Is(err, delivery.ErrTampered):
		return c.say(x, v, http.StatusInternalServerError, "damaged", atRead)
	case errors.Is(err, delivery.ErrNotFound), errors.Is(err, delivery.ErrUnidentified), errors.Is(err, delivery.ErrDecided),
		errors.Is(err, delivery.ErrWindowClosed), errors.Is(err, delivery.ErrNotOpen), errors.Is(err, delivery.ErrWithdrawn):
		// The session ended, or the delivery went on, since the page was made:
		// show where it is now.
		now, again := c.visit(x)
		if again != nil {
			return err
		}
		return now.send(x, now.where())
	}
	return err
}
