package tlog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// Types of signature in a verifier key. https://c2sp.org/signed-note
const (
	typeLog       = 0x01 // Ed25519
	typeCosigner  = 0x04 // Ed25519 with the time of a witness
	cosignatureV1 = "cosignature/v1\ntime %d\n%s"
)

// Cosigner is the witness with the verifier key public: it verifies that a
// checkpoint carries its cosignature, whatever the time in it. Only Ed25519
// cosignatures are known, not ML-DSA-44. Errors: [ErrKey].
// https://c2sp.org/tlog-cosignature
func Cosigner(public string) (note.Verifier, error) {
	k, err := parseVerifierKey(public)
	if err != nil || k.kind != typeCosigner {
		return nil, fmt.Errorf("%w: not the verifier key of a witness", ErrKey)
	}
	return cosigner(k), nil
}

type cosigner verifierKey

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.id }

// Verify implements [note.Verifier]: sig is the time, in seconds since 1970,
// and the signature over it and the text.
func (c cosigner) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	if at == 0 || at > math.MaxInt64 {
		return false
	}
	return ed25519.Verify(c.key, fmt.Appendf(nil, cosignatureV1, at, text), sig[8:])
}

// logVerifier is the log with the verifier key public.
func logVerifier(public string) (note.Verifier, ed25519.PublicKey, error) {
	k, err := parseVerifierKey(public)
	if err != nil || k.kind != typeLog {
		return nil, nil, fmt.Errorf("%w: not the verifier key of a log", ErrKey)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return v, k.key, nil
}

// verifierKey is "name+id+base64(kind || key)".
type verifierKey struct {
	name string
	id   uint32
	kind byte
	key  ed25519.PublicKey
}

func parseVerifierKey(s string) (verifierKey, error) {
	f := strings.SplitN(s, "+", 3)
	if len(f) != 3 || f[0] == "" || !utf8.ValidString(f[0]) || strings.ContainsFunc(f[0], unicode.IsSpace) || len(f[1]) != 8 {
		return verifierKey{}, ErrKey
	}
	id, err := strconv.ParseUint(f[1], 16, 32)
	if err != nil {
		return verifierKey{}, ErrKey
	}
	b, err := decode(f[2])
	if err != nil || len(b) != 1+ed25519.PublicKeySize {
		return verifierKey{}, ErrKey
	}
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte(f[0]), b}, []byte("\n")))
	if uint32(id) != binary.BigEndian.Uint32(sum[:]) {
		return verifierKey{}, ErrKey
	}
	return verifierKey{f[0], uint32(id), b[0], b[1:]}, nil
}
