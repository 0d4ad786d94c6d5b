package vault

import (
	"bytes"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/bode-erds/bode/delivery"
)

// seal makes a fresh data key for name and wraps it with the key of this month.
// The result has no size and no digest yet. small says that the content is no
// longer than smallContent.
func (k *Keyring) seal(name string, small bool) (tink.StreamingAEAD, delivery.Stored, error) {
	template := streamingaead.AES256GCMHKDF1MBKeyTemplate()
	if small {
		// The buffers of two long segments would cost more than the content.
		template = streamingaead.AES256GCMHKDF4KBKeyTemplate()
	}
	// The whole keyset is wrapped, with the segment size in it, so that either
	// may change one day without touching what is stored.
	handle, err := keyset.NewHandle(template)
	if err != nil {
		return nil, delivery.Stored{}, fmt.Errorf("vault: make data key: %w", err)
	}
	cipher, err := streamingaead.New(handle)
	if err != nil {
		return nil, delivery.Stored{}, fmt.Errorf("vault: make data key: %w", err)
	}
	s, err := k.wrap(handle, delivery.Stored{Name: name})
	return cipher, s, err
}

// unseal returns the data key of s. An empty key is ErrShredded, a key that
// does not belong to s.Name or was altered is ErrAltered.
func (k *Keyring) unseal(s delivery.Stored) (tink.StreamingAEAD, error) {
	handle, err := k.unwrap(s)
	if err != nil {
		return nil, err
	}
	cipher, err := streamingaead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: data key of %s", ErrAltered, s.Name)
	}
	return cipher, nil
}

// Rewrap carries the data key of s from its month's key to the current one and
// returns what to store instead of s. The object itself is not touched. It is
// how content under legal hold outlives [Keyring.Destroy]; a hold that lasts
// longer than the new key is carried on again.
func (k *Keyring) Rewrap(s delivery.Stored) (delivery.Stored, error) {
	handle, err := k.unwrap(s)
	if err != nil {
		return delivery.Stored{}, err
	}
	return k.wrap(handle, s)
}

func (k *Keyring) wrap(handle *keyset.Handle, s delivery.Stored) (delivery.Stored, error) {
	id, kek, err := k.current()
	if err != nil {
		return delivery.Stored{}, err
	}
	var key bytes.Buffer
	err = handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&key), kek, wrapData(id, s.Name))
	if err != nil {
		return delivery.Stored{}, fmt.Errorf("vault: wrap data key: %w", err)
	}
	s.KeyID, s.Key = id, key.Bytes()
	return s, nil
}

func (k *Keyring) unwrap(s delivery.Stored) (*keyset.Handle, error) {
	if len(s.Key) == 0 {
		return nil, fmt.Errorf("%w: %s has no key", ErrShredded, s.Name)
	}
	kek, err := k.load(s.KeyID)
	if err != nil {
		return nil, err
	}
	handle, err := keyset.ReadWithAssociatedData(
		keyset.NewBinaryReader(bytes.NewReader(s.Key)), kek.aead, wrapData(s.KeyID, s.Name))
	if err != nil {
		return nil, fmt.Errorf("%w: data key of %s", ErrAltered, s.Name)
	}
	return handle, nil
}

// wrapData binds a wrapped key to its purpose, its key-encryption key and the
// one object it opens. Neither an id nor a name contains a NUL.
func wrapData(id, name string) []byte {
	return []byte("bode vault data key\x00" + id + "\x00" + name)
}
