package portal

import (
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

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
	Keys     []identity.Key
	Admin    bool
	Log      []identity.Access
	Next     string // the last access shown, when there are older ones
	KeyName  string // as typed
	KeyMode  string
	Modes    []web.Option
	Language string
	Operator bool // the visitor decides on applications
}

// perLog is how many accesses a page of the log has.
const perLog = 30

// account shows the account, its API keys, and the uses of it (R36).
func (p *Portal) account(v *visitor) error { return p.showAccount(v, http.StatusOK, "", "test", nil) }

func (p *Portal) showAccount(v *visitor, status int, name, mode string, faults web.Faults) error {
	page := accountPage{frame: v.frame("/portal/account"), Session: v.session, Admin: v.may(identity.Administrator), KeyName: name, KeyMode: mode}
	page.Faults, page.chrome.Wide = faults, true
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
	if page.Admin {
		if page.Keys, err = p.Identity.Keys(v.ctx(), v.actor(), v.session.Account); err != nil {
			return err
		}
		for _, m := range []identity.Mode{identity.Test, identity.Live} {
			text, err := p.Web.Text(v, "portal", "mode."+string(m))
			if err != nil {
				return err
			}
			page.Modes = append(page.Modes, web.Option{Value: string(m), Text: text})
		}
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
	return p.Web.Render(v, status, "portal/account", page)
}

// maxKeyName bounds the name of a key, in characters.
const maxKeyName = 100

type keyPage struct {
	frame
	Key    identity.Key
	Secret string
}

// createKey makes an API key and shows its secret, once. The answer is not a
// redirect because the secret exists nowhere else.
func (p *Portal) createKey(v *visitor) error {
	if ok, err := p.proven(v); !ok {
		return err
	}
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	name, mode := strings.TrimSpace(f.Get("key_name")), identity.Mode(f.Get("key_mode"))
	var faults web.Faults
	if name == "" {
		faults.Add("key_name", "fault.required.key_name")
	}
	if utf8.RuneCountInString(name) > maxKeyName || !printable(name) {
		faults.Add("key_name", "fault.key_name")
	}
	if mode != identity.Test && mode != identity.Live {
		faults.Add("key_mode", "fault.required.key_mode")
	}
	if len(faults) > 0 {
		return p.showAccount(v, http.StatusUnprocessableEntity, name, string(mode), faults)
	}
	secret, k, err := p.Identity.CreateKey(v.ctx(), v.actor(), v.session.Account, mode, name)
	if errors.Is(err, identity.ErrInvalid) {
		faults.Add("key_name", "fault.key_name")
		return p.showAccount(v, http.StatusUnprocessableEntity, name, string(mode), faults)
	}
	if err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusCreated, "portal/key", keyPage{v.frame("/portal/account"), k, secret})
}

// askRevoke asks before a key is ended.
func (p *Portal) askRevoke(v *visitor) error {
	keys, err := p.Identity.Keys(v.ctx(), v.actor(), v.session.Account)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.ID == v.Param("id") {
			return p.Web.Render(v, http.StatusOK, "portal/revoke", keyPage{v.frame("/portal/account"), k, ""})
		}
	}
	return web.ErrNotFound
}

func (p *Portal) revokeKey(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	if err := p.Identity.RevokeKey(v.ctx(), v.actor(), v.session.Account, v.Param("id")); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/account#keys")
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
