package evidence_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

func ec(c elliptic.Curve) *ecdsa.PublicKey { return &ecdsa.PublicKey{Curve: c} }

// rsaOf is a key of that length that nobody can use.
func rsaOf(bits uint) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	now, last := evidencetest.At(), time.Date(2035, 12, 31, 23, 59, 59, 0, time.UTC)
	for _, c := range []struct {
		name string
		key  crypto.PublicKey
		h    crypto.Hash
		at   time.Time
		ok   bool
	}{
		{"P-256", ec(elliptic.P256()), crypto.SHA256, now, true},
		{"P-384", ec(elliptic.P384()), crypto.SHA384, now, true},
		{"RSA-3072", rsaOf(3072), crypto.SHA256, now, true},
		{"RSA-8192", rsaOf(8192), crypto.SHA512, now, true},
		{"on its last day", ec(elliptic.P256()), crypto.SHA256, last, true},
		{"a day later", ec(elliptic.P256()), crypto.SHA256, last.Add(time.Second), false},
		{"RSA, a day later", rsaOf(4096), crypto.SHA256, last.Add(time.Second), false},
		{"RSA-2048", rsaOf(2048), crypto.SHA256, now, false},
		{"RSA-3071", rsaOf(3071), crypto.SHA256, now, false},
		{"RSA that takes for ever", rsaOf(1 << 20), crypto.SHA256, now, false},
		{"P-224", ec(elliptic.P224()), crypto.SHA256, now, false},
		{"P-521", ec(elliptic.P521()), crypto.SHA512, now, false},
		{"Ed25519", ed25519.PublicKey{}, crypto.SHA512, now, false},
		{"SHA-1", ec(elliptic.P256()), crypto.SHA1, now, false},
		{"SHA-1, long ago", ec(elliptic.P256()), crypto.SHA1, now.AddDate(-30, 0, 0), false},
		{"MD5", rsaOf(3072), crypto.MD5, now, false},
		{"SHA-224", ec(elliptic.P256()), crypto.SHA224, now, false},
		{"no digest", ec(elliptic.P256()), 0, now, false},
		{"no key", nil, crypto.SHA256, now, false},
	} {
		err := evidence.Allowed(c.key, c.h, c.at)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, evidence.ErrAlgorithm) {
			t.Errorf("%s: got %v", c.name, err)
		}
		when, ok := evidence.Weakens(c.key, c.h, c.at)
		if ok != c.ok || ok && !when.After(c.at) {
			t.Errorf("%s: weakens at %s, %v", c.name, when, ok)
		}
	}
}

// chain makes a root, an authority below it and a leaf with the given keys and
// the algorithm that signs the leaf.
func chain(t *testing.T, root, between, leaf crypto.Signer, how x509.SignatureAlgorithm) (all []*x509.Certificate, trust evidence.Trust) {
	t.Helper()
	make := func(name string, pub crypto.PublicKey, parent *x509.Certificate, key crypto.Signer, ca bool, how x509.SignatureAlgorithm) *x509.Certificate {
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(len(name))), Subject: pkix.Name{CommonName: name}, SignatureAlgorithm: how,
			NotBefore: evidencetest.At().AddDate(-1, 0, 0), NotAfter: evidencetest.At().AddDate(30, 0, 0),
			IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature}
		if ca {
			c.KeyUsage = x509.KeyUsageCertSign
		}
		if parent == nil {
			parent = c
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, key)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		return c
	}
	r := make("root", root.Public(), nil, root, true, 0)
	b := make("between", between.Public(), r, root, true, 0)
	l := make("a leaf", leaf.Public(), b, between, false, how)
	trust.Seal = x509.NewCertPool()
	trust.Seal.AddCert(r)
	return []*x509.Certificate{l, b}, trust
}

// What was too weak when the time-stamp was made is refused, wherever in the
// path it stands.
func TestWeakPaths(t *testing.T) {
	t.Parallel()
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	odd, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name                string
		root, between, leaf crypto.Signer
		how                 x509.SignatureAlgorithm
		at                  time.Time
		ok                  bool
	}{
		{"good", good, good, good, 0, evidencetest.At(), true},
		{"SHA-512", good, good, good, x509.ECDSAWithSHA512, evidencetest.At(), true},
		{"short root", short, good, good, 0, evidencetest.At(), false},
		{"short authority", good, short, good, 0, evidencetest.At(), false},
		{"short leaf", good, good, short, 0, evidencetest.At(), false},
		{"other curve", good, good, odd, 0, evidencetest.At(), false},
		{"after the end of the algorithm", good, good, good, 0, time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC), false},
	} {
		all, trust := chain(t, c.root, c.between, c.leaf, c.how)
		err := evidence.VerifySealCertificate(all[0], all, c.at, trust)
		if (err == nil) != c.ok || !c.ok && !errors.Is(err, evidence.ErrAlgorithm) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	all, trust := chain(t, good, good, good, 0)
	for len(all) < 100 {
		all = append(all, all[1])
	}
	if err := evidence.VerifySealCertificate(all[0], all, evidencetest.At(), trust); err == nil {
		t.Error("a hundred certificates are accepted")
	}
}
