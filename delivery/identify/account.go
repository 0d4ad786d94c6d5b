package identify

import (
	"errors"
	"fmt"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// account is who is signed in to an account in this browser.
type account struct {
	Given, Family string
	Old           bool // signed in too long ago: the factors have to be shown again
}

// signedIn says who may go on with an account instead of identifying again: a
// recipient, not somebody who has to prove for an account who they are.
func (i *Identify) signedIn(v *visit) (*account, error) {
	if i.cfg.Account == nil || v.owner.Purpose != identity.RecipientProofing || v.login.Approve != "" {
		return nil, nil
	}
	token := i.cfg.Account(v)
	if token == "" {
		return nil, nil
	}
	s, err := i.cfg.Identity.Session(v.Request().Context(), token)
	if errors.Is(err, identity.ErrSessionOver) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	worth := i.cfg.Identity.Granted(v.owner.Purpose, s.Method, s.Proven)
	if s.Record == "" || !v.login.Serves(s.Method) || worth == identity.LevelNone || !worth.AtLeast(v.login.Level) {
		return nil, nil
	}
	_, err = i.cfg.Identity.SessionProof(v.Request().Context(), token)
	if err != nil && !errors.Is(err, identity.ErrForbidden) {
		return nil, err
	}
	return &account{s.Given, s.Family, err != nil}, nil
}

// account goes on as who is signed in.
func (i *Identify) account(v *visit) error {
	who, err := i.signedIn(v)
	if err != nil {
		return err
	}
	if who == nil {
		return fmt.Errorf("%w: no session that serves", web.ErrForbidden)
	}
	if who.Old {
		return v.to("")
	}
	p, err := i.cfg.Identity.SessionProof(v.Request().Context(), i.cfg.Account(v))
	if errors.Is(err, identity.ErrForbidden) || errors.Is(err, identity.ErrSessionOver) {
		return v.to("") // it ended between the two
	}
	if err != nil {
		return err
	}
	return i.give(v, p)
}
