package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// sessionCookie names the cookie that holds the token of a session.
const sessionCookie = "bode_session"

// visitor is a request of somebody who is signed in.
type visitor struct {
	echo.Context
	session identity.Session
	token   string
}

func (v *visitor) ctx() context.Context { return v.Request().Context() }

// actor is the visitor as an actor.
func (v *visitor) actor() identity.Actor {
	return v.session.Actor(v.RealIP(), v.Request().UserAgent())
}

// confine lets the rest of the request see the rows of the visitor's account only.
func (v *visitor) confine() {
	v.SetRequest(v.Request().WithContext(identity.Within(v.ctx(), v.session.Account)))
}

func (v *visitor) may(role identity.Role) bool { return v.session.Role.AtLeast(role) }

// id is the identifier in the address.
func (v *visitor) id() delivery.ID { return delivery.ID(v.Param("id")) }

// frame is the frame of a page for the visitor.
func (v *visitor) frame(here string) frame {
	var nav []web.Link
	if v.may(identity.Reader) {
		nav = append(nav, web.Link{Key: "nav.overview", URL: "/portal"}, web.Link{Key: "nav.messages", URL: messagesPath})
	}
	if v.may(identity.Sender) {
		nav = append(nav, web.Link{Key: "nav.new", URL: "/portal/new"}, web.Link{Key: "nav.drafts", URL: draftsPath}, web.Link{Key: "nav.batches", URL: batchesPath})
	}
	nav = append(nav, web.Link{Key: "nav.inbox", URL: inboxPath})
	if v.may(identity.Sender) {
		nav = append(nav, web.Link{Key: "nav.credits", URL: creditsPath})
	}
	if v.may(identity.Administrator) && v.session.AccountKind == identity.Company {
		nav = append(nav, web.Link{Key: "nav.people", URL: "/portal/people"})
	}
	nav = append(nav, web.Link{Key: "nav.mandates", URL: "/portal/mandates"}, web.Link{Key: "nav.account", URL: "/portal/account"})
	for i := range nav {
		nav[i].Here = nav[i].URL == here
	}
	who := v.session.Given + " " + v.session.Family
	if v.session.AccountName != "" {
		who = v.session.AccountName
	}
	return frame{chrome: web.Chrome{Home: "/portal", Nav: nav, Who: who, SignOut: "/portal/sign-out"}}
}

// as lets a handler be reached by those who are signed in and have at least a
// role. Others are asked to sign in, and come back to where they were.
func (p *Portal) as(role identity.Role) func(func(*visitor) error) echo.HandlerFunc {
	return func(h func(*visitor) error) echo.HandlerFunc {
		return func(c echo.Context) error {
			v := &visitor{Context: c, token: p.Web.Cookie(c, sessionCookie)}
			var err error
			v.session, err = p.Identity.Session(v.ctx(), v.token)
			if errors.Is(err, identity.ErrSessionOver) {
				return p.toSignIn(c)
			}
			if err != nil {
				return err
			}
			p.Web.Prefer(c, v.session.Language)
			if v.session.Method == identity.MethodReproofed && role != anyRole {
				return c.Redirect(http.StatusSeeOther, "/portal/factors") // may do nothing but make new factors
			}
			if role == anyRole { // about the person, whose accounts, mandates and messages are several accounts'
				return outward(p.explain(v, h(v)))
			}
			if !v.may(role) {
				return web.ErrForbidden
			}
			if role != identity.Administrator { // who administers deals with people, who are in other accounts too
				v.confine()
			}
			return outward(p.explain(v, h(v)))
		}
	}
}

// outward turns the errors of the roots into those that web has pages for.
func outward(err error) error {
	for from, to := range map[error]error{
		delivery.ErrNotFound: web.ErrNotFound, delivery.ErrPurged: web.ErrGone, evidence.ErrNoEvidence: web.ErrNotFound,
		identity.ErrNotFound: web.ErrNotFound, identity.ErrForbidden: web.ErrForbidden, delivery.ErrUnidentified: web.ErrForbidden,
	} {
		if errors.Is(err, from) {
			return errors.Join(to, err)
		}
	}
	return err
}

// toSignIn sends somebody whose session is over to sign in. What was typed into
// a message stays in the form.
func (p *Portal) toSignIn(c echo.Context) error {
	next := c.Request().URL.RequestURI()
	if c.Request().Method == http.MethodGet {
		if next == "/portal" {
			return c.Redirect(http.StatusSeeOther, "/portal/sign-in")
		}
		return c.Redirect(http.StatusSeeOther, "/portal/sign-in?next="+url.QueryEscape(next))
	}
	page := signInPage{frame: public("/portal"), Next: "/portal", Over: true}
	if r := c.Request(); writing(r.URL.Path) {
		values, err := readForm(r, dropFiles)
		if err != nil {
			return err
		}
		page.Next, page.Keep = "/portal/new", hidden(kept, values)
	}
	return p.Web.Render(c, http.StatusUnauthorized, "portal/sign-in", page)
}

// writing reports whether a form posted to a path holds a message being written.
func writing(path string) bool {
	return path == "/portal/new" || path == "/portal/send" || path == "/portal/later" || path == "/portal/hand-over"
}

// local is next if it is an address of the portal, and the list otherwise: a
// link into the sign-in page cannot lead elsewhere.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || strings.ContainsAny(next, "\\\r\n") ||
		!within(u.Path, "/portal") && !within(u.Path, "/operator") && !within(u.Path, "/identify") || strings.Contains(u.Path, "..") {
		return "/portal"
	}
	return u.RequestURI()
}

// within reports whether a path is a folder or inside it.
func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }
