package portal

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// isID reports whether s is a UUID in the one form in which we give ids out.
func isID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}

type accountPage struct {
	frame
	Profile  identity.AccountProfile
	Name     string
	Number   string // enterprise number
	Session  identity.Session
	Places   []identity.Place
	Admin    bool
	Log      []identity.Access
	Next     string // the last access shown, when there are older ones
	Language string
	Operator bool // the visitor decides on applications
}

// perLog is how many accesses a page of the log has.
const perLog = 30

// account shows the account, and the uses of it (R36).
func (p *Portal) account(v *visitor) error {
	page := accountPage{frame: v.frame("/portal/account"), Session: v.session, Admin: v.may(identity.Administrator)}
	page.chrome.Wide = true
	var err error
	if page.Profile, err = p.Identity.Profile(v.ctx(), v.session.Account); err != nil {
		return err
	}
	page.Name, page.Number = page.Profile.Name, enterpriseNumber(page.Profile.EnterpriseNumber)
	if page.Name == "" {
		page.Name = page.Profile.Given + " " + page.Profile.Family
	}
	if page.Places, err = p.Identity.Places(v.ctx(), v.actor()); err != nil {
		return err
	}
	if page.Operator, err = p.Identity.Operates(v.ctx(), v.actor()); err != nil {
		return err
	}
	before := v.QueryParam("before")
	if before != "" && !isID(before) {
		return web.ErrNotFound
	}
	if page.Log, err = p.Identity.Accesses(v.ctx(), v.actor(), before, perLog+1); err != nil {
		return err
	}
	if len(page.Log) > perLog {
		page.Log = page.Log[:perLog]
		page.Next = page.Log[perLog-1].ID
	}
	return p.Web.Render(v, http.StatusOK, "portal/account", page)
}

// switchAccount moves the session to another account of the same person.
func (p *Portal) switchAccount(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	token, err := p.Identity.SwitchAccount(v.ctx(), v.token, f.Get("account"))
	if err != nil {
		return err
	}
	p.Web.SetCookie(v, sessionCookie, token, 0)
	return v.Redirect(http.StatusSeeOther, "/portal")
}
