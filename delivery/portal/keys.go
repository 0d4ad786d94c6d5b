package portal

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// registerKeys puts the pages about keys, clients, certificates and the log on a
// router. Administrators only.
func (p *Portal) registerKeys(e *echo.Echo, form echo.MiddlewareFunc) {
	admin := p.as(identity.Administrator)
	e.GET("/portal/keys", admin(p.keys), form)
	e.POST("/portal/keys", admin(p.createKey), form)
	e.GET("/portal/keys/clients", admin(p.askClient), form)
	e.POST("/portal/keys/clients", admin(p.createClient), form)
	e.GET("/portal/keys/certificates", admin(p.certificates), form)
	e.POST("/portal/keys/certificates", admin(p.registerCertificate), form)
	e.POST("/portal/keys/certificates/demand", admin(p.demandCertificates), form)
	e.POST("/portal/keys/certificates/:id/revoke", admin(p.revokeCertificate), form)
	e.GET("/portal/keys/trial", admin(p.trialAddresses), form)
	e.POST("/portal/keys/trial", admin(p.allowTrial), form)
	e.POST("/portal/keys/trial/:id/confirm", admin(p.confirmTrial), form)
	e.POST("/portal/keys/trial/:id/remove", admin(p.forbidTrial), form)
	e.GET("/portal/keys/:id", admin(p.oneKey), form)
	e.GET("/portal/keys/:id/revoke", admin(p.askRevoke), form)
	e.POST("/portal/keys/:id/revoke", admin(p.revokeKey), form)
	e.POST("/portal/keys/:id/block", admin(p.blockKey), form)
	e.POST("/portal/keys/:id/unblock", admin(p.unblockKey), form)
	e.GET("/portal/log", admin(p.accessLog), form)
	e.GET("/portal/log.csv", admin(p.accessLogCSV), form)
}

// maxKeyName bounds the name of a key, in characters.
const maxKeyName = 100

// keyFields maps names of identity to those of forms.
var keyFields = map[string]string{"name": "key_name", "mode": "key_mode", "scopes": "key_scope", "life": "key_life",
	"jwks": "client_jwks", "jwks_url": "client_jwks_url", "certificate": "certificate", "email": "trial_address", "mobile": "trial_address", "address": "trial_address"}

// keyForm is what the form of a key or client shows.
type keyForm struct {
	Name   string
	Mode   string
	Modes  []web.Option
	Life   string
	Lives  []web.Option
	Scopes []scopeBox
}

// scopeBox is a scope to tick.
type scopeBox struct {
	Name   identity.Scope
	Ticked bool
}

// keyLives are the lives to choose from, in days.
func keyLives() []string { return []string{"30", "90", "365", "730"} }

// keyForm makes the form, with what was typed; a new one may read, and nothing
// else.
func (p *Portal) keyForm(v *visitor, f url.Values) (k keyForm, err error) {
	k = keyForm{Name: f.Get("key_name"), Mode: f.Get("key_mode"), Life: f.Get("key_life")}
	if k.Mode == "" {
		k.Mode = string(identity.Test)
	}
	if !slices.Contains(keyLives(), k.Life) {
		k.Life = "365"
	}
	chosen := f["key_scope"]
	if len(chosen) == 0 {
		chosen = []string{string(identity.ScopeRead)}
	}
	for _, s := range identity.Scopes() {
		k.Scopes = append(k.Scopes, scopeBox{s, slices.Contains(chosen, string(s))})
	}
	for _, m := range identity.Modes() {
		o := web.Option{Value: string(m)}
		if o.Text, err = p.Web.Text(v, "portal", "mode."+o.Value); err != nil {
			return k, err
		}
		if o.Hint, err = p.Web.Text(v, "portal", "mode.hint."+o.Value); err != nil {
			return k, err
		}
		k.Modes = append(k.Modes, o)
	}
	for _, days := range keyLives() {
		text, err := p.Web.Text(v, "portal", "keys.life."+days)
		if err != nil {
			return k, err
		}
		k.Lives = append(k.Lives, web.Option{Value: days, Text: text})
	}
	return k, nil
}

// newKey reads the form of a key.
func (p *Portal) newKey(f url.Values) (n identity.NewKey, faults web.Faults) {
	n = identity.NewKey{Name: strings.TrimSpace(f.Get("key_name")), Mode: identity.Mode(f.Get("key_mode"))}
	for _, s := range f["key_scope"] {
		n.Scopes = append(n.Scopes, identity.Scope(s))
	}
	if len(n.Scopes) == 0 {
		n.Scopes = []identity.Scope{identity.ScopeRead}
	}
	if days := f.Get("key_life"); slices.Contains(keyLives(), days) {
		n.Life = map[string]time.Duration{"30": 30, "90": 90, "365": 365, "730": 730}[days] * 24 * time.Hour
	}
	if n.Name == "" {
		faults.Add("key_name", "fault.required.key_name")
	} else if utf8.RuneCountInString(n.Name) > maxKeyName || !printable(n.Name) {
		faults.Add("key_name", "fault.key_name")
	}
	if !slices.Contains(identity.Modes(), n.Mode) {
		faults.Add("key_mode", "fault.required.key_mode")
	}
	return n, faults
}

// keyFaults adds what identity says of a key.
func (p *Portal) keyFaults(err error) web.Faults {
	faults := p.identityFaults(err, keyFields)
	if errors.Is(err, identity.ErrTooManyKeys) {
		faults.Add("key_name", "fault.two_keys")
	}
	return faults
}

type keysPage struct {
	frame
	Keys   []keyRow
	Form   keyForm
	Uses   []delivery.DailyUse
	Demand bool // live keys need a certificate
}

// keyRow is a key with what it is now.
type keyRow struct {
	identity.Key
	State string
}

func (p *Portal) keyRow(k identity.Key) keyRow {
	at := p.Now()
	state := "active"
	switch {
	case k.RevokedAt != nil:
		state = "revoked"
	case k.ExpiresAt != nil && !at.Before(*k.ExpiresAt):
		state = "expired"
	case k.BlockedAt != nil:
		state = "blocked"
	case k.ExpiresAt != nil && k.ExpiresAt.Sub(at) < 30*24*time.Hour:
		state = "ends_soon"
	}
	return keyRow{k, state}
}

// keys lists the keys of the account, those that answer first.
func (p *Portal) keys(v *visitor) error { return p.showKeys(v, http.StatusOK, nil, nil) }

func (p *Portal) showKeys(v *visitor, status int, typed url.Values, faults web.Faults) error {
	page := keysPage{frame: v.frame("/portal/keys")}
	page.Faults, page.chrome.Wide = faults, true
	all, err := p.Identity.Keys(v.ctx(), v.actor(), v.session.Account)
	if err != nil {
		return err
	}
	for _, k := range all {
		page.Keys = append(page.Keys, p.keyRow(k))
		page.Demand = page.Demand || k.Certified
	}
	slices.SortStableFunc(page.Keys, func(a, b keyRow) int {
		over := func(r keyRow) int {
			if r.State == "revoked" || r.State == "expired" {
				return 1
			}
			return 0
		}
		return over(a) - over(b)
	})
	if page.Form, err = p.keyForm(v, typed); err != nil {
		return err
	}
	if page.Uses, err = p.Deliveries.DailyUses(v.ctx(), v.session.Account); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/keys", page)
}
