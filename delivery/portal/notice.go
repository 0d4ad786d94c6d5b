package portal

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// noticePage says of a notice whether it is ours, and nothing of its content.
type noticePage struct {
	frame
	Code     string
	Unknown  bool // no notice of ours bears Code
	Found    *delivery.Delivery
	Sender   string
	Proven   bool   // somebody vouched for the name
	Number   string // enterprise number of the sender, as a company shows it
	MayStill bool   // the recipient can still decide
	Told     []sending
}

// sending is one time that the recipient was told.
type sending struct {
	Channel string
	Address string // masked: enough to recognise one's own
	At      time.Time
}

// maxCode bounds what somebody may type as a code, in octets.
const maxCode = 100

func (p *Portal) askNotice(c echo.Context) error {
	return p.Web.Render(c, http.StatusOK, "portal/notice", noticePage{frame: public("/notice")})
}

// checkNotice looks for the notice that bears a code. It is a POST so that codes
// stay out of addresses and logs; it changes nothing. Wrong codes are counted:
// whoever guesses has to wait.
func (p *Portal) checkNotice(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := noticePage{frame: public("/notice"), Code: f.Get("code")}
	if page.Code == "" {
		page.Add("code", "fault.required.code")
		return p.Web.Render(c, http.StatusUnprocessableEntity, "portal/notice", page)
	}
	right, wait, ok := p.guesses.take(c.RealIP(), p.Now())
	if !ok {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		page.Add("code", "fault.notice_wait")
		return p.Web.Render(c, http.StatusTooManyRequests, "portal/notice", page)
	}
	d, err := delivery.Delivery{}, delivery.ErrNotFound
	if printable(page.Code) && len(page.Code) <= maxCode {
		d, err = p.Deliveries.ByNoticeCode(c.Request().Context(), page.Code)
	}
	switch {
	case errors.Is(err, delivery.ErrNotFound):
		page.Unknown = true
		return p.Web.Render(c, http.StatusNotFound, "portal/notice", page)
	case err != nil:
		return err
	}
	right()
	if err := p.genuine(c.Request().Context(), d, &page); err != nil {
		return err
	}
	return p.Web.Render(c, http.StatusOK, "portal/notice", page)
}

// genuine fills the page for a notice of ours.
func (p *Portal) genuine(ctx context.Context, d delivery.Delivery, page *noticePage) error {
	now, err := p.Deliveries.NowFor(ctx, d)
	if err != nil {
		return err
	}
	events, err := p.Deliveries.Events(ctx, d.Message.Account, d.ID)
	if err != nil && !errors.Is(err, delivery.ErrNotFound) { // removed: nothing left to say of it
		return err
	}
	page.Found, page.Sender, page.Proven = &d, partyName(d.Message.Sender), d.Message.Sender.Proof != nil
	page.MayStill = d.Open(now) && !d.RespondBy.IsZero()
	page.Told = told(events)
	page.chrome.Test = d.Message.Test
	if id := d.Message.Sender.Identifier; d.Message.Sender.Kind == evidence.LegalPerson && id.Scheme == "BE:KBO" {
		page.Number = enterpriseNumber(id.Value)
	}
	return nil
}

// told reads from the events when, and at which masked addresses, the recipient
// was told.
func told(events []delivery.Recorded) (list []sending) {
	for _, e := range events {
		if e.Name != evidence.NotificationForAcceptance {
			continue
		}
		s := sending{At: e.At}
		for _, x := range e.Details {
			switch x.Key {
			case "channel":
				s.Channel = x.Value
			case "address":
				s.Address = x.Value
			}
		}
		if slices.Contains([]string{"email", "sms"}, s.Channel) {
			list = append(list, s)
		}
	}
	return list
}
