package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Box keeps secrets at rest. ad binds what is sealed to its place: the same ad
// has to be given to open it. Safe for concurrent use.
type Box interface {
	Seal(plain, ad []byte) ([]byte, error)
	// Open fails with ErrSealed on anything but what Seal gave for this ad.
	Open(sealed, ad []byte) ([]byte, error)
}

// keyID says under which key something is sealed: it is derived from the key,
// so that there is nothing to configure.
type keyID [4]byte

type box struct {
	current keyID
	keys    map[keyID]cipher.AEAD
}

// NewBox seals with AES-256-GCM under current and opens what was sealed under
// current or any of old. Keys have 32 octets. Nonces are random, so a key
// should seal no more than 2^32 secrets.
func NewBox(current []byte, old ...[]byte) (Box, error) {
	b := &box{keys: make(map[keyID]cipher.AEAD)}
	for i, key := range append([][]byte{current}, old...) {
		if len(key) != 32 {
			return nil, errors.New("identity: a box key has 32 octets")
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("bode box key\x00"), key...))
		id := keyID(sum[:4])
		b.keys[id] = aead
		if i == 0 {
			b.current = id
		}
	}
	return b, nil
}

func (b *box) Seal(plain, ad []byte) ([]byte, error) {
	out := append([]byte(nil), b.current[:]...)
	return b.keys[b.current].Seal(out, nil, plain, ad), nil
}

func (b *box) Open(sealed, ad []byte) ([]byte, error) {
	if len(sealed) < len(keyID{}) {
		return nil, fmt.Errorf("%w: too short", ErrSealed)
	}
	aead, ok := b.keys[keyID(sealed[:4])]
	if !ok {
		return nil, fmt.Errorf("%w: unknown key", ErrSealed)
	}
	plain, err := aead.Open(nil, nil, sealed[4:], ad)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	return plain, nil
}
