package vault

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/bode-erds/bode/delivery"
)

// SealSmall encrypts content that is kept beside its row instead of in a store,
// under a fresh data key bound to name. It implements delivery.Box. The whole
// content is in memory; for more than some hundred kilobytes use a store.
func (k *Keyring) SealSmall(name string, plain []byte) ([]byte, delivery.Stored, error) {
	if err := checkName(name); err != nil {
		return nil, delivery.Stored{}, err
	}
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, delivery.Stored{}, fmt.Errorf("vault: make data key: %w", err)
	}
	cipher, err := aead.New(handle)
	if err != nil {
		return nil, delivery.Stored{}, fmt.Errorf("vault: make data key: %w", err)
	}
	sealed, err := cipher.Encrypt(plain, []byte(name))
	if err != nil {
		return nil, delivery.Stored{}, fmt.Errorf("vault: encrypt: %w", err)
	}
	sum := sha256.Sum256(plain)
	s, err := k.wrap(handle, delivery.Stored{Name: name, Size: int64(len(plain)), SHA256: sum[:]})
	return sealed, s, err
}

// OpenSmall decrypts what SealSmall made. Errors: ErrAltered, ErrShredded,
// ErrKeyMissing.
func (k *Keyring) OpenSmall(s delivery.Stored, sealed []byte) ([]byte, error) {
	handle, err := k.unwrap(s)
	if err != nil {
		return nil, err
	}
	cipher, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: data key of %s", ErrAltered, s.Name)
	}
	plain, err := cipher.Decrypt(sealed, []byte(s.Name))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrAltered, s.Name)
	}
	if sum := sha256.Sum256(plain); int64(len(plain)) != s.Size || !bytes.Equal(sum[:], s.SHA256) {
		return nil, fmt.Errorf("%w: %s: other size or digest than stored", ErrAltered, s.Name)
	}
	return plain, nil
}
