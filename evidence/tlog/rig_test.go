package tlog_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/tlog"
)

const (
	origin  = "erds.example/log"
	logSeed = 200
)

// rig is a log of 1000 entries with its key, three witnesses, and the proof of
// one entry.
type rig struct {
	*log
	key        *tlog.Key
	witnesses  []*torchwood.CosignatureSigner
	trust      evidence.Trust // in the log and all witnesses, two of them needed
	index      int64
	checkpoint []byte // signed by the log and all witnesses
	proof      []byte
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{log: newLog(t, 1000), key: fixedKey(t), index: 617}
	r.trust = evidence.Trust{Log: r.key.Public(), Quorum: 2}
	for i := range 3 {
		w := witness(t, fmt.Sprintf("witness%d.example", i), byte(i))
		r.witnesses = append(r.witnesses, w)
		r.trust.Witnesses = append(r.trust.Witnesses, w.Verifier().String())
	}
	r.checkpoint = cosign(t, sign(t, r.key, r.size, r.root), r.key.Public(), r.signers()...)
	r.proof = tlog.FormatProof(r.index, r.path(t), r.checkpoint)
	return r
}

func (r *rig) signers() []note.Signer {
	var list []note.Signer
	for _, w := range r.witnesses {
		list = append(list, w)
	}
	return list
}

func (r *rig) path(t testing.TB) []hash {
	t.Helper()
	p, err := tlog.Prove(t.Context(), r, r.size, r.index)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// policy is what torchwood trusts of r.trust.
func (r *rig) policy(t testing.TB) torchwood.Policy {
	t.Helper()
	v, err := note.NewVerifier(r.trust.Log)
	if err != nil {
		t.Fatal(err)
	}
	var all []torchwood.Policy
	for _, w := range r.trust.Witnesses {
		v, err := torchwood.NewCosignatureVerifier(w)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, torchwood.SingleVerifierPolicy(v))
	}
	return torchwood.ThresholdPolicy(3, torchwood.OriginPolicy(origin), torchwood.SingleVerifierPolicy(v),
		torchwood.ThresholdPolicy(r.trust.Quorum, all...))
}

func newKey(t testing.TB, origin string) *tlog.Key {
	t.Helper()
	k, err := tlog.GenerateKey(filepath.Join(t.TempDir(), "log.key"), origin)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// fixedKey is the key of the rig: private(logSeed), so that a fuzzer finds the
// same log again, and tests can sign what no [tlog.Key] would.
func fixedKey(t testing.TB) *tlog.Key {
	t.Helper()
	key := private(logSeed)
	public, err := note.NewEd25519VerifierKey(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	text := "PRIVATE+KEY+" + public[:len(origin)+10] + base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...))
	path := filepath.Join(t.TempDir(), "log.key")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := tlog.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func witness(t testing.TB, name string, seed byte) *torchwood.CosignatureSigner {
	t.Helper()
	w, err := torchwood.NewCosignatureSigner(name, private(seed))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// private is a key that is the same in every run.
func private(seed byte) ed25519.PrivateKey {
	s := sha256.Sum256([]byte{seed})
	return ed25519.NewKeyFromSeed(s[:])
}

func sign(t testing.TB, k *tlog.Key, size int64, root hash) []byte {
	t.Helper()
	c, err := k.Checkpoint(size, root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// cosign adds the signatures of others.
func cosign(t testing.TB, checkpoint []byte, public string, signers ...note.Signer) []byte {
	t.Helper()
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(checkpoint, note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	out, err := note.Sign(n, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// raw signs any text under any name and kind, as no honest signer would.
func raw(name string, kind byte, key ed25519.PrivateKey, body func() []byte) string {
	public := append([]byte{kind}, key.Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(name+"\n"), public...))
	return "— " + name + " " + base64.StdEncoding.EncodeToString(append(id[:4:4], body()...)) + "\n"
}

// rawCosignature is a cosignature made at any time over any text.
func rawCosignature(name string, seed byte, at uint64, text string) string {
	return raw(name, 4, private(seed), func() []byte {
		sig := ed25519.Sign(private(seed), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))
		return append(binary.BigEndian.AppendUint64(nil, at), sig...)
	})
}

func textOf(checkpoint []byte) string {
	text, _, _ := strings.Cut(string(checkpoint), "\n\n")
	return text + "\n"
}

// cosignature of a witness of the rig, made as torchwood makes it.
func (r *rig) cosignature(i int, text string) string {
	w := r.witnesses[i]
	return raw(w.Name(), 4, private(byte(i)), func() []byte {
		sig, err := w.Sign([]byte(text))
		if err != nil {
			panic(err)
		}
		return sig
	})
}

// otherTime is a cosignature of the second witness of which the time was changed.
func (r *rig) otherTime(text string) string {
	return raw("witness1.example", 4, private(1), func() []byte {
		sig := ed25519.Sign(private(1), fmt.Appendf(nil, "cosignature/v1\ntime 5\n%s", text))
		return append(binary.BigEndian.AppendUint64(nil, 6), sig...)
	})
}

func strangers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(raw(fmt.Sprintf("s%d.example", i), 4, private(99), func() []byte { return make([]byte, 72) }))
	}
	return b.String()
}

// nextInBase64 is the letter that differs from c in its lowest bit only.
func nextInBase64(c byte) byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return letters[strings.IndexByte(letters, c)^1]
}

// spareBits spells the signature of a line in another way.
func spareBits(line string) string {
	i := strings.IndexByte(line, '=') - 1
	return line[:i] + string(nextInBase64(line[i])) + line[i+1:]
}
