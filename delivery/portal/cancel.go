package portal

import (
	"errors"
	"net/http"

	"github.com/bode-erds/bode/delivery"
)

type cancelPage struct {
	frame
	Message delivery.Message
	Open    int // deliveries that would be withdrawn
	Rest    int // those that are past it
}

func (p *Portal) cancelPage(v *visitor) (page cancelPage, err error) {
	page.frame = v.frame("")
	if page.Message, err = p.Deliveries.Message(v.ctx(), v.session.Account, v.id()); err != nil {
		return page, err
	}
	counts, err := p.Deliveries.Counts(v.ctx(), v.session.Account, page.Message.ID)
	page.Open = counts[page.Message.ID][delivery.Submitted] + counts[page.Message.ID][delivery.Notified]
	page.Rest = page.Message.Deliveries - page.Open
	page.chrome.Test = page.Message.Test
	return page, err
}

func (p *Portal) askCancel(v *visitor) error {
	page, err := p.cancelPage(v)
	if err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/cancel", page)
}

// cancel withdraws what nobody has decided on.
func (p *Portal) cancel(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	_, err := p.Deliveries.Cancel(v.ctx(), v.actor(), v.id(), delivery.Once{})
	if errors.Is(err, delivery.ErrDecided) {
		page, err := p.cancelPage(v)
		if err != nil {
			return err
		}
		page.Add("", "fault.decided")
		return p.Web.Render(v, http.StatusConflict, "portal/cancel", page)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/messages/"+string(v.id()))
}
