//go:build cgo

package seal

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"
)

// Warnings of a token about its user PIN. PKCS#11 v2.40 §3.2
const (
	pinCountLow = 0x00010000
	pinFinalTry = 0x00020000
	pinLocked   = 0x00040000
)

var (
	// errBusy says that no session came free in time.
	errBusy = fmt.Errorf("%w: all sessions of the token are busy", ErrUnavailable)
	// errHung says that the time is over that the configuration gives a token.
	errHung = errors.New("its timeout is over")
)

// tokenConn is a logged-in connection to a token and the key found there.
type tokenConn struct {
	ctx   *crypto11.Context
	key   crypto11.Signer
	certs []*x509.Certificate // nil when they come from a file
	slots chan struct{}       // one place per session
}

// connectToken logs in and finds the key. Certs are those that the key must
// belong to, nil to look for them on the token.
func connectToken(cfg TokenConfig, id []byte, pin string, certs []*x509.Certificate) (*tokenConn, error) {
	base := crypto11.Config{Path: cfg.Module, TokenLabel: cfg.Label, TokenSerial: cfg.Serial, SlotNumber: cfg.Slot,
		MaxSessions: cfg.MaxSessions, PoolWaitTimeout: time.Duration(cfg.Timeout)}
	// A first context that does not log in: while it stands the module is
	// initialised, and we can look at the token before we show it a PIN.
	look := base
	look.LoginNotSupported, look.MaxSessions = true, 2
	hold, err := crypto11.Configure(&look)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer hold.Close()
	module := pkcs11.New(cfg.Module)
	if module == nil {
		return nil, fmt.Errorf("%w: module not loaded", ErrUnavailable)
	}
	defer module.Destroy()
	slot, err := findSlot(module, cfg)
	if err != nil {
		return nil, err
	}
	number := int(slot)
	base.TokenLabel, base.TokenSerial, base.SlotNumber, base.Pin = "", "", &number, pin
	ctx, err := crypto11.Configure(&base)
	if err != nil {
		return nil, logInError(err)
	}
	c := &tokenConn{ctx: ctx, slots: make(chan struct{}, cfg.MaxSessions-1)}
	if err := c.find(module, slot, cfg.KeyLabel, id, certs); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// findSlot gives the slot of the one token that cfg names, if its user PIN can be
// tried without harm.
func findSlot(module *pkcs11.Ctx, cfg TokenConfig) (uint, error) {
	slots, err := module.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var found []uint
	var flags uint
	for _, slot := range slots {
		info, err := module.GetTokenInfo(slot)
		if err != nil {
			continue // another token's trouble
		}
		if cfg.Slot != nil && uint(*cfg.Slot) == slot || cfg.Serial != "" && info.SerialNumber == cfg.Serial ||
			cfg.Label != "" && info.Label == cfg.Label {
			found, flags = append(found, slot), info.Flags
		}
	}
	switch {
	case len(found) == 0:
		return 0, fmt.Errorf("%w: no such token", ErrUnavailable)
	case len(found) > 1:
		return 0, fmt.Errorf("%w: %d tokens by that name", ErrConfig, len(found))
	case flags&pinLocked != 0:
		return 0, fmt.Errorf("%w: it is locked", ErrPIN)
	case flags&(pinCountLow|pinFinalTry) != 0:
		return 0, fmt.Errorf("%w: a wrong one was tried before; log in by other means first", ErrPIN)
	}
	return found[0], nil
}

// logInError tells what only a person can mend from what time can.
func logInError(err error) error {
	var code pkcs11.Error
	if errors.As(err, &code) {
		switch code {
		case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_EXPIRED,
			pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
			return fmt.Errorf("%w: %w", ErrPIN, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// find finds the one key pair of that name, and its certificates where none are
// given.
func (c *tokenConn) find(module *pkcs11.Ctx, slot uint, label string, id []byte, certs []*x509.Certificate) error {
	pairs, err := c.ctx.FindKeyPairs(id, []byte(label))
	if err != nil {
		return fmt.Errorf("%w: finding the key: %w", ErrUnavailable, err)
	}
	if len(pairs) != 1 {
		return fmt.Errorf("%w: %d complete key pairs by that name", ErrKey, len(pairs))
	}
	c.key = pairs[0]
	out, err := c.ctx.GetAttribute(c.key, crypto11.CkaExtractable)
	if err != nil || out == nil || len(out.Value) != 1 || out.Value[0] != 0 {
		return fmt.Errorf("%w: it may leave the token", ErrKey)
	}
	if certs == nil {
		if certs, err = certificatesOn(module, slot, c.key.Public()); err != nil {
			return err
		}
		c.certs = certs
	}
	return checkFit(c.key.Public(), certs)
}

// sign signs in a session of its own.
func (c *tokenConn) sign(ctx context.Context, digest []byte, h crypto.Hash) ([]byte, error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, errBusy
	}
	type result struct {
		sig []byte
		err error
	}
	done := make(chan result, 1)
	digest = slices.Clone(digest) // the call may outlive ours
	go func() {
		sig, err := c.key.Sign(rand.Reader, digest, h)
		<-c.slots
		done <- result{sig, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, r.err)
		}
		return r.sig, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: the token does not answer: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// close waits for calls in flight, then frees the sessions.
func (c *tokenConn) close() { _ = c.ctx.Close() }
