package identify

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// challengeLife is how long the cookie of a redirect stays, in seconds.
const challengeLife = 15 * 60

// begin starts with the means that the person chose. A provider is gone to at
// once; every other means has a page.
func (i *Identify) begin(v *visit) error {
	m, ok := i.means(v, v.FormValue("means"))
	if !ok {
		return fmt.Errorf("%w: means does not serve", web.ErrForbidden)
	}
	v.login.Method = m.Method()
	c, err := i.cfg.Identity.BeginLogin(v.Request().Context(), i.ask(v), m, i.cfg.Web.BaseURL+BackPath(v.login.ID))
	if err != nil {
		return err
	}
	if c.Form != identity.FormRedirect {
		return v.to("/with")
	}
	to, err := url.Parse(c.URL)
	if err != nil || to.Host == "" {
		return fmt.Errorf("identify: address of %s is none", m.Method())
	}
	state := c.Key
	if state == "" {
		state = to.Query().Get("state")
	}
	if state == "" {
		return fmt.Errorf("identify: address of %s has no state", m.Method())
	}
	// What leads from the state back to the errand, because the provider knows one
	// return address only. It opens nothing: that takes the errand's own cookie.
	i.cfg.Web.SetCookie(v, stateCookie(state), v.login.ID, challengeLife)
	return v.Redirect(http.StatusSeeOther, c.URL)
}

// doing is the page of a means that waits for the person.
type doing struct {
	Method string
	Nonce  string
	Key    string
	Action string       // where a form leads
	Link   template.URL // into a wallet
	Life   int          // minutes
}

// with shows the page of what was begun last.
func (i *Identify) with(v *visit) error {
	return i.showDoing(v, http.StatusOK)
}

func (i *Identify) showDoing(v *visit, status int, faults ...web.Fault) error {
	c, err := i.cfg.Identity.Challenge(v.Request().Context(), v.login)
	if err != nil {
		return err
	}
	d := doing{Method: v.login.Method, Nonce: c.Nonce, Key: c.Key, Action: c.URL, Life: int(c.Life / time.Minute)}
	switch c.Form {
	case identity.FormScript, identity.FormDocument:
	case identity.FormCertificate:
		// The card's host takes a key from our own pages only, and under the usual
		// policy a browser would not say to another host which page posts.
		v.Response().Header().Set("Referrer-Policy", "strict-origin")
	case identity.FormWallet:
		// html/template knows web addresses only; this one is of a wallet's app.
		if !walletLink(c.URL) {
			return fmt.Errorf("identify: not the address of a wallet")
		}
		d.Link = template.URL(c.URL)
	default:
		return v.to("") // a redirect has no page
	}
	return i.render(v, status, string(c.Form), d, faults...)
}

// walletLink reports whether an address may be given to a person as a link into
// a wallet: never a script.
func walletLink(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	if !ok || strings.ContainsAny(s, "\"'<> \r\n") {
		return false
	}
	switch strings.ToLower(scheme) {
	case "https", "openid4vp", "haip-vp", "haip", "eudi-openid4vp", "mdoc-openid4vp", "http":
		return true
	}
	return false
}

// statement gives the document that is to be signed.
func (i *Identify) statement(v *visit) error {
	c, err := i.cfg.Identity.Challenge(v.Request().Context(), v.login)
	if err != nil {
		return err
	}
	if len(c.Document) == 0 {
		return web.ErrNotFound
	}
	h := v.Response().Header()
	h.Set("Content-Disposition", `attachment; filename="statement.pdf"`)
	return v.Blob(http.StatusOK, "application/pdf", c.Document)
}
