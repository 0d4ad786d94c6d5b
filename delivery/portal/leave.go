package portal

import (
	"errors"
	"net/http"

	"github.com/bode-erds/bode/identity"
)

const leavePath = "/portal/leave"

// leavePage explains what leaving means (R7). Alone: the account has no other
// administrator, so the person can only close it.
type leavePage struct {
	frame
	Kind    identity.Kind
	Name    string
	Admin   bool
	Alone   bool
	Limited bool // the person's data is restricted
}

func (p *Portal) askLeave(v *visitor) error { return p.showLeave(v, http.StatusOK, leavePage{}) }

func (p *Portal) showLeave(v *visitor, status int, page leavePage) error {
	faults := page.Faults
	page.frame = v.frame("/portal/account")
	page.Faults, page.Kind, page.Name = faults, v.session.AccountKind, v.session.AccountName
	page.Admin = v.may(identity.Administrator)
	if page.Admin && page.Kind == identity.Company {
		people, err := p.Identity.Members(v.ctx(), v.actor(), v.session.Account)
		if err != nil {
			return err
		}
		n := 0
		for _, m := range people {
			if m.Role == identity.Administrator {
				n++
			}
		}
		page.Alone = n == 1
	}
	return p.Web.Render(v, status, "portal/leave", page)
}

// leave ends a membership, or closes the account. Both take a fresh session, and
// a tick that says that it is meant.
func (p *Portal) leave(v *visitor) error {
	if ok, err := p.recent(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	closing := f.Get("what") == "close"
	page := leavePage{}
	if f.Get("sure") == "" {
		page.Add(map[bool]string{true: "sure-close", false: "sure-leave"}[closing], "fault.required.sure")
		return p.showLeave(v, http.StatusUnprocessableEntity, page)
	}
	if closing {
		err = p.Identity.CloseAccount(v.ctx(), v.actor(), v.session.Account)
	} else {
		err = p.Identity.RemoveMember(v.ctx(), v.actor(), v.session.Account, v.session.Person)
	}
	if errors.Is(err, identity.ErrLastAdministrator) {
		page.Add("", "fault.last_administrator")
		return p.showLeave(v, http.StatusConflict, page)
	}
	if err != nil {
		return err
	}
	p.Web.ClearCookie(v, sessionCookie)
	gone := leavePage{frame: public(""), Kind: v.session.AccountKind, Admin: closing}
	return p.Web.Render(v, http.StatusOK, "portal/left", gone)
}

// recent lets a handler go on when the visitor proved to be the person at most
// five minutes ago, with the factors that person has: who has only a password
// must be able to leave too. Otherwise it has answered.
func (p *Portal) recent(v *visitor) (bool, error) {
	if strong(v.session) {
		return p.fresh(v)
	}
	if v.session.Fresh(p.Now(), identity.FreshFor) {
		return true, nil
	}
	return false, p.Web.Render(v, http.StatusUnauthorized, "portal/sign-in-again", plainPage{v.frame("")})
}
