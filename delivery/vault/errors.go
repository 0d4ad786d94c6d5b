package vault

import (
	"errors"
	"fmt"

	"github.com/bode-erds/bode/delivery"
)

// Storing.
var (
	// ErrName says that a name is not made of the letters a-z, digits and
	// hyphens, in parts joined by slashes, or is longer than 200 octets.
	ErrName = errors.New("vault: not a valid object name")
	// ErrExists says that an object already has this name. It was not touched.
	ErrExists = errors.New("vault: name is taken")
)

// Opening. Only ErrAltered accuses anybody.
var (
	// ErrAltered says that the object or its wrapped key is not what Put stored
	// under this name: changed, cut short, or exchanged for another.
	ErrAltered = fmt.Errorf("vault: content was altered: %w", delivery.ErrTampered)
	// ErrMissing says that no object has this name.
	ErrMissing = errors.New("vault: no such object")
	// ErrShredded says that the object's key was removed on purpose, alone or
	// together with the key-encryption key of its month. Nobody can open it.
	ErrShredded = errors.New("vault: content was erased")
)

// Keys.
var (
	// ErrKeyMissing says that a key-encryption key is not in the keyring and was
	// never destroyed by us: the keyring is the wrong one, or must be restored.
	ErrKeyMissing = errors.New("vault: key-encryption key is missing")
	// ErrKeyID says that an id is not a month such as "2026-11".
	ErrKeyID = errors.New("vault: not a key id")
	// ErrKeyInUse says that a key cannot be destroyed because new objects may
	// still be wrapped with it: its month is not over.
	ErrKeyInUse = errors.New("vault: key-encryption key is in use")
	// ErrKeyExposed says that a key file can be read by others than its owner.
	ErrKeyExposed = errors.New("vault: key file is readable by others")
	// ErrKeyLocked: the key file is encrypted by another key, and that is not given
	// or does not open it.
	ErrKeyLocked = errors.New("vault: key file cannot be opened")
)
