//go:build cgo

package token

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"
)

// Key is an AES key in a device. It implements tink.AEAD: AES-256-GCM with a random
// nonce of 96 bits in front. Uses are one at a time; a device that hangs keeps later
// ones waiting for no longer than its timeout. Safe for concurrent use.
type Key struct {
	cfg  Config
	pin  string
	turn chan struct{} // held while the device is used

	mu     sync.Mutex
	ctx    *crypto11.Context // nil: not connected
	aead   cipher.AEAD
	refuse error     // only a person can mend it
	next   time.Time // no connection before
	closed bool
}

// pause is how long a device that was not there is left alone.
const pause = time.Second

// nonceSize is that of AES-GCM, in octets. NIST SP 800-38D §8.2.2
const nonceSize = 12

// Open connects, and lets the key encrypt and decrypt once. Errors: ErrConfig,
// ErrPIN, ErrKey, ErrUnavailable.
func Open(cfg Config) (*Key, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	pin, err := cfg.pin()
	if err != nil {
		return nil, err
	}
	k := &Key{cfg: cfg, pin: pin, turn: make(chan struct{}, 1)}
	sealed, err := k.Encrypt([]byte("probe"), nil)
	if err == nil {
		_, err = k.Decrypt(sealed, nil)
	}
	if err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// Encrypt implements tink.AEAD. Errors: ErrPIN, ErrKey, ErrUnavailable.
func (k *Key) Encrypt(plain, associated []byte) ([]byte, error) {
	return k.use(func(a cipher.AEAD) (out []byte, err error) {
		defer func() { // the library panics where the device fails
			if p := recover(); p != nil {
				err = fmt.Errorf("%w: %v", ErrUnavailable, p)
			}
		}()
		nonce := make([]byte, nonceSize)
		rand.Read(nonce)
		return a.Seal(nonce, nonce, plain, associated), nil
	})
}

// Decrypt implements tink.AEAD. Errors: ErrSealed, ErrPIN, ErrKey, ErrUnavailable.
func (k *Key) Decrypt(sealed, associated []byte) ([]byte, error) {
	if len(sealed) < nonceSize {
		return nil, ErrSealed
	}
	return k.use(func(a cipher.AEAD) ([]byte, error) {
		out, err := a.Open(nil, sealed[:nonceSize], sealed[nonceSize:], associated)
		if err != nil && works(a) == nil {
			return nil, ErrSealed
		}
		return out, err
	})
}

// works lets the key encrypt and decrypt. Devices say in different ways that what they
// were given is not what they made: one that does this well refused for that.
func works(a cipher.AEAD) (err error) {
	defer func() { // the library panics where the device fails
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrUnavailable, p)
		}
	}()
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	_, err = a.Open(nil, nonce, a.Seal(nil, nonce, []byte("probe"), nil), nil)
	return err
}

// use gives the key to f, over a new connection when the old one fails, and waits
// for no longer than the device has. What hangs keeps its turn until it returns.
func (k *Key) use(f func(cipher.AEAD) ([]byte, error)) ([]byte, error) {
	over := time.NewTimer(k.cfg.timeout())
	defer over.Stop()
	select {
	case k.turn <- struct{}{}:
	case <-over.C:
		return nil, fmt.Errorf("%w: it is busy", ErrUnavailable)
	}
	type answer struct {
		out []byte
		err error
	}
	done := make(chan answer, 1)
	go func() {
		defer func() { <-k.turn }()
		out, err := k.twice(f)
		done <- answer{out, err}
	}()
	select {
	case a := <-done:
		return a.out, a.err
	case <-over.C:
		return nil, fmt.Errorf("%w: no answer within %s", ErrUnavailable, k.cfg.timeout())
	}
}

func (k *Key) twice(f func(cipher.AEAD) ([]byte, error)) (out []byte, err error) {
	for range 2 {
		a, gone := k.connected()
		if gone != nil {
			return nil, errors.Join(gone, err)
		}
		if out, err = f(a); err == nil || errors.Is(err, ErrSealed) {
			return out, err
		}
		if !errors.Is(err, ErrUnavailable) {
			err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		k.drop()
	}
	return nil, err
}

// connected gives the key, and connects when there is no connection and it is time.
func (k *Key) connected() (cipher.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.closed:
		return nil, fmt.Errorf("%w: closed", ErrUnavailable)
	case k.aead != nil:
		return k.aead, nil
	case k.refuse != nil:
		return nil, k.refuse
	case time.Now().Before(k.next):
		return nil, fmt.Errorf("%w: it was not there a moment ago", ErrUnavailable)
	}
	err := k.connect()
	if errors.Is(err, ErrPIN) {
		k.refuse = err // a token locks after a few
	}
	if err != nil {
		k.next = time.Now().Add(pause)
		return nil, err
	}
	return k.aead, nil
}

// Warnings of a token about its user's PIN. PKCS#11 v2.40 §3.2
const (
	pinCountLow = 0x00010000
	pinFinalTry = 0x00020000
	pinLocked   = 0x00040000
)

// look makes sure that there is one token of that name, and that a wrong PIN would
// not harm it: a program that is started again and again would lock it otherwise.
func (c Config) look() error {
	hold, err := crypto11.Configure(&crypto11.Config{Path: c.Module, TokenLabel: c.Label, LoginNotSupported: true, MaxSessions: 2})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer hold.Close() // while it stands the module is initialised
	module := pkcs11.New(c.Module)
	if module == nil {
		return fmt.Errorf("%w: the module is not loaded", ErrUnavailable)
	}
	defer module.Destroy()
	slots, err := module.GetSlotList(true)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var flags []uint
	for _, slot := range slots {
		if info, err := module.GetTokenInfo(slot); err == nil && info.Label == c.Label {
			flags = append(flags, info.Flags)
		}
	}
	switch {
	case len(flags) == 0: // it went meanwhile, or cannot be read now
		return fmt.Errorf("%w: no token is called %q", ErrUnavailable, c.Label)
	case len(flags) > 1:
		return fmt.Errorf("%w: %d tokens are called %q", ErrConfig, len(flags), c.Label)
	case flags[0]&pinLocked != 0:
		return fmt.Errorf("%w: it is locked", ErrPIN)
	case flags[0]&(pinCountLow|pinFinalTry) != 0:
		return fmt.Errorf("%w: a wrong one was tried before; log in by other means first", ErrPIN)
	}
	return nil
}

// connect logs in and finds the key; mu is held.
func (k *Key) connect() error {
	if err := k.cfg.look(); err != nil {
		return err
	}
	ctx, err := crypto11.Configure(&crypto11.Config{Path: k.cfg.Module, TokenLabel: k.cfg.Label, Pin: k.pin, MaxSessions: 2,
		PoolWaitTimeout: k.cfg.timeout(), GCMIVLength: nonceSize})
	if err != nil {
		var code pkcs11.Error
		if errors.As(err, &code) {
			switch code {
			case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_PIN_LOCKED,
				pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
				return fmt.Errorf("%w: %w", ErrPIN, err)
			}
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	key, err := find(ctx, k.cfg.KeyLabel)
	if err != nil {
		return errors.Join(err, ctx.Close())
	}
	a, err := key.NewGCM()
	if err != nil {
		return errors.Join(fmt.Errorf("%w: %q is no AES key that can do GCM: %w", ErrKey, k.cfg.KeyLabel, err), ctx.Close())
	}
	k.ctx, k.aead = ctx, a
	return nil
}

// find finds the one key of that name, if it cannot leave the device.
func find(ctx *crypto11.Context, label string) (*crypto11.SecretKey, error) {
	keys, err := ctx.FindKeys(nil, []byte(label))
	if err != nil {
		return nil, fmt.Errorf("%w: finding the key: %w", ErrUnavailable, err)
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("%w: %d secret keys are called %q", ErrKey, len(keys), label)
	}
	for attribute, want := range map[crypto11.AttributeType]byte{crypto11.CkaExtractable: 0, crypto11.CkaSensitive: 1} {
		a, err := ctx.GetAttribute(keys[0], attribute)
		if err != nil || a == nil || len(a.Value) != 1 || a.Value[0] != want {
			return nil, fmt.Errorf("%w: %q may leave the device", ErrKey, label)
		}
	}
	if a, err := ctx.GetAttribute(keys[0], crypto11.CkaValueLen); err != nil || a == nil || len(a.Value) == 0 || a.Value[0] != 32 {
		return nil, fmt.Errorf("%w: %q has not 256 bits", ErrKey, label)
	}
	return keys[0], nil
}

// drop gives up the connection: sessions, log-in and handles are lost together.
func (k *Key) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ctx != nil {
		_ = k.ctx.Close()
	}
	k.ctx, k.aead = nil, nil
}

// Close logs out. Later uses fail with ErrUnavailable.
func (k *Key) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed = true; k.ctx == nil {
		return nil
	}
	err := k.ctx.Close()
	k.ctx, k.aead = nil, nil
	return err
}
