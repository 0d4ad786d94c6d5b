package portal

import (
	"net/http"

	"github.com/bode-erds/bode/identity"
)

type sessionsPage struct {
	frame
	Sessions []identity.HeldSession
}

// sessions shows where the person is signed in (R36).
func (p *Portal) sessions(v *visitor) error {
	all, err := p.Identity.Sessions(v.ctx(), v.actor(), v.token)
	if err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/sessions", sessionsPage{v.frame("/portal/account"), all})
}

func (p *Portal) signOutOthers(v *visitor) error {
	if err := p.Identity.SignOutOthers(v.ctx(), v.actor(), v.token); err != nil {
		return err
	}
	if err := p.Identity.LogAccess(v.ctx(), nil, v.actor(), "others_signed_out", p.Web.Language(v)); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/sessions")
}
