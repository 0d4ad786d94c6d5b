package portal

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// Passkeys are the ceremonies between a browser and identity/passkey: Begin gives
// options for the browser, as JSON, Finish takes its answer. Errors of Finish
// that are not identity's mean that the answer is stale or does not fit.
type Passkeys interface {
	BeginRegister(ctx context.Context, by identity.Actor, session string) ([]byte, error)
	FinishRegister(ctx context.Context, by identity.Actor, session, name string, answer []byte) (identity.Added, error)
	BeginSignIn(ctx context.Context, browser, ip string) ([]byte, error)
	FinishSignIn(ctx context.Context, browser string, answer []byte, ip, userAgent, language string) (string, identity.Session, error)
	BeginAgain(ctx context.Context, by identity.Actor, session string) ([]byte, error)
	FinishAgain(ctx context.Context, by identity.Actor, session string, answer []byte) (string, error)
	// Stale reports whether err means that one has to begin again: nothing was
	// begun in this browser, it is too long ago, or the answer does not fit.
	Stale(err error) bool
}

// browserCookie names the secret that binds a challenge to the browser of
// somebody who is not signed in; it lives as long as a challenge.
const (
	browserCookie = "bode_passkey"
	browserLife   = 5 * 60
)

// passkeyPage hands options to a script and posts its answer to Action.
type passkeyPage struct {
	frame
	Kind    string // "create" or "get"
	Why     string // stem of the words: "sign_in", "again", "add"
	Options string
	Action  string
	Back    string
	Hidden  []pair
}

func (p *Portal) showPasskey(c echo.Context, page passkeyPage) error {
	return p.Web.Render(c, http.StatusOK, "portal/passkey", page)
}

// beginPasskey asks the browser of somebody unknown for a passkey.
func (p *Portal) beginPasskey(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	secret := rand.Text() + rand.Text()
	options, err := p.Passkeys.BeginSignIn(c.Request().Context(), secret, c.RealIP())
	if err != nil {
		return p.refuseSignIn(c, signInPage{frame: public("/portal"), Next: local(f.Get("next")), Keep: keepOn(f)}, err)
	}
	p.Web.SetCookie(c, browserCookie, secret, browserLife)
	hide := append([]pair{{"next", local(f.Get("next"))}}, keepOn(f)...)
	return p.showPasskey(c, passkeyPage{frame: public("/portal"), Kind: "get", Why: "sign_in", Options: string(options),
		Action: "/portal/sign-in/passkey/answer", Back: "/portal/sign-in", Hidden: hide})
}

// signInByPasskey opens a session of whoever the passkey belongs to.
func (p *Portal) signInByPasskey(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	secret := p.Web.Cookie(c, browserCookie)
	p.Web.ClearCookie(c, browserCookie)
	token, session, err := p.Passkeys.FinishSignIn(c.Request().Context(), secret, []byte(f.Get("answer")), c.RealIP(), c.Request().UserAgent(), p.Web.Language(c))
	if err != nil {
		return p.refuseSignIn(c, signInPage{frame: public("/portal"), Next: local(f.Get("next")), Keep: keepOn(f)}, err)
	}
	return p.enter(c, token, session, local(f.Get("next")), f)
}

// beginAgainPasskey asks for one of the visitor's passkeys, to go on with what
// takes fresh factors.
func (p *Portal) beginAgainPasskey(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	options, err := p.Passkeys.BeginAgain(v.ctx(), v.actor(), v.token)
	if err != nil {
		return err
	}
	hide := append([]pair{{"next", local(f.Get("next"))}, {"then", f.Get("then")}}, keepOn(f)...)
	return p.showPasskey(v, passkeyPage{frame: v.frame(""), Kind: "get", Why: "again", Options: string(options),
		Action: "/portal/again/passkey/answer", Back: "/portal", Hidden: hide})
}

func (p *Portal) proveAgainByPasskey(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	token, err := p.Passkeys.FinishAgain(v.ctx(), v.actor(), v.token, []byte(f.Get("answer")))
	switch {
	case errors.Is(err, identity.ErrSessionOver):
		return p.toSignIn(v)
	case err != nil && p.Passkeys.Stale(err):
		return p.refuseAgain(v, f, http.StatusUnprocessableEntity, "", "fault.passkey")
	case err != nil:
		return err
	}
	return p.provenAgain(v, token, f)
}

// beginAddPasskey asks the visitor's browser for a new passkey.
func (p *Portal) beginAddPasskey(v *visitor) error {
	if ok, err := p.mayEnrol(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	name, err := identity.PasskeyName(f.Get("passkey_name"))
	if err != nil {
		return p.showFactors(v, http.StatusUnprocessableEntity, faultsIn(err)...)
	}
	options, err := p.Passkeys.BeginRegister(v.ctx(), v.actor(), v.token)
	if err != nil {
		return p.enrolRefused(v, err)
	}
	return p.showPasskey(v, passkeyPage{frame: v.frame(""), Kind: "create", Why: "add", Options: string(options),
		Action: "/portal/factors/passkeys/answer", Back: "/portal/factors", Hidden: []pair{{"passkey_name", name}}})
}

func (p *Portal) addPasskey(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	added, err := p.Passkeys.FinishRegister(v.ctx(), v.actor(), v.token, f.Get("passkey_name"), []byte(f.Get("answer")))
	if err != nil {
		return p.enrolRefused(v, err)
	}
	return p.added(v, added, "#passkeys")
}

// passkeyOf is the visitor's passkey that the address names. Errors:
// web.ErrNotFound.
func (p *Portal) passkeyOf(v *visitor) (identity.Passkey, error) {
	list, err := p.Identity.Passkeys(v.ctx(), v.actor())
	if err != nil {
		return identity.Passkey{}, err
	}
	for _, k := range list {
		if k.ID == v.Param("id") {
			return k, nil
		}
	}
	return identity.Passkey{}, web.ErrNotFound
}

type onePasskeyPage struct {
	frame
	Passkey identity.Passkey
	Name    string // as typed
}

func (p *Portal) askPasskey(v *visitor) error {
	k, err := p.passkeyOf(v)
	if err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/passkey-one", onePasskeyPage{v.frame(""), k, k.Name})
}

func (p *Portal) renamePasskey(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	err = p.Identity.RenamePasskey(v.ctx(), v.actor(), v.Param("id"), f.Get("passkey_name"))
	if errors.Is(err, identity.ErrInvalid) {
		k, missing := p.passkeyOf(v)
		if missing != nil {
			return missing
		}
		page := onePasskeyPage{v.frame(""), k, f.Get("passkey_name")}
		page.Faults = faultsIn(err)
		return p.Web.Render(v, http.StatusUnprocessableEntity, "portal/passkey-one", page)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/factors#passkeys")
}

func (p *Portal) removePasskey(v *visitor) error {
	if ok, err := p.mayEnrol(v); !ok {
		return err
	}
	if err := p.Identity.RemovePasskey(v.ctx(), v.actor(), v.Param("id")); err != nil {
		return p.enrolRefused(v, err)
	}
	return v.Redirect(http.StatusSeeOther, "/portal/factors?done="+url.QueryEscape("passkey_removed"))
}
