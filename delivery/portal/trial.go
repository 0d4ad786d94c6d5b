package portal

import (
	"errors"
	"net/http"
	"strings"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

type trialPage struct {
	frame
	List  []identity.TrialAddress
	Typed string
}

// trialAddresses shows to whom trial keys may send, besides the account's people.
func (p *Portal) trialAddresses(v *visitor) error { return p.showTrial(v, http.StatusOK, "", nil) }

func (p *Portal) showTrial(v *visitor, status int, typed string, faults web.Faults) (err error) {
	page := trialPage{frame: v.frame("/portal/keys"), Typed: typed}
	page.Faults = faults
	if page.List, err = p.Identity.TrialAddresses(v.ctx(), v.actor(), v.session.Account); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/trial", page)
}

// allowTrial sends a code to an address that somebody wants on the list.
func (p *Portal) allowTrial(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	address, channel := f.Get("trial_address"), "sms"
	if strings.Contains(address, "@") {
		channel = "email"
	}
	err = p.Identity.AllowTrial(v.ctx(), v.actor(), v.session.Account, channel, address, p.Web.Language(v))
	faults, status := p.identityFaults(err, keyFields), http.StatusUnprocessableEntity
	if locked, ok := errors.AsType[*identity.Locked](err); ok {
		faults, status = append(faults, p.lockedFault("trial_address", locked)), http.StatusTooManyRequests
	}
	if errors.Is(err, identity.ErrTooManyCodes) {
		faults.Add("trial_address", "fault.too_many_codes")
	}
	if len(faults) > 0 {
		return p.showTrial(v, status, address, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/keys/trial")
}

// confirmTrial takes the code.
func (p *Portal) confirmTrial(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	err = p.Identity.ConfirmTrial(v.ctx(), v.actor(), v.session.Account, v.Param("id"), typedCode(f))
	var faults web.Faults
	switch {
	case errors.Is(err, identity.ErrCode):
		faults.Add("code-"+v.Param("id"), "fault.code")
	case errors.Is(err, identity.ErrTooManyCodes):
		faults.Add("code-"+v.Param("id"), "fault.too_many_codes")
	case err != nil:
		return err
	default:
		return v.Redirect(http.StatusSeeOther, "/portal/keys/trial")
	}
	return p.showTrial(v, http.StatusUnprocessableEntity, "", faults)
}

func (p *Portal) forbidTrial(v *visitor) error {
	if err := p.Identity.ForbidTrial(v.ctx(), v.actor(), v.session.Account, v.Param("id")); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/keys/trial")
}
