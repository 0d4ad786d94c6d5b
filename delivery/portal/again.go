package portal

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// strong reports whether a session may do what has legal effect: two factors
// were shown. REQ-QERDS-5.2.2-03 (a)
func strong(s identity.Session) bool { return s.Strong() }

// fresh lets a handler go on only when the visitor showed two factors at most
// five minutes ago. Otherwise it has answered: with a page that asks for them and
// comes back here, what was typed still there. To be called before the form is
// read:
//
//	if ok, err := p.fresh(v); !ok {
//		return err
//	}
//
// Files and passwords of the form are not kept. REQ-QERDS-5.2.2-03 (a)
func (p *Portal) fresh(v *visitor) (bool, error) {
	switch {
	case !strong(v.session):
		return false, p.needFactor(v)
	case v.session.Fresh(p.Now(), identity.FreshFor):
		return true, nil
	case v.Request().Method != http.MethodPost:
		return false, v.Redirect(http.StatusSeeOther, "/portal/again?next="+url.QueryEscape(v.Request().URL.RequestURI()))
	}
	values, err := typedSoFar(v.Request())
	if err != nil {
		return false, err
	}
	page := againPage{frame: v.frame(""), Then: v.Request().URL.RequestURI(), Keep: hidden(kept, values)}
	return false, p.showAgain(v, http.StatusUnauthorized, page)
}

// typedSoFar is the form of a request without its files and secrets. A POST
// without a form has nothing typed.
func typedSoFar(r *http.Request) (url.Values, error) {
	if _, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil && r.ContentLength <= 0 {
		return url.Values{}, nil
	}
	values, err := readForm(r, dropFiles)
	for name := range values {
		if strings.Contains(name, "password") {
			delete(values, name)
		}
	}
	return values, err
}

// againPage asks for the factors once more. Then is the address of a POST that
// waits, Keep what it holds; without one, the visitor goes on to Next.
type againPage struct {
	frame
	Next          string
	Then          string
	Keep          []pair
	Authenticator bool
	Passkey       bool
}

func (p *Portal) askAgain(v *visitor) error {
	next := local(v.QueryParam("next"))
	if !strong(v.session) {
		return p.needFactor(v)
	}
	if v.session.Fresh(p.Now(), identity.FreshFor) {
		return v.Redirect(http.StatusSeeOther, next)
	}
	return p.showAgain(v, http.StatusOK, againPage{frame: v.frame(""), Next: next})
}

// showAgain offers the factors that the visitor has.
func (p *Portal) showAgain(v *visitor, status int, page againPage) error {
	f, err := p.Identity.Factors(v.ctx(), v.actor())
	if err != nil {
		return err
	}
	page.Authenticator, page.Passkey = f.Authenticator, f.Passkeys > 0 && p.Passkeys != nil
	return p.Web.Render(v, status, "portal/again", page)
}

// proveAgain renews the session, under a new token, with password and code.
func (p *Portal) proveAgain(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	token, _, err := p.Identity.ProveAgain(v.ctx(), v.token, f.Get("password"), typedCode(f), v.RealIP(), v.Request().UserAgent())
	var locked *identity.Locked
	switch {
	case errors.Is(err, identity.ErrSessionOver):
		return p.toSignIn(v)
	case errors.As(err, &locked):
		fault := p.lockedFault("password", locked)
		return p.refuseAgain(v, f, http.StatusTooManyRequests, fault.Field, fault.Key, fault.Args...)
	case errors.Is(err, identity.ErrSignIn):
		return p.refuseAgain(v, f, http.StatusUnprocessableEntity, "password", "fault.again")
	case errors.Is(err, identity.ErrBusy):
		return p.refuseAgain(v, f, http.StatusServiceUnavailable, "", "fault.busy")
	case err != nil:
		return err
	}
	return p.provenAgain(v, token, f)
}

// refuseAgain shows the page once more, with all that waits behind it.
func (p *Portal) refuseAgain(v *visitor, f url.Values, status int, field, key string, args ...any) error {
	page := againPage{frame: v.frame(""), Next: local(f.Get("next")), Keep: keepOn(f)}
	if f.Get("then") != "" {
		page.Then = local(f.Get("then"))
	}
	page.Add(field, key, args...)
	return p.showAgain(v, status, page)
}

// provenAgain goes on in the session as it is now.
func (p *Portal) provenAgain(v *visitor, token string, f url.Values) error {
	session, err := p.Identity.Session(v.ctx(), token)
	if err != nil {
		return err
	}
	v.token, v.session = token, session
	p.Web.SetCookie(v, sessionCookie, token, 0)
	then := ""
	if f.Get("then") != "" {
		then = local(f.Get("then"))
	}
	return p.goOn(v, local(f.Get("next")), then, unkept(f))
}

// typedCode is the one-time code of a form, or "" for what nobody can have read.
func typedCode(f url.Values) string {
	code := strings.ReplaceAll(f.Get("code"), " ", "")
	if !printable(code) {
		return ""
	}
	return code
}

// goOnPage holds a form that waited, for one more press: an address of ours can
// be posted to only by a person's hand.
type goOnPage struct {
	frame
	Then string
	Keep []pair
}

// goOn takes somebody who proved again to what was interrupted.
func (p *Portal) goOn(v *visitor, next, then string, typed url.Values) error {
	if then == "" {
		return v.Redirect(http.StatusSeeOther, next)
	}
	if strings.HasPrefix(then, "/portal/send") || strings.HasPrefix(then, "/portal/new") {
		if !v.may(identity.Sender) {
			return web.ErrForbidden
		}
		d := p.readDraft(v, typed)
		if strings.HasPrefix(then, "/portal/new") {
			return p.showDraft(v, http.StatusOK, d)
		}
		return p.showAnswers(v, http.StatusOK, d)
	}
	return p.Web.Render(v, http.StatusOK, "portal/go-on", goOnPage{v.frame(""), then, hidden("", typed)})
}
