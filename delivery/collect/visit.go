package collect

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// place is where on the way somebody is: the page that comes next for them.
type place string

const (
	atStart    place = ""          // nothing shown yet, or nothing left to do: the start page says which
	atCodes    place = "/codes"    // codes are on their way
	atIdentify place = "/identify" // both codes entered
	atMismatch place = "/mismatch" // as atIdentify, after somebody else identified; nobody's next page
	atDecide   place = "/decide"   // identified as the addressee
	atRead     place = "/read"     // accepted, by this or an earlier visit
	atDone     place = "/done"     // refused
)

var anywhere = []place{atStart, atCodes, atIdentify, atDecide, atRead, atDone}

// visit is one request of a recipient: the delivery the link leads to, and what
// this browser has proven for it.
type visit struct {
	token   string
	d       delivery.Delivery
	now     time.Time // the delivery's own: a test delivery may be ahead
	session string
	shown   delivery.Collecting
	known   bool // shown is there
}

// visit reads who asks. A link that leads nowhere is delivery.ErrNotFound.
func (c *Collect) visit(x echo.Context) (*visit, error) {
	ctx := x.Request().Context()
	v := &visit{token: x.Param("token")}
	var err error
	if v.d, err = c.cfg.Deliveries.ByLink(ctx, v.token); err != nil {
		return nil, err
	}
	if v.now, err = c.cfg.Deliveries.NowFor(ctx, v.d); err != nil {
		return nil, err
	}
	if v.session = c.cfg.Web.Cookie(x, sessionCookie(v.token)); v.session == "" {
		return v, nil
	}
	v.shown, err = c.cfg.Deliveries.Session(ctx, v.d, v.session)
	if errors.Is(err, delivery.ErrNotFound) {
		return v, nil // over
	}
	v.known = err == nil
	return v, err
}

// late reports that the window is over and the message can be collected all the
// same, until its letter has arrived.
func (v *visit) late() bool {
	d := v.d
	if d.State == delivery.Notified && !d.Open(v.now) {
		d.State = delivery.Expired // as the next command finds it
	}
	return d.Late() && d.Message.PurgedAt.IsZero()
}

// where is the one page that comes next.
func (v *visit) where() place {
	identified := v.known && v.shown.Actor != nil
	if v.d.DelegateMay() != nil {
		return atStart
	}
	switch v.d.State {
	case delivery.Notified, delivery.Expired, delivery.Posting, delivery.Posted:
		if !v.d.Open(v.now) && !v.late() {
			return atStart
		}
	case delivery.Accepted, delivery.Consigned, delivery.HandedOver:
		if identified && v.d.Message.PurgedAt.IsZero() {
			return atRead
		}
	case delivery.Rejected:
		if identified {
			return atDone
		}
		return atStart
	default:
		return atStart
	}
	switch {
	case !v.known || !v.d.Message.PurgedAt.IsZero():
		return atStart
	case !v.shown.Codes():
		return atCodes
	case !identified:
		return atIdentify
	}
	return atDecide
}

// path is the address of a page or form of this visit.
func (v *visit) path(p place) string { return "/c/" + v.token + string(p) }

// send leads the browser to a page.
func (v *visit) send(x echo.Context, p place) error {
	return x.Redirect(http.StatusSeeOther, v.path(p))
}

// client is what R16 asks to keep of whoever acts: address and browser.
func client(x echo.Context) identity.Actor {
	return identity.Actor{Kind: identity.ActorRecipient, IP: x.RealIP(), UserAgent: evidence.Text(x.Request().UserAgent(), 500)}
}

// sessionCookie is one name per link, so that two messages can be open side by
// side without one ending the other's session.
func sessionCookie(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "bode_collect_" + hex.EncodeToString(sum[:4])
}
