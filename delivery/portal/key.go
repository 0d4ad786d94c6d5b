package portal

import (
	"context"
	"net/http"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

type keyPage struct {
	frame
	Key    keyRow
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
	n, faults := p.newKey(f)
	if len(faults) > 0 {
		return p.showKeys(v, http.StatusUnprocessableEntity, f, faults)
	}
	secret, k, err := p.Identity.MakeKey(v.ctx(), v.actor(), v.session.Account, n)
	if faults := p.keyFaults(err); faults != nil {
		return p.showKeys(v, http.StatusUnprocessableEntity, f, faults)
	}
	if err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusCreated, "portal/key", keyPage{v.frame("/portal/keys"), p.keyRow(k), secret})
}

// key finds the key in the address, of the visitor's account.
func (p *Portal) key(v *visitor) (keyRow, error) {
	keys, err := p.Identity.Keys(v.ctx(), v.actor(), v.session.Account)
	if err != nil {
		return keyRow{}, err
	}
	for _, k := range keys {
		if k.ID == v.Param("id") {
			return p.keyRow(k), nil
		}
	}
	return keyRow{}, web.ErrNotFound
}

// oneKey shows what a key may do and how it is used.
func (p *Portal) oneKey(v *visitor) error { return p.showKey(v, "portal/one-key") }

// askRevoke asks before a key is ended.
func (p *Portal) askRevoke(v *visitor) error { return p.showKey(v, "portal/revoke") }

func (p *Portal) showKey(v *visitor, page string) error {
	k, err := p.key(v)
	if err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, page, keyPage{v.frame("/portal/keys"), k, ""})
}

func (p *Portal) revokeKey(v *visitor) error {
	return p.endKey(v, p.Identity.RevokeKey, "/portal/keys")
}

func (p *Portal) blockKey(v *visitor) error {
	return p.endKey(v, p.Identity.BlockKey, "/portal/keys/"+v.Param("id"))
}

func (p *Portal) unblockKey(v *visitor) error {
	return p.endKey(v, p.Identity.UnblockKey, "/portal/keys/"+v.Param("id"))
}

// endKey changes whether something of the account answers.
func (p *Portal) endKey(v *visitor, do func(ctx context.Context, by identity.Actor, account, id string) error, next string) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	if err := do(v.ctx(), v.actor(), v.session.Account, v.Param("id")); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, next)
}
