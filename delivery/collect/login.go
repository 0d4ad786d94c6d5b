package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// Errand is the name of our errands; [Collect.Identified] takes what is proven
// on them.
const Errand = "collect"

// Errands begin what delivery/identify goes through with the person.
type Errands interface {
	OpenLogin(ctx context.Context, n identity.NewLogin) (id, secret string, err error)
}

// identify says why we ask who somebody is.
func (c *Collect) identify(x echo.Context, v *visit) error {
	return c.render(x, v, http.StatusOK, "identify", string(v.d.Message.Policy.Level))
}

// beginLogin sends the browser to identify, by the means that the message
// allows. The errand belongs to this session: its proof is taken nowhere else.
func (c *Collect) beginLogin(x echo.Context, v *visit) error {
	about, err := c.cfg.Web.Text(x, face, "about", "sender", v.item().Sender)
	if err != nil {
		return err
	}
	policy := v.d.Message.Policy
	id, secret, err := c.cfg.Errands.OpenLogin(x.Request().Context(), identity.NewLogin{
		Errand: Errand, Subject: string(v.d.ID), Session: v.session, Level: policy.Level, Methods: policy.Methods,
		Language: c.language(x, v), About: about, Back: v.path(atIdentify)})
	if err != nil {
		return err
	}
	return c.cfg.Web.ToIdentify(x, id, secret)
}

// Identified takes the proof of an errand: it records who identified, and
// whether that is the addressee, in the session that asked and in no other.
// Errors: identity.ErrLoginStale for another session, or at another place on the
// way; identity.ErrLoginLevel.
func (c *Collect) Identified(x echo.Context, l identity.Login, p identity.Proof) error {
	v, err := c.returning(x, l)
	if err != nil {
		return err
	}
	if v.where() != atIdentify {
		return v.send(x, v.where())
	}
	who := client(x)
	err = c.cfg.Deliveries.Identify(x.Request().Context(), v.shown, l, p, who.IP, who.UserAgent)
	switch {
	case err == nil:
		return v.send(x, atDecide)
	case errors.Is(err, delivery.ErrMismatch):
		return v.send(x, atMismatch)
	case errors.Is(err, delivery.ErrUnidentified):
		return fmt.Errorf("%w: %w", identity.ErrLoginLevel, err)
	case errors.Is(err, identity.ErrLoginStale):
		return err
	}
	return c.fail(x, v, err)
}

// returning finds the visit that began an errand.
func (c *Collect) returning(x echo.Context, l identity.Login) (*visit, error) {
	token, _, _ := strings.Cut(strings.TrimPrefix(l.Back, "/c/"), "/")
	x.SetParamNames("token")
	x.SetParamValues(token)
	v, err := c.visit(x)
	if err != nil {
		return nil, err
	}
	if !v.known || !l.Bound(v.session) || string(v.d.ID) != l.Subject {
		return nil, fmt.Errorf("%w: another session asked", identity.ErrLoginStale)
	}
	return v, nil
}

// mismatch tells somebody who is not the addressee what to do, and nothing of
// whom it is for.
func (c *Collect) mismatch(x echo.Context, v *visit) error {
	key := "mismatch"
	if v.d.Recipient.Organisation != nil && v.d.Delegate == nil {
		key = "mismatch_company"
	}
	return c.say(x, v, http.StatusForbidden, key, atIdentify)
}
