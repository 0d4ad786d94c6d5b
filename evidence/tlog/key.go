package tlog

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Key signs the checkpoints of one log, with Ed25519. Its name is the origin of
// the log. It must sign for no other purpose, and no two trees of one origin
// that do not continue each other. Safe for concurrent use.
// RFC 8032 §5.1; https://c2sp.org/signed-note
type Key struct {
	signer note.Signer
	public string
}

// GenerateKey makes a new key and writes it to a file at path, for its owner
// only; a file that is there is never overwritten. Origin should be the address
// of the log without its scheme, such as "erds.example/log". Errors: [ErrKey].
func GenerateKey(path, origin string) (*Key, error) {
	text, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	k, err := parseKey(text)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	// A crash before the last step leaves a file that LoadKey refuses or loads;
	// nothing has been signed yet.
	_, err = f.WriteString(text + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return k, nil
}

// LoadKey reads a key that [GenerateKey] wrote: one line, readable by its owner
// only. Errors: [ErrKey], which never quotes the key.
func LoadKey(path string) (*Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: others than the owner may read %s", ErrKey, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	k, err := parseKey(strings.TrimSuffix(string(b), "\n"))
	if err != nil {
		return nil, fmt.Errorf("%w: in %s", err, path)
	}
	return k, nil
}

func parseKey(text string) (*Key, error) {
	signer, err := note.NewSigner(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not a signer key of a note, or its origin holds a space or a plus", ErrKey)
	}
	// PRIVATE+KEY+name+hash+base64, and base64 may hold a plus.
	seed, err := decode(strings.SplitN(text, "+", 5)[4])
	if err != nil {
		return nil, fmt.Errorf("%w: not in its one encoding", ErrKey)
	}
	public := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	k := &Key{signer: signer}
	if k.public, err = note.NewEd25519VerifierKey(signer.Name(), public); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	// An origin that a note cannot carry shows now and not in the first checkpoint.
	first, err := k.Checkpoint(0, emptyRoot())
	if err == nil {
		_, err = ParseCheckpoint(first, k.public)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: origin %q cannot stand in a checkpoint", ErrKey, signer.Name())
	}
	return k, nil
}

// Origin is the name of the log.
func (k *Key) Origin() string { return k.signer.Name() }

// Public is the verifier key: what others need to check the log.
func (k *Key) Public() string { return k.public }

// Checkpoint signs that the log of size entries has root. The same tree always
// gives the same octets. Errors: [ErrSize]. https://c2sp.org/tlog-checkpoint
func (k *Key) Checkpoint(size int64, root [32]byte) ([]byte, error) {
	if size < 0 || size > maxSize || size == 0 && root != emptyRoot() {
		return nil, fmt.Errorf("%w: no tree of size %d has this root", ErrSize, size)
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", k.Origin(), size, base64.StdEncoding.EncodeToString(root[:]))
	return note.Sign(&note.Note{Text: text}, k.signer)
}
