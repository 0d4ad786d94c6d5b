package portal

import (
	"net/http"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

const notificationsPath = "/portal/notifications"

// preferenceRow is one event, and when the visitor is told of it.
type preferenceRow struct {
	Event   delivery.SenderEvent
	How     delivery.Telling
	Options []web.Option
}

type notificationsPage struct {
	frame
	Rows  []preferenceRow
	Saved bool
	Any   bool // something is told
}

// notifications shows of what the visitor is told by mail in this account.
func (p *Portal) notifications(v *visitor) error {
	chosen, err := p.Deliveries.Preferences(v.ctx(), v.session.Account, v.session.Person)
	if err != nil {
		return err
	}
	page := notificationsPage{frame: v.frame("/portal/account"), Saved: v.QueryParam("saved") == "1", Any: len(chosen) > 0}
	for _, e := range delivery.SenderEvents {
		row := preferenceRow{Event: e, How: chosen[e]}
		for _, how := range []delivery.Telling{delivery.TellNot, delivery.TellAtOnce, delivery.TellDaily} {
			if e == delivery.EventSoon && how == delivery.TellAtOnce {
				continue
			}
			key := "telling.not"
			if how != delivery.TellNot {
				key = "telling." + string(how)
			}
			text, err := p.Web.Text(v, "portal", key)
			if err != nil {
				return err
			}
			row.Options = append(row.Options, web.Option{Value: string(how), Text: text})
		}
		page.Rows = append(page.Rows, row)
	}
	return p.Web.Render(v, http.StatusOK, "portal/notifications", page)
}

// prefer keeps what the visitor chose. The button that turns everything off sends
// no choices.
func (p *Portal) prefer(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	chosen := delivery.Preferences{}
	if f.Get("do") != "none" {
		for _, e := range delivery.SenderEvents {
			chosen[e] = delivery.Telling(f.Get("tell_" + string(e)))
		}
	}
	if err := p.Deliveries.Prefer(v.ctx(), v.session.Account, v.session.Person, chosen); err != nil {
		if _, odd := err.(delivery.FieldErrors); odd {
			return web.ErrBadInput // no form of ours sends it
		}
		return err
	}
	return v.Redirect(http.StatusSeeOther, notificationsPath+"?saved=1")
}
