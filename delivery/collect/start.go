package collect

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
)

// start is the page behind the link: who sends, since when, until when, and
// what happens by itself. Anybody who has the link may see it, so it says
// nothing of the content and nothing that the announcement did not say.
func (c *Collect) start(x echo.Context, v *visit) error {
	if key := v.over(); key != "" {
		return c.say(x, v, http.StatusGone, key)
	}
	if v.d.State == delivery.Submitted {
		return c.early(x, v)
	}
	body := startView{Again: v.d.Collected(), Resume: v.where() != atStart}
	if v.d.State == delivery.Notified {
		plan, err := c.cfg.Deliveries.PlanFor(x.Request().Context(), v.d)
		if err != nil {
			return err
		}
		posted, _ := plan.Step(delivery.PlanPosted)
		body.Posted = posted.At
	}
	return c.render(x, v, http.StatusOK, "start", body)
}

// startView says how this visit differs from a first one.
type startView struct {
	Again  bool      // accepted before: come back to read
	Resume bool      // this browser is already on its way
	Posted time.Time // the day on which it goes by post if nobody decides; zero: it does not
}

// over is the key of the text that says why nothing can be done any more, or "".
func (v *visit) over() string {
	switch err := v.d.DelegateMay(); {
	case errors.Is(err, delivery.ErrWithdrawn):
		return "delegate_withdrawn"
	case errors.Is(err, delivery.ErrDecided):
		return "delegate_late"
	case !v.d.Message.PurgedAt.IsZero():
		return "removed"
	case v.late():
		return ""
	case v.d.State == delivery.Notified && !v.d.Open(v.now):
		if v.d.Message.Policy.Fallback == delivery.FallbackPost {
			return "expired_post"
		}
		return "expired"
	}
	switch v.d.State {
	case delivery.Expired:
		if v.d.Message.Policy.Fallback == delivery.FallbackPost {
			return "expired_post"
		}
		return "expired"
	case delivery.Posting:
		return "posting"
	case delivery.Posted:
		return "posted"
	case delivery.DeliveredByPost:
		return "delivered_by_post"
	case delivery.Returned:
		return "returned"
	case delivery.Cancelled:
		return "cancelled"
	case delivery.Rejected:
		return "rejected"
	}
	return ""
}

// early answers somebody whose mail was quicker than our record of having sent
// it: the link works a moment later.
func (c *Collect) early(x echo.Context, v *visit) error {
	x.Response().Header().Set("Retry-After", "30")
	return c.say(x, v, http.StatusServiceUnavailable, "early", atStart)
}
