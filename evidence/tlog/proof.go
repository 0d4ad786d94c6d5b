package tlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	merkle "golang.org/x/mod/sumdb/tlog"

	"github.com/bode-erds/bode/evidence"
)

// The lines of a proof. https://c2sp.org/tlog-proof
const (
	proofHeader = "c2sp.org/tlog-proof@v1\n"
	proofIndex  = "index "
	proofExtra  = "extra "
)

// FormatProof writes the proof that the entry at index is in the log of
// checkpoint; path is what [Prove] gave for its size. Cosignatures that come
// later are lines to be added to checkpoint. https://c2sp.org/tlog-proof
func FormatProof(index int64, path [][32]byte, checkpoint []byte) []byte {
	var b bytes.Buffer
	b.WriteString(proofHeader + proofIndex + strconv.FormatInt(index, 10) + "\n")
	for _, h := range path {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteByte('\n')
	b.Write(checkpoint)
	return b.Bytes()
}

// parsed is a proof that nobody has verified.
type parsed struct {
	index      int64
	path       [][32]byte
	checkpoint []byte
}

// parseProof reads a proof without extra line: nothing would sign it.
func parseProof(proof []byte) (parsed, error) {
	if len(proof) > maxNote {
		return parsed{}, errors.New("too long")
	}
	rest, ok := strings.CutPrefix(string(proof), proofHeader)
	if !ok {
		return parsed{}, errors.New("does not begin as a log proof does")
	}
	if strings.HasPrefix(rest, proofExtra) {
		return parsed{}, errors.New("holds extra data, which nobody signed")
	}
	line, rest, ok := strings.Cut(rest, "\n")
	digits, isIndex := strings.CutPrefix(line, proofIndex)
	if !ok || !isIndex {
		return parsed{}, errors.New("index is missing")
	}
	var p parsed
	var err error
	if p.index, err = parseSize(digits); err != nil {
		return parsed{}, fmt.Errorf("index: %w", err)
	}
	for {
		if line, rest, ok = strings.Cut(rest, "\n"); !ok {
			return parsed{}, errors.New("checkpoint is missing")
		}
		if line == "" {
			p.checkpoint = []byte(rest)
			return p, nil
		}
		h, err := parseHash(line)
		if err != nil || len(p.path) == maxProof {
			return parsed{}, errors.New("path: not a line with a hash, or one too many")
		}
		p.path = append(p.path, h)
	}
}

// Checker implements [evidence.ProofChecker]. The zero value is ready.
type Checker struct{}

// CheckProof implements [evidence.ProofChecker]. The checkpoint in proof must be
// signed by t.Log and carry the cosignatures of at least t.Quorum of t.Witnesses;
// a wrong signature of one of them is an error, those of others count for
// nothing. Two keys of t must not be the same, or one party could be a quorum:
// a cosignature does not say under which name it was made. It verifies at most
// 64 KiB. Errors: [evidence.ErrProof]. RFC 6962 §2.1.1; https://c2sp.org/tlog-proof
func (Checker) CheckProof(proof []byte, entry [32]byte, t evidence.Trust) (evidence.LogInfo, error) {
	info, err := checkProof(proof, entry, t)
	if err != nil {
		return evidence.LogInfo{}, fmt.Errorf("%w: %w", evidence.ErrProof, err)
	}
	return info, nil
}

func checkProof(proof []byte, entry [32]byte, t evidence.Trust) (evidence.LogInfo, error) {
	log, witnesses, err := trusted(t)
	if err != nil {
		return evidence.LogInfo{}, err
	}
	p, err := parseProof(proof)
	if err != nil {
		return evidence.LogInfo{}, err
	}
	c, signed, err := open(p.checkpoint, log, witnesses)
	if err != nil {
		return evidence.LogInfo{}, err
	}
	if len(signed) < t.Quorum {
		return evidence.LogInfo{}, fmt.Errorf("%d witnesses signed, %d are needed", len(signed), t.Quorum)
	}
	if p.index >= c.Size {
		return evidence.LogInfo{}, fmt.Errorf("index %d is outside the log of %d", p.index, c.Size)
	}
	if merkle.CheckRecord(nodes(p.path), c.Size, c.Root, p.index, merkle.RecordHash(entry[:])) != nil {
		return evidence.LogInfo{}, fmt.Errorf("the log of %d entries has something else at %d", c.Size, p.index)
	}
	return evidence.LogInfo{Origin: c.Origin, Index: p.index, Size: c.Size, Witnesses: signed}, nil
}

// trusted reads the keys of t.
func trusted(t evidence.Trust) (log note.Verifier, witnesses []note.Verifier, err error) {
	log, key, err := logVerifier(t.Log)
	if err != nil {
		return nil, nil, err
	}
	keys := map[string]bool{string(key): true}
	for _, public := range t.Witnesses {
		w, err := Cosigner(public)
		if err != nil {
			return nil, nil, err
		}
		key := string(w.(cosigner).key)
		if keys[key] {
			return nil, nil, fmt.Errorf("%w: witness %s has the key of another", ErrKey, w.Name())
		}
		keys[key] = true
		witnesses = append(witnesses, w)
	}
	if t.Quorum < 0 || t.Quorum > len(witnesses) {
		return nil, nil, fmt.Errorf("a quorum of %d of %d witnesses", t.Quorum, len(witnesses))
	}
	return log, witnesses, nil
}
