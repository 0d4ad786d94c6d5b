package portal

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// companyRoles are the roles of a company's people, least first.
func companyRoles() []identity.Role {
	return []identity.Role{identity.Reader, identity.Sender, identity.Billing, identity.Administrator}
}

type peoplePage struct {
	frame
	Members     []identity.Member
	Invitations []identity.Invitation
	Email       string // as typed
	Role        string
	Roles       []web.Option
	Languages   []web.Option
	Language    string
	You         string
}

// people shows who may act in the company's account (R3).
func (p *Portal) people(v *visitor) error {
	return p.showPeople(v, http.StatusOK, peoplePage{Role: string(identity.Reader), Language: p.Web.Language(v)}, nil)
}

func (p *Portal) showPeople(v *visitor, status int, page peoplePage, faults web.Faults) (err error) {
	if v.session.AccountKind != identity.Company {
		return web.ErrNotFound
	}
	page.frame, page.You, page.Languages = v.frame("/portal/people"), v.session.Person, languageOptions()
	page.Faults, page.chrome.Wide = faults, true
	if page.Members, err = p.Identity.Members(v.ctx(), v.actor(), v.session.Account); err != nil {
		return err
	}
	if page.Invitations, err = p.Identity.Invitations(v.ctx(), v.actor()); err != nil {
		return err
	}
	if page.Roles, err = p.roleOptions(v); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/people", page)
}

func (p *Portal) roleOptions(v *visitor) (out []web.Option, err error) {
	for _, r := range companyRoles() {
		o := web.Option{Value: string(r)}
		if o.Text, err = p.Web.Text(v, "portal", "member.role."+o.Value); err != nil {
			return nil, err
		}
		if o.Hint, err = p.Web.Text(v, "portal", "member.role."+o.Value+".hint"); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// invite asks somebody by e-mail to join.
func (p *Portal) invite(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := peoplePage{Email: line(f, "invite_email"), Role: line(f, "member_role"), Language: line(f, "language")}
	err = p.Identity.Invite(v.ctx(), v.actor(), page.Email, identity.Role(page.Role), page.Language)
	if faults := p.identityFaults(err, map[string]string{"email": "invite_email", "role": "member_role"}); faults != nil {
		return p.showPeople(v, http.StatusUnprocessableEntity, page, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/people?invited=1")
}

// withdrawInvitation makes the link of an invitation useless.
func (p *Portal) withdrawInvitation(v *visitor) error {
	if err := p.Identity.WithdrawInvitation(v.ctx(), v.actor(), v.Param("id")); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/people")
}

type memberPage struct {
	frame
	Member identity.Member
	Roles  []web.Option
	You    bool
}

func (p *Portal) member(v *visitor) error { return p.showMember(v, http.StatusOK, nil) }

func (p *Portal) showMember(v *visitor, status int, faults web.Faults) error {
	members, err := p.Identity.Members(v.ctx(), v.actor(), v.session.Account)
	if err != nil {
		return err
	}
	page := memberPage{frame: v.frame("/portal/people"), You: v.Param("id") == v.session.Person}
	page.Faults = faults
	for _, m := range members {
		if m.Person == v.Param("id") {
			page.Member = m
		}
	}
	if page.Member.Person == "" || v.session.AccountKind != identity.Company {
		return web.ErrNotFound
	}
	if page.Roles, err = p.roleOptions(v); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/member", page)
}

// changeRole changes what a member may do, from that person's next request.
func (p *Portal) changeRole(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	return p.changed(v, p.Identity.SetRole(v.ctx(), v.actor(), v.session.Account, v.Param("id"), identity.Role(f.Get("member_role"))))
}

// removeMember ends somebody's membership, with sessions and mandates (R7).
func (p *Portal) removeMember(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	return p.changed(v, p.Identity.RemoveMember(v.ctx(), v.actor(), v.session.Account, v.Param("id")))
}

// changed goes on after a change of a member. Whoever is no administrator any
// more cannot come back to the list.
func (p *Portal) changed(v *visitor, err error) error {
	if errors.Is(err, identity.ErrLastAdministrator) {
		var faults web.Faults
		faults.Add("", "fault.last_administrator")
		return p.showMember(v, http.StatusConflict, faults)
	}
	if err != nil {
		return err
	}
	if v.Param("id") == v.session.Person {
		return v.Redirect(http.StatusSeeOther, "/portal/account")
	}
	return v.Redirect(http.StatusSeeOther, "/portal/people")
}

type invitationPage struct {
	frame
	Invitation identity.Invitation
	Token      string
	Who        string // who is signed in here; empty: nobody
}

// invitation shows what a link invites to, whoever looks at it.
func (p *Portal) invitation(v *visitor) error {
	i, err := p.Identity.Invitation(v.ctx(), v.Param("token"))
	if errors.Is(err, identity.ErrToken) {
		return p.stop(v, http.StatusGone, "invitation_over", "/portal")
	}
	if err != nil {
		return err
	}
	page := invitationPage{frame: v.frame(""), Invitation: i, Token: v.Param("token"), Who: v.session.Given + " " + v.session.Family}
	if v.token == "" {
		page.frame, page.Who = public("/portal"), ""
	}
	return p.Web.Render(v, http.StatusOK, "portal/invitation", page)
}

// join accepts an invitation in the name of whoever is signed in, and goes to
// the company's account.
func (p *Portal) join(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	account, err := p.Identity.AcceptInvitation(v.ctx(), v.actor(), v.Param("token"))
	if errors.Is(err, identity.ErrToken) {
		return p.stop(v, http.StatusGone, "invitation_over", "/portal")
	}
	if errors.Is(err, identity.ErrUnidentified) {
		return p.needIdentity(v)
	}
	if err != nil {
		return err
	}
	token, err := p.Identity.SwitchAccount(v.ctx(), v.token, account)
	if err != nil {
		return err
	}
	p.Web.SetCookie(v, sessionCookie, token, 0)
	return v.Redirect(http.StatusSeeOther, "/portal/account")
}

// perhaps lets a handler be reached by everybody; who is signed in is known.
func (p *Portal) perhaps(h func(*visitor) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		v := &visitor{Context: c, token: p.SessionToken(c)}
		var err error
		v.session, err = p.Identity.Session(v.ctx(), v.token)
		if errors.Is(err, identity.ErrSessionOver) {
			v.token, err = "", nil
		}
		if err != nil {
			return err
		}
		return outward(h(v))
	}
}
