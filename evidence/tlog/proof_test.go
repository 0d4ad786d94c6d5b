package tlog_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"filippo.io/torchwood"
	merkle "golang.org/x/mod/sumdb/tlog"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/tlog"
)

var _ evidence.ProofChecker = tlog.Checker{}

func TestProofHolds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	info, err := tlog.Checker{}.CheckProof(r.proof, entry(r.index), r.trust)
	if err != nil {
		t.Fatal(err)
	}
	if info.Origin != origin || info.Index != r.index || info.Size != 1000 ||
		!slices.Equal(info.Witnesses, []string{"witness0.example", "witness1.example", "witness2.example"}) {
		t.Errorf("%+v", info)
	}
	e := entry(r.index)
	if err := torchwood.VerifyProof(r.policy(t), merkle.RecordHash(e[:]), r.proof); err != nil {
		t.Errorf("torchwood: %v", err)
	}
	if n := len(r.proof); n > 2000 {
		t.Errorf("the proof has %d octets", n)
	}
	// No quorum asked for: the log alone is enough. Strangers do not matter.
	alone := evidence.Trust{Log: r.trust.Log}
	stranger := r.proof
	for i := range 20 {
		w := witness(t, fmt.Sprintf("stranger%d.example", i), byte(40+i))
		stranger = append(slices.Clone(stranger), rawCosignature(w.Name(), byte(40+i), 1, "")...)
	}
	for _, proof := range [][]byte{r.proof, stranger} {
		if info, err := (tlog.Checker{}).CheckProof(proof, entry(r.index), alone); err != nil || len(info.Witnesses) != 0 {
			t.Errorf("%+v, %v", info, err)
		}
	}
}

// Torchwood, another implementation, accepts our proofs for every kind of place
// in trees of every kind of size, and refuses those for another entry.
func TestTorchwoodAgrees(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.trust.Witnesses, r.trust.Quorum = nil, 0
	policy := r.policy(t)
	l := newLog(t)
	for _, size := range []int64{1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 1023, 1024, 1025, 1030, 65535, 65536, 65537} {
		l.grow(t, entries(l.size, size))
		checkpoint := sign(t, r.key, size, l.root)
		for _, i := range []int64{0, 1, size / 2, size - 2, size - 1} {
			if i < 0 || i >= size {
				continue
			}
			p, err := tlog.Prove(t.Context(), l, size, i)
			if err != nil {
				t.Fatal(err)
			}
			proof, e, other := tlog.FormatProof(i, p, checkpoint), entry(i), entry(i+1)
			if err := torchwood.VerifyProof(policy, merkle.RecordHash(e[:]), proof); err != nil {
				t.Errorf("torchwood: %d of %d: %v", i, size, err)
			}
			if err := torchwood.VerifyProof(policy, merkle.RecordHash(other[:]), proof); err == nil {
				t.Errorf("torchwood takes %d of %d for another", i, size)
			}
			if _, err := (tlog.Checker{}).CheckProof(proof, e, r.trust); err != nil {
				t.Errorf("%d of %d: %v", i, size, err)
			}
			if _, err := (tlog.Checker{}).CheckProof(proof, other, r.trust); !errors.Is(err, evidence.ErrProof) {
				t.Errorf("%d of %d for another: %v", i, size, err)
			}
		}
	}
}

// Every way to spoil a proof, and why it is refused.
func TestSpoiltProofs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	whole := string(r.proof)
	text := textOf(r.checkpoint)
	bare := string(sign(t, r.key, r.size, r.root))
	lines := strings.SplitAfter(whole, "\n")
	head, first, last := lines[0]+lines[1], lines[2], lines[2+len(r.path(t))-1]
	logLine := strings.TrimPrefix(bare, text+"\n")
	index := fmt.Sprintf("index %d\n", r.index)
	rep := func(old, new string) string {
		t.Helper()
		if strings.Count(whole, old) != 1 {
			t.Fatalf("%q is there %d times", old, strings.Count(whole, old))
		}
		return strings.Replace(whole, old, new, 1)
	}
	on := func(checkpoint string) string {
		return string(tlog.FormatProof(r.index, r.path(t), []byte(checkpoint)))
	}
	signedText := func(text string) string { // by the log, whatever it says
		k := private(logSeed)
		return on(text + "\n" + raw(origin, 1, k, func() []byte { return ed25519.Sign(k, []byte(text)) }))
	}
	root := base64.StdEncoding.EncodeToString(r.root[:])
	forging := evidence.Trust{Log: r.key.Public()}
	hash43 := strings.TrimSuffix(first, "=\n")
	spare := hash43[:42] + string(nextInBase64(hash43[42])) + "=\n" // the same hash to a lenient reader

	for _, c := range []struct {
		name, proof, why string
		trust            *evidence.Trust
	}{
		{name: "empty", proof: "", why: "does not begin"},
		{name: "newline", proof: "\n", why: "does not begin"},
		{name: "header only", proof: lines[0], why: "index"},
		{name: "other version", proof: rep("proof@v1", "proof@v2"), why: "does not begin"},
		{name: "no header", proof: strings.TrimPrefix(whole, lines[0]), why: "does not begin"},
		{name: "header twice", proof: lines[0] + whole, why: "index"},
		{name: "space before", proof: " " + whole, why: "does not begin"},
		{name: "byte order mark", proof: "\ufeff" + whole, why: "does not begin"},
		{name: "header with CR", proof: rep("@v1\n", "@v1\r\n"), why: "does not begin"},
		{name: "all CRLF", proof: strings.ReplaceAll(whole, "\n", "\r\n"), why: "does not begin"},
		{name: "extra", proof: rep(index, "extra YQ==\n"+index), why: "extra data"},
		{name: "empty extra", proof: rep(index, "extra \n"+index), why: "extra data"},
		{name: "extra after index", proof: rep(index, index+"extra YQ==\n"), why: "path"},
		{name: "no index", proof: rep(index, ""), why: "index is missing"},
		{name: "index without number", proof: rep(index, "index \n"), why: "index: not a number"},
		{name: "index without space", proof: rep(index, "index617\n"), why: "index is missing"},
		{name: "Index", proof: rep(index, "Index 617\n"), why: "index is missing"},
		{name: "index twice", proof: rep(index, index+index), why: "path"},
		{name: "plus", proof: rep(index, "index +617\n"), why: "index: not a number"},
		{name: "minus", proof: rep(index, "index -617\n"), why: "index: not a number"},
		{name: "minus zero", proof: rep(index, "index -0\n"), why: "index: not a number"},
		{name: "leading zero", proof: rep(index, "index 0617\n"), why: "index: not a number"},
		{name: "hex", proof: rep(index, "index 0x269\n"), why: "index: not a number"},
		{name: "underscore", proof: rep(index, "index 6_17\n"), why: "index: not a number"},
		{name: "two spaces", proof: rep(index, "index  617\n"), why: "index: not a number"},
		{name: "space after", proof: rep(index, "index 617 \n"), why: "index: not a number"},
		{name: "CR after", proof: rep(index, "index 617\r\n"), why: "index: not a number"},
		{name: "Arabic digits", proof: rep(index, "index ٦١٧\n"), why: "index: not a number"},
		{name: "index too large", proof: rep(index, "index 281474976710657\n"), why: "index: not a number"},
		{name: "index beyond int64", proof: rep(index, "index 18446744073709552233\n"), why: "index: not a number"},
		{name: "index beyond log", proof: rep(index, "index 1000\n"), why: "outside the log"},
		{name: "far beyond log", proof: rep(index, "index 281474976710656\n"), why: "outside the log"},
		{name: "next index", proof: rep(index, "index 618\n"), why: "something else"},
		{name: "index before", proof: rep(index, "index 616\n"), why: "something else"},
		{name: "first index", proof: rep(index, "index 0\n"), why: "something else"},
		{name: "last index", proof: rep(index, "index 999\n"), why: "something else"},
		{name: "no path", proof: head + "\n" + string(r.checkpoint), why: "something else"},
		{name: "first hash missing", proof: rep(first, ""), why: "something else"},
		{name: "last hash missing", proof: rep(last, ""), why: "something else"},
		{name: "first hash twice", proof: rep(first, first+first), why: "something else"},
		{name: "last hash twice", proof: rep(last, last+last), why: "something else"},
		{name: "other order", proof: head + last + strings.Join(lines[3:2+len(r.path(t))-1], "") + first + "\n" + string(r.checkpoint), why: "something else"},
		{name: "root in path", proof: rep(last, last+root+"\n"), why: "something else"},
		{name: "64 hashes", proof: rep(first, strings.Repeat(first, 64)), why: "path"},
		{name: "a thousand hashes", proof: rep(first, strings.Repeat(first, 1000)), why: "path"},
		{name: "two thousand hashes", proof: rep(first, strings.Repeat(first, 2000)), why: "too long"},
		{name: "short hash", proof: rep(first, "AAAA\n"), why: "path"},
		{name: "long hash", proof: rep(first, base64.StdEncoding.EncodeToString(make([]byte, 33))+"\n"), why: "path"},
		{name: "hash of URL", proof: rep(first, base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 32))+"\n"), why: "path"},
		{name: "hash without padding", proof: rep(first, strings.Replace(first, "=", "", 1)), why: "path"},
		{name: "hash with spare bits", proof: rep(first, spare), why: "path"},
		{name: "hash with CR", proof: rep(first, strings.Replace(first, "\n", "\r\n", 1)), why: "path"},
		{name: "CR inside hash", proof: rep(first, first[:10]+"\r"+first[10:]), why: "path"},
		{name: "hash with space", proof: rep(first, " "+first), why: "path"},
		{name: "two hashes in a line", proof: rep(first, strings.Replace(first, "\n", "", 1)+first), why: "path"},
		{name: "not base64", proof: rep(first, "!"+first[1:]), why: "path"},
		{name: "no empty line", proof: rep(last+"\n", last), why: "path"},
		{name: "two empty lines", proof: rep(last+"\n", last+"\n\n"), why: "checkpoint"},
		{name: "no checkpoint", proof: whole[:strings.Index(whole, "\n\n")+2], why: "malformed note"},
		{name: "cut in the path", proof: whole[:strings.Index(whole, "\n\n")-20], why: "checkpoint is missing"},
		{name: "cut before checkpoint", proof: whole[:strings.Index(whole, "\n\n")+1], why: "checkpoint is missing"},
		{name: "cut in the text", proof: whole[:strings.Index(whole, origin)+3], why: "malformed note"},
		{name: "cut before signatures", proof: on(text), why: "malformed note"},
		{name: "no signatures", proof: on(text + "\n"), why: "malformed note"},
		{name: "no last newline", proof: strings.TrimSuffix(whole, "\n"), why: "malformed note"},
		{name: "cut in a signature", proof: whole[:len(whole)-30], why: "malformed note"},
		{name: "something after", proof: whole + "x\n", why: "malformed note"},
		{name: "another proof after", proof: whole + whole, why: "invalid signature"},
		{name: "empty line after", proof: whole + "\n", why: "malformed note"},
		{name: "NUL", proof: rep(text, strings.Replace(text, "\n", "\x00\n", 1)), why: "malformed note"},
		{name: "not UTF-8", proof: rep(text, "\xff"+text), why: "malformed note"},
		{name: "hyphen for dash", proof: on(text + "\n" + strings.Replace(logLine, "—", "-", 1)), why: "malformed note"},
		{name: "signature of nothing", proof: on(text + "\n— " + origin + " AAAAAA==\n"), why: "malformed note"},
		{name: "size changed", proof: rep("\n1000\n", "\n1001\n"), why: "invalid signature"},
		{name: "size with zero", proof: rep("\n1000\n", "\n01000\n"), why: "invalid signature"},
		{name: "root changed", proof: rep(root, base64.StdEncoding.EncodeToString(make([]byte, 32))), why: "invalid signature"},
		{name: "origin changed", proof: rep(text, strings.Replace(text, origin, "erds.example/lot", 1)), why: "invalid signature"},
		{name: "line added", proof: rep(text, text+"more\n"), why: "invalid signature"},
		{name: "empty line added", proof: rep(text, "\n"+text), why: "invalid signature"},
		{name: "log did not sign", proof: rep(logLine, ""), why: "not signed by the log"},
		{name: "nobody known signed", proof: on(text + "\n" + rawCosignature("x.example", 77, 1, text)), why: "no verifiable signatures"},
		{name: "log name changed", proof: rep("— "+origin, "— erds.example/lot"), why: "not signed by the log"},
		{name: "signature changed", proof: rep(logLine, logLine[:60]+string(nextInBase64(logLine[60]))+logLine[61:]), why: "invalid signature"},
		{name: "log signs twice", proof: rep(logLine, logLine+logLine), why: "twice"},
		{name: "witness signs twice", proof: on(bare + r.cosignature(0, text) + r.cosignature(0, text) + r.cosignature(1, text)), why: "twice"},
		{name: "stranger twice", proof: whole + rawCosignature("x.example", 77, 1, text) + rawCosignature("x.example", 77, 1, text), why: "twice"},
		{name: "a hundred strangers", proof: whole + strangers(100), why: "malformed note"},
		{name: "spare bits in signature", proof: rep(logLine, spareBits(logLine)), why: "one encoding"},
		{name: "one witness", proof: on(bare + r.cosignature(0, text)), why: "1 witnesses signed, 2 are needed"},
		{name: "no witness", proof: on(bare), why: "0 witnesses signed, 2 are needed"},
		{name: "same witness again later", proof: on(bare + rawCosignature("witness0.example", 0, 5, text) + rawCosignature("witness0.example", 0, 6, text)), why: "twice"},
		{name: "witness of another size", proof: on(bare + r.cosignature(0, text) + r.cosignature(1, strings.Replace(text, "1000", "999", 1))), why: "invalid signature"},
		{name: "witness without time", proof: on(bare + r.cosignature(0, text) + rawCosignature("witness1.example", 1, 0, text)), why: "invalid signature"},
		{name: "witness after all time", proof: on(bare + r.cosignature(0, text) + rawCosignature("witness1.example", 1, 1<<63, text)), why: "invalid signature"},
		{name: "time changed", proof: on(bare + r.cosignature(0, text) + r.otherTime(text)), why: "invalid signature"},
		{name: "witness under another name", proof: on(bare + r.cosignature(0, text) + rawCosignature("witness7.example", 1, 5, text)), why: "1 witnesses signed"},
		{name: "plain signature of witness", proof: on(bare + r.cosignature(0, text) + raw("witness1.example", 4, private(1), func() []byte { return ed25519.Sign(private(1), []byte(text)) })), why: "invalid signature"},
		{name: "witness signs as a log", proof: on(bare + r.cosignature(0, text) + raw("witness1.example", 1, private(1), func() []byte { return ed25519.Sign(private(1), []byte(text)) })), why: "1 witnesses signed"},

		// A log that signs nonsense is refused as well.
		{name: "signed: size with plus", proof: signedText(origin + "\n+1000\n" + root + "\n"), why: "size", trust: &forging},
		{name: "signed: size with zero", proof: signedText(origin + "\n01000\n" + root + "\n"), why: "size", trust: &forging},
		{name: "signed: negative size", proof: signedText(origin + "\n-1\n" + root + "\n"), why: "size", trust: &forging},
		{name: "signed: huge size", proof: signedText(origin + "\n9223372036854775807\n" + root + "\n"), why: "size", trust: &forging},
		{name: "signed: huge size as power", proof: signedText(origin + "\n4611686018427387905\n" + root + "\n"), why: "size", trust: &forging},
		{name: "signed: size of nothing", proof: signedText(origin + "\n0\n" + root + "\n"), why: "empty tree", trust: &forging},
		{name: "signed: no root", proof: signedText(origin + "\n1000\n"), why: "three lines", trust: &forging},
		{name: "signed: short root", proof: signedText(origin + "\n1000\nAAAA\n"), why: "root", trust: &forging},
		{name: "signed: root and spare bits", proof: signedText(origin + "\n1000\n" + root[:42] + string(nextInBase64(root[42])) + "=\n"), why: "root", trust: &forging},
		{name: "signed: empty extension", proof: signedText(origin + "\n1000\n" + root + "\n\n\nmore\n"), why: "three lines", trust: &forging},
		{name: "signed: other origin", proof: signedText("erds.example/lot\n1000\n" + root + "\n"), why: "origin is", trust: &forging},
		{name: "signed: no origin", proof: signedText("\n1000\n" + root + "\n"), why: "three lines", trust: &forging},
		{name: "signed: smaller tree", proof: signedText(origin + "\n618\n" + root + "\n"), why: "something else", trust: &forging},
		{name: "signed: larger tree", proof: signedText(origin + "\n2000\n" + root + "\n"), why: "something else", trust: &forging},
	} {
		trust := r.trust
		if c.trust != nil {
			trust = *c.trust
		}
		info, err := tlog.Checker{}.CheckProof([]byte(c.proof), entry(r.index), trust)
		if !errors.Is(err, evidence.ErrProof) || !strings.Contains(err.Error(), c.why) || info.Origin != "" {
			t.Errorf("%s: got %v, want %q", c.name, err, c.why)
		}
	}
	// What the log signs beside the three lines does no harm.
	ok := signedText(origin + "\n1000\n" + root + "\nmore\n")
	if _, err := (tlog.Checker{}).CheckProof([]byte(ok), entry(r.index), forging); err != nil {
		t.Errorf("extension line: %v", err)
	}
}

// Every octet counts: no flip of a bit in a proof of which all signers are known
// and needed goes unnoticed, and no cut.
func TestEveryFlipIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.trust.Quorum = 3
	for i := range r.proof {
		for _, bit := range []byte{1, 0x20} {
			wrong := slices.Clone(r.proof)
			wrong[i] ^= bit
			if _, err := (tlog.Checker{}).CheckProof(wrong, entry(r.index), r.trust); !errors.Is(err, evidence.ErrProof) {
				t.Errorf("octet %d, bit %#x: %v", i, bit, err)
			}
		}
		if _, err := (tlog.Checker{}).CheckProof(r.proof[:i], entry(r.index), r.trust); !errors.Is(err, evidence.ErrProof) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

func TestOtherEntriesAndKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := newKey(t, origin)
	w := r.trust.Witnesses
	with := func(change func(*evidence.Trust)) evidence.Trust {
		trust := r.trust
		trust.Witnesses = slices.Clone(w)
		change(&trust)
		return trust
	}
	node := r.path(t)[0] // an inner hash is no entry
	for _, c := range []struct {
		name  string
		entry hash
		trust evidence.Trust
		why   string
	}{
		{"neighbour", entry(r.index + 1), r.trust, "something else"},
		{"no entry", hash{}, r.trust, "something else"},
		{"a hash of the tree", node, r.trust, "something else"},
		{"root as entry", r.root, r.trust, "something else"},
		{"other key, same origin", entry(r.index), with(func(t *evidence.Trust) { t.Log = other.Public() }), "not signed by the log"},
		{"no key", entry(r.index), with(func(t *evidence.Trust) { t.Log = "" }), "verifier key of a log"},
		{"key of a witness as log", entry(r.index), with(func(t *evidence.Trust) { t.Log = w[0] }), "verifier key of a log"},
		{"half a key", entry(r.index), with(func(t *evidence.Trust) { t.Log = t.Log[:40] }), "verifier key of a log"},
		{"key with newline", entry(r.index), with(func(t *evidence.Trust) { t.Log += "\n" }), "verifier key of a log"},
		{"log as witness", entry(r.index), with(func(t *evidence.Trust) { t.Witnesses[0] = t.Log }), "witness"},
		{"no witness, quorum", entry(r.index), with(func(t *evidence.Trust) { t.Witnesses = nil }), "quorum"},
		{"quorum too large", entry(r.index), with(func(t *evidence.Trust) { t.Quorum = 4 }), "quorum"},
		{"negative quorum", entry(r.index), with(func(t *evidence.Trust) { t.Quorum = -1 }), "quorum"},
		{"witness twice", entry(r.index), with(func(t *evidence.Trust) { t.Witnesses[1] = w[0] }), "the key of another"},
		{"witness under two names", entry(r.index), with(func(t2 *evidence.Trust) {
			t2.Witnesses[1] = witness(t, "other.example", 0).Verifier().String()
		}), "the key of another"},
		{"unknown witnesses", entry(r.index), with(func(t2 *evidence.Trust) {
			t2.Witnesses = []string{w[0], witness(t, "a.example", 11).Verifier().String(), witness(t, "b.example", 12).Verifier().String()}
		}), "1 witnesses signed"},
		{"witness renamed", entry(r.index), with(func(t *evidence.Trust) { t.Witnesses[0] = "x" + w[0] }), "verifier key of a witness"},
		{"witness empty", entry(r.index), with(func(t *evidence.Trust) { t.Witnesses[0] = "" }), "verifier key of a witness"},
	} {
		if _, err := (tlog.Checker{}).CheckProof(r.proof, c.entry, c.trust); !errors.Is(err, evidence.ErrProof) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.why)
		}
	}
}

func FuzzCheckProof(f *testing.F) {
	r := newRig(f)
	f.Add(r.proof)
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\n" + origin + "\n1\n"))
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra AA==\nindex 18446744073709551616\n"))
	policy := r.policy(f)
	e := entry(r.index)
	f.Fuzz(func(t *testing.T, proof []byte) {
		_, err := tlog.Checker{}.CheckProof(proof, e, r.trust)
		if err != nil && !errors.Is(err, evidence.ErrProof) {
			t.Fatal(err)
		}
		// Whatever we believe, torchwood believes.
		if err == nil && torchwood.VerifyProof(policy, merkle.RecordHash(e[:]), proof) != nil {
			t.Fatalf("torchwood refuses %q", proof)
		}
	})
}
