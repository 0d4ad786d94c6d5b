package portal

import (
	"errors"
	"net/http"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

type passwordPage struct{ frame }

func (p *Portal) askPassword(v *visitor) error {
	if ok, err := p.mayEnrol(v); !ok {
		return err
	}
	return p.showPassword(v, http.StatusOK)
}

func (p *Portal) showPassword(v *visitor, status int, faults ...web.Fault) error {
	page := passwordPage{v.frame("/portal/account")}
	page.Faults = faults
	return p.Web.Render(v, status, "portal/password", page)
}

// changePassword replaces the password; every other session of the visitor ends.
func (p *Portal) changePassword(v *visitor) error {
	if strong(v.session) && !v.session.Fresh(p.Now(), identity.FreshFor) {
		return v.Redirect(http.StatusSeeOther, "/portal/again?next=%2Fportal%2Fpassword") // passwords are not kept on the way
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	err = p.Identity.ChangePassword(v.ctx(), v.actor(), v.token, f.Get("old_password"), f.Get("new_password"))
	var locked *identity.Locked
	switch {
	case errors.As(err, &locked):
		return p.showPassword(v, http.StatusTooManyRequests, p.lockedFault("old_password", locked))
	case errors.Is(err, identity.ErrSignIn):
		return p.showPassword(v, http.StatusUnprocessableEntity, web.Fault{Field: "old_password", Key: "fault.old_password"})
	case errors.Is(err, identity.ErrInvalid):
		return p.showPassword(v, http.StatusUnprocessableEntity, passwordFault(err))
	case errors.Is(err, identity.ErrBusy):
		return p.showPassword(v, http.StatusServiceUnavailable, web.Fault{Key: "fault.busy"})
	case err != nil:
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/factors?done=password_changed")
}

// passwordFault says what is wrong with a new password.
func passwordFault(err error) web.Fault {
	found, _ := errors.AsType[identity.FieldErrors](err)
	for _, f := range found {
		return web.Fault{Field: "new_password", Key: "fault.new_password." + f.Code}
	}
	return web.Fault{Field: "new_password", Key: "fault.other"}
}
