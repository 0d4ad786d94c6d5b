package evidence

import (
	"crypto"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"
)

// KeyAt gives the key that seals at a time, so that one key can follow another
// while documents are made. Method, certificates and signature of a document must
// come from one and the same: ask once per document. Safe for concurrent use.
type KeyAt func(at time.Time) (SealKey, error)

// FixedKey gives the same key at all times; none for nil.
func FixedKey(k SealKey) KeyAt {
	if k == nil {
		return nil
	}
	return func(time.Time) (SealKey, error) { return k, nil }
}

// Checked gives the keys of f and refuses, with [ErrSealKey], one without its own
// certificate or against the policy on algorithms. What was just checked is not
// checked again.
func (f KeyAt) Checked() KeyAt {
	var last atomic.Pointer[SealKey]
	return func(at time.Time) (SealKey, error) {
		k, err := f(at)
		if err != nil {
			return nil, err
		}
		if good := last.Load(); good != nil && reflect.ValueOf(k).Comparable() && *good == k {
			return k, nil
		}
		if err := checkSealKey(k); err != nil {
			return nil, err
		}
		kept := k // k itself need not escape
		last.Store(&kept)
		return k, nil
	}
}

// checkSealKey does not ask whether the certificate is valid now: the self-check
// of what it sealed does.
func checkSealKey(k SealKey) error {
	if k == nil {
		return fmt.Errorf("%w: there is none", ErrSealKey)
	}
	certs := k.Certificates()
	if len(certs) == 0 {
		return fmt.Errorf("%w: it has no certificate", ErrSealKey)
	}
	own, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !own.Equal(certs[0].PublicKey) {
		return fmt.Errorf("%w: the first certificate is for another key", ErrSealKey)
	}
	if err := Allowed(k.Public(), crypto.SHA256, time.Time{}); err != nil {
		return fmt.Errorf("%w: %w", ErrSealKey, err)
	}
	return nil
}
