package portal

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/identity"
)

// BindErrand is the name of the errands on which account holders prove who they
// are; [Portal.Bind] takes the proof.
const BindErrand = "bind"

// identifyPath is where account holders prove who they are.
const identifyPath = "/portal/identify"

// SessionToken is the token of the session in which this browser is signed in,
// or "". It may be over.
func (p *Portal) SessionToken(c echo.Context) string { return p.Web.Cookie(c, sessionCookie) }

// known reports whether a session is of somebody whose identity was proven, well
// enough to send: R2; CIR (EU) 2025/1944 annex I REQ-QERDS-5.2.1.1-01A.
func known(s identity.Session) bool {
	return s.Record != "" && s.Granted.AtLeast(identity.LevelSubstantial)
}

// proven lets a handler go on only when it is certain who the visitor is: two
// factors were shown, and the identity behind them is known. Otherwise it has
// answered with what to do.
func (p *Portal) proven(v *visitor) (bool, error) {
	switch {
	case !strong(v.session):
		return false, p.needFactor(v)
	case !known(v.session):
		return false, p.needIdentity(v)
	}
	return true, nil
}

type identityPage struct {
	frame
	Given, Family string
	Known         bool
	Needed        bool   // for what the visitor wanted to do
	Next          string // where to go on afterwards; empty: nowhere
	Refused       string // why the last proof was not taken: a key of the words
}

func (p *Portal) identityPage(v *visitor) identityPage {
	return identityPage{frame: v.frame(""), Given: v.session.Given, Family: v.session.Family, Known: v.session.Record != ""}
}

// needIdentity explains that this takes a proven identity, and leads back to the
// page that the visitor came from or to.
func (p *Portal) needIdentity(v *visitor) error {
	page := p.identityPage(v)
	page.Needed, page.Next = true, local(v.Request().URL.Path)
	return p.Web.Render(v, http.StatusForbidden, "portal/identity", page)
}

func (p *Portal) askIdentity(v *visitor) error {
	page := p.identityPage(v)
	page.Next = nextAfter(v.QueryParam("next"))
	switch why := v.QueryParam("refused"); why {
	case "somebody", "level":
		page.Refused = why
	}
	return p.Web.Render(v, http.StatusOK, "portal/identity", page)
}

// proveIdentity begins an errand of this session.
func (p *Portal) proveIdentity(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	back := identifyPath
	if next := nextAfter(f.Get("next")); next != "" {
		back += "?" + url.Values{"next": {next}}.Encode()
	}
	about, err := p.Web.Text(v, "portal", "identity.about", "given", v.session.Given, "family", v.session.Family)
	if err != nil {
		return err
	}
	id, secret, err := p.Identity.OpenLogin(v.ctx(), identity.NewLogin{Errand: BindErrand, Subject: v.session.Person, Session: v.token,
		Level: identity.LevelSubstantial, Language: p.Web.Language(v), About: about, Back: back})
	if err != nil {
		return err
	}
	return p.Web.ToIdentify(v, id, secret)
}

// Bind takes the proof of who an account holder is, in the session that asked
// and in no other. Errors: identity.ErrLoginStale for another session.
func (p *Portal) Bind(c echo.Context, l identity.Login, proof identity.Proof) error {
	ctx, token := c.Request().Context(), p.SessionToken(c)
	s, err := p.Identity.Session(ctx, token)
	if errors.Is(err, identity.ErrSessionOver) || err == nil && (!l.Bound(token) || s.Person != l.Subject) {
		return fmt.Errorf("%w: another session asked", identity.ErrLoginStale)
	}
	if err != nil {
		return err
	}
	back, err := url.Parse(l.Back)
	if err != nil {
		return err
	}
	next := back.Query().Get("next")
	_, err = p.Identity.ProveIdentity(ctx, s.Actor(c.RealIP(), c.Request().UserAgent()), l, proof, p.Web.Language(c))
	switch {
	case errors.Is(err, identity.ErrSomebodyElse):
		return c.Redirect(http.StatusSeeOther, identifyPath+"?"+url.Values{"refused": {"somebody"}, "next": {next}}.Encode())
	case errors.Is(err, identity.ErrForbidden):
		return c.Redirect(http.StatusSeeOther, identifyPath+"?"+url.Values{"refused": {"level"}, "next": {next}}.Encode())
	case err != nil:
		return err
	case next == "":
		next = identifyPath
	}
	return c.Redirect(http.StatusSeeOther, next)
}

// nextAfter is next if it is an address of the portal to go on to, or "".
func nextAfter(next string) string {
	if next == "" || len(next) > 200 || local(next) != next {
		return ""
	}
	return next
}
