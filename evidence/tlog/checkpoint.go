package tlog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// maxNote bounds a checkpoint with all its signatures, and a proof.
const maxNote = 64 << 10

// Checkpoint is what the log says of itself.
type Checkpoint struct {
	Origin string   // the name of the log
	Size   int64    // in entries
	Root   [32]byte // of the tree. RFC 6962 §2.1
}

// ParseCheckpoint verifies that a checkpoint is signed by the log with the
// verifier key public, and returns what it says. Signatures of others are
// ignored, extension lines too, but all must be well-formed: canonical base64,
// no key twice. Errors: [ErrKey], [ErrCheckpoint].
// https://c2sp.org/tlog-checkpoint; https://c2sp.org/signed-note
func ParseCheckpoint(signed []byte, public string) (Checkpoint, error) {
	log, _, err := logVerifier(public)
	if err != nil {
		return Checkpoint{}, err
	}
	c, _, err := open(signed, log, nil)
	return c, err
}

// open verifies the signatures of the log, which must be there, and of every
// witness that signed, and returns the names of those.
func open(signed []byte, log note.Verifier, witnesses []note.Verifier) (Checkpoint, []string, error) {
	refuse := func(err error) (Checkpoint, []string, error) {
		return Checkpoint{}, nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	if len(signed) > maxNote {
		return refuse(errors.New("too long"))
	}
	n, err := note.Open(signed, note.VerifierList(append(slices.Clone(witnesses), log)...))
	if err != nil {
		return refuse(err)
	}
	all := slices.Concat(n.Sigs, n.UnverifiedSigs)
	if len(all) != strings.Count(string(signed[len(n.Text)+1:]), "\n") {
		return refuse(errors.New("a signature is there twice"))
	}
	for _, s := range all {
		if _, err := decode(s.Base64); err != nil {
			return refuse(fmt.Errorf("signature of %s is not in its one encoding", s.Name))
		}
	}
	logSigned, names := false, []string(nil)
	for _, s := range n.Sigs {
		if s.Name == log.Name() && s.Hash == log.KeyHash() {
			logSigned = true
		} else {
			names = append(names, s.Name)
		}
	}
	if !logSigned {
		return refuse(errors.New("not signed by the log"))
	}
	c, err := parseText(n.Text)
	if err != nil {
		return refuse(err)
	}
	if c.Origin != log.Name() {
		return refuse(fmt.Errorf("origin is %q", c.Origin))
	}
	return c, names, nil
}

// parseText reads the three lines of a checkpoint, of which no other spelling is
// allowed. https://c2sp.org/tlog-checkpoint
func parseText(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || slices.Index(lines, "") != len(lines)-1 {
		return Checkpoint{}, errors.New("not three lines or more, none empty")
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	if c.Size, err = parseSize(lines[1]); err != nil {
		return Checkpoint{}, fmt.Errorf("size: %w", err)
	}
	if c.Root, err = parseHash(lines[2]); err != nil {
		return Checkpoint{}, fmt.Errorf("root: %w", err)
	}
	if c.Size == 0 && c.Root != emptyRoot() {
		return Checkpoint{}, errors.New("an empty tree has another root")
	}
	return c, nil
}

// parseSize reads a decimal without sign and leading zeroes, up to maxSize.
func parseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxSize || s != strconv.FormatInt(n, 10) {
		return 0, errors.New("not a number of entries")
	}
	return n, nil
}

// parseHash reads 32 octets in their one base64 encoding.
func parseHash(s string) ([32]byte, error) {
	b, err := decode(s)
	if err != nil || len(b) != 32 {
		return [32]byte{}, errors.New("not a hash")
	}
	return [32]byte(b), nil
}

// decode reads base64 of which no other spelling is allowed. RFC 4648 §3.5, §4
func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // the library skips them even when strict
		return nil, errors.New("a line end in base64")
	}
	return base64.StdEncoding.Strict().DecodeString(s)
}
