package portal

import (
	"bytes"
	"errors"
	"image/png"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// factorsPage shows with what somebody signs in, and changes it.
type factorsPage struct {
	frame
	Factors     identity.Factors
	Passkeys    []identity.Passkey
	PasskeyName string // as typed
	MayPasskey  bool   // one more may be made
	Method      string // of the session
	Weak        bool   // the session was opened without a second factor that works
	Done        string // what was just done: a key of the words, or empty
	Recovery    *identity.Recovery
}

// doneKeys are what a page may say was just done.
func doneKeys() []string {
	return []string{"factor_confirmed", "passkey_added", "passkey_removed", "authenticator_removed", "password_changed", "recovery_stopped"}
}

func (p *Portal) factors(v *visitor) error { return p.showFactors(v, http.StatusOK) }

func (p *Portal) showFactors(v *visitor, status int, faults ...web.Fault) error {
	page := factorsPage{frame: v.frame("/portal/account"), Method: v.session.Method, Weak: !strong(v.session)}
	page.Faults = faults
	if done := v.QueryParam("done"); slices.Contains(doneKeys(), done) {
		page.Done = done
	}
	var err error
	if page.Factors, err = p.Identity.Factors(v.ctx(), v.actor()); err != nil {
		return err
	}
	if page.Passkeys, err = p.Identity.Passkeys(v.ctx(), v.actor()); err != nil {
		return err
	}
	page.MayPasskey = p.Passkeys != nil && len(page.Passkeys) < identity.MaxPasskeys
	if page.Recovery, err = p.Identity.PendingRecovery(v.ctx(), v.actor()); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/factors", page)
}

type factorPage struct {
	frame
	Enrol bool // a new factor is what helps; otherwise one that is there
}

// needFactor explains that this takes a second factor, and leads to one.
func (p *Portal) needFactor(v *visitor) error {
	f, err := p.Identity.Factors(v.ctx(), v.actor())
	if err != nil {
		return err
	}
	enrol := !f.Any() || v.session.Method == identity.MethodRecovery || v.session.Method == identity.MethodReproofed
	return p.Web.Render(v, http.StatusForbidden, "portal/factor", factorPage{v.frame(""), enrol})
}

// mayEnrol is fresh for changing factors: it also lets somebody go on who has no
// factor that works yet, as identity.MayChangeFactors allows.
func (p *Portal) mayEnrol(v *visitor) (bool, error) {
	if strong(v.session) {
		return p.fresh(v)
	}
	return true, nil
}

// enrolRefused says why factors stay as they are.
func (p *Portal) enrolRefused(v *visitor, err error) error {
	status, key := http.StatusUnprocessableEntity, ""
	switch {
	case errors.Is(err, identity.ErrInvalid):
		return p.showFactors(v, status, faultsIn(err)...)
	case errors.Is(err, identity.ErrForbidden), errors.Is(err, identity.ErrNotFresh):
		return p.needFactor(v)
	case errors.Is(err, identity.ErrSessionOver):
		return p.toSignIn(v)
	case errors.Is(err, identity.ErrLastFactor):
		status, key = http.StatusConflict, "fault.last_factor"
	case p.Passkeys != nil && p.Passkeys.Stale(err):
		key = "fault.passkey"
	default:
		return err
	}
	return p.showFactors(v, status, web.Fault{Key: key})
}

// faultsIn are the faults of what identity refused as input.
func faultsIn(err error) (out web.Faults) {
	if found, ok := errors.AsType[identity.FieldErrors](err); ok {
		for _, f := range found {
			out.Add(f.Field, "fault."+f.Field+"."+f.Code)
		}
	}
	return out
}

// enrolPage shows a new authenticator, to be scanned or typed.
type enrolPage struct {
	frame
	Secret string // in groups of four
}

// beginAuthenticator makes a new authenticator; it does nothing until a code of
// it was typed.
func (p *Portal) beginAuthenticator(v *visitor) error {
	if ok, err := p.mayEnrol(v); !ok {
		return err
	}
	if _, err := p.Identity.EnrolFactor(v.ctx(), v.actor(), v.session.Person, p.Web.ServiceName); err != nil {
		return p.enrolRefused(v, err)
	}
	return v.Redirect(http.StatusSeeOther, "/portal/factors/authenticator")
}

func (p *Portal) authenticator(v *visitor) error { return p.showAuthenticator(v, http.StatusOK) }

func (p *Portal) showAuthenticator(v *visitor, status int, faults ...web.Fault) error {
	f, err := p.Identity.PendingFactor(v.ctx(), v.actor(), p.Web.ServiceName)
	if errors.Is(err, identity.ErrNotFound) {
		return v.Redirect(http.StatusSeeOther, "/portal/factors")
	}
	if errors.Is(err, identity.ErrNotFresh) && strong(v.session) {
		_, err = p.fresh(v)
		return err
	}
	if err != nil {
		return p.enrolRefused(v, err)
	}
	page := enrolPage{frame: v.frame("/portal/account"), Secret: strings.Join(slices.Collect(chunks(f.Secret, 4)), " ")}
	page.Faults = faults
	return p.Web.Render(v, status, "portal/authenticator", page)
}

func chunks(s string, n int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for ; len(s) > n; s = s[n:] {
			if !yield(s[:n]) {
				return
			}
		}
		yield(s)
	}
}

// qrSize is the side of the picture, in pixels.
const qrSize = 264

// authenticatorQR is the picture to scan. It stands at an address of its own
// because pages load nothing but our own pictures.
func (p *Portal) authenticatorQR(v *visitor) error {
	f, err := p.Identity.PendingFactor(v.ctx(), v.actor(), p.Web.ServiceName)
	if err != nil {
		return web.ErrNotFound
	}
	key, err := otp.NewKeyFromURL(f.URL)
	if err != nil {
		return err
	}
	picture, err := key.Image(qrSize, qrSize)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return err
	}
	return v.Blob(http.StatusOK, "image/png", b.Bytes())
}

// confirmAuthenticator puts it in force with a code of it.
func (p *Portal) confirmAuthenticator(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	added, err := p.Identity.ConfirmOwnFactor(v.ctx(), v.actor(), v.token, typedCode(f))
	var locked *identity.Locked
	switch {
	case errors.As(err, &locked):
		return p.showAuthenticator(v, http.StatusTooManyRequests, p.lockedFault("code", locked))
	case errors.Is(err, identity.ErrCode):
		return p.showAuthenticator(v, http.StatusUnprocessableEntity, web.Fault{Field: "code", Key: "fault.enrol_code"})
	case errors.Is(err, identity.ErrNotFresh) && strong(v.session):
		return v.Redirect(http.StatusSeeOther, "/portal/factors/authenticator")
	case err != nil:
		return p.enrolRefused(v, err)
	}
	return p.added(v, added, "?done=factor_confirmed")
}

func (p *Portal) lockedFault(field string, locked *identity.Locked) web.Fault {
	return web.Fault{Field: field, Key: "fault.locked", Args: []any{"minutes", int(locked.Until.Sub(p.Now())/time.Minute) + 1}}
}

func (p *Portal) removeAuthenticator(v *visitor) error {
	if ok, err := p.mayEnrol(v); !ok {
		return err
	}
	if err := p.Identity.RemoveAuthenticator(v.ctx(), v.actor()); err != nil {
		return p.enrolRefused(v, err)
	}
	return v.Redirect(http.StatusSeeOther, "/portal/factors?done=authenticator_removed")
}

type recoveryCodesPage struct {
	frame
	Codes []string
}

// added goes on in the session as it is after adding a factor. Recovery codes
// are shown in the answer itself, because they exist nowhere else.
func (p *Portal) added(v *visitor, a identity.Added, where string) error {
	if a.Token != "" {
		p.Web.SetCookie(v, sessionCookie, a.Token, 0)
	}
	if a.Recovery == nil {
		return v.Redirect(http.StatusSeeOther, "/portal/factors"+where)
	}
	return p.Web.Render(v, http.StatusOK, "portal/recovery-codes", recoveryCodesPage{v.frame("/portal/account"), a.Recovery})
}

// renewCodes shows new recovery codes; those of before are dead.
func (p *Portal) renewCodes(v *visitor) error {
	if ok, err := p.mayEnrol(v); !ok {
		return err
	}
	codes, err := p.Identity.RenewRecovery(v.ctx(), v.actor(), v.session.Person)
	if err != nil {
		return p.enrolRefused(v, err)
	}
	return p.Web.Render(v, http.StatusOK, "portal/recovery-codes", recoveryCodesPage{v.frame("/portal/account"), codes})
}
