package portal

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

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
	return false, p.Web.Render(v, http.StatusUnauthorized, "portal/again", page)
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
	Next string
	Then string
	Keep []pair
}

func (p *Portal) askAgain(v *visitor) error {
	next := local(v.QueryParam("next"))
	if !strong(v.session) {
		return p.needFactor(v)
	}
	if v.session.Fresh(p.Now(), identity.FreshFor) {
		return v.Redirect(http.StatusSeeOther, next)
	}
	return p.Web.Render(v, http.StatusOK, "portal/again", againPage{frame: v.frame(""), Next: next})
}

// proveAgain renews the session, under a new token, with password and code.
func (p *Portal) proveAgain(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	token, session, err := p.Identity.ProveAgain(v.ctx(), v.token, f.Get("password"), typedCode(f), v.RealIP(), v.Request().UserAgent())
	page := againPage{frame: v.frame(""), Next: local(f.Get("next")), Keep: keepOn(f)}
	if f.Get("then") != "" {
		page.Then = local(f.Get("then"))
	}
	status := http.StatusUnprocessableEntity
	var locked *identity.Locked
	switch {
	case errors.Is(err, identity.ErrSessionOver):
		return p.toSignIn(v)
	case errors.As(err, &locked):
		status = http.StatusTooManyRequests
		page.Add("password", "fault.locked", "minutes", int(locked.Until.Sub(p.Now())/time.Minute)+1)
	case errors.Is(err, identity.ErrSignIn):
		page.Add("password", "fault.again")
	case errors.Is(err, identity.ErrBusy):
		status = http.StatusServiceUnavailable
		page.Add("", "fault.busy")
	case err != nil:
		return err
	default:
		v.token, v.session = token, session
		p.Web.SetCookie(v, sessionCookie, token, 0)
		return p.goOn(v, page.Next, page.Then, unkept(f))
	}
	return p.Web.Render(v, status, "portal/again", page)
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
