package portal

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

type plainPage struct{ frame }

func (p *Portal) home(c echo.Context) error {
	return p.Web.Render(c, http.StatusOK, "portal/home", plainPage{public("/")})
}

func (p *Portal) privacy(c echo.Context) error {
	return p.Web.Render(c, http.StatusOK, "portal/privacy", plainPage{public("/privacy")})
}

// noticePage says of a notice whether it is ours, and nothing of its content.
type noticePage struct {
	frame
	Code     string
	Found    *delivery.Delivery
	Sender   string
	Number   string // enterprise number of the sender, as a company shows it
	MayStill bool   // the recipient can still decide
}

// maxCode bounds what somebody may type as a code, in octets.
const maxCode = 100

func (p *Portal) askNotice(c echo.Context) error {
	return p.Web.Render(c, http.StatusOK, "portal/notice", noticePage{frame: public("/notice")})
}

// checkNotice looks for the notice that bears a code. It is a POST so that codes
// stay out of addresses and logs; it changes nothing.
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
	d, err := delivery.Delivery{}, delivery.ErrNotFound
	if printable(page.Code) && len(page.Code) <= maxCode {
		d, err = p.Deliveries.ByNoticeCode(c.Request().Context(), page.Code)
	}
	switch {
	case errors.Is(err, delivery.ErrNotFound):
		page.Add("code", "fault.notice_unknown")
		return p.Web.Render(c, http.StatusNotFound, "portal/notice", page)
	case err != nil:
		return err
	}
	now, err := p.Deliveries.NowFor(c.Request().Context(), d)
	if err != nil {
		return err
	}
	page.Found, page.Sender = &d, partyName(d.Message.Sender)
	page.MayStill = d.Open(now) && !d.RespondBy.IsZero()
	page.chrome.Test = d.Message.Test
	if id := d.Message.Sender.Identifier; d.Message.Sender.Kind == evidence.LegalPerson && id.Scheme == "BE:KBO" {
		page.Number = enterpriseNumber(id.Value)
	}
	return p.Web.Render(c, http.StatusOK, "portal/notice", page)
}

// partyName is how a party is called.
func partyName(p evidence.Party) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Given + " " + p.Family
}

// enterpriseNumber writes ten digits as Belgium does: 0671.516.647.
func enterpriseNumber(s string) string {
	if len(s) != 10 {
		return s
	}
	return s[:4] + "." + s[4:7] + "." + s[7:]
}
