package evidence_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// shownKey is a key with certificates of the test's choice. It counts how often
// they are looked at.
type shownKey struct {
	crypto.Signer
	certs []*x509.Certificate
	looks int
}

func (k *shownKey) Certificates() []*x509.Certificate { k.looks++; return k.certs }

func TestChecked(t *testing.T) {
	t.Parallel()
	a, err := evidencetest.New(evidencetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := evidencetest.New(evidencetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	good, next := &shownKey{Signer: a.SealKey(), certs: a.SealChain()}, &shownKey{Signer: b.SealKey(), certs: b.SealChain()}
	short, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	none := errors.New("none")
	var now evidence.SealKey
	var fails error
	key := evidence.KeyAt(func(time.Time) (evidence.SealKey, error) { return now, fails }).Checked()
	for _, c := range []struct {
		name  string
		key   evidence.SealKey
		fails error
		want  error
	}{
		{"first", good, nil, nil},
		{"again", good, nil, nil},
		{"next", next, nil, nil},
		{"next again", next, nil, nil},
		{"nothing", nil, nil, evidence.ErrSealKey},
		{"error", nil, none, none},
		{"no certificate", &shownKey{Signer: good}, nil, evidence.ErrSealKey},
		{"another's certificate", &shownKey{Signer: good, certs: b.SealChain()}, nil, evidence.ErrSealKey},
		{"another's, twice", &shownKey{Signer: good, certs: b.SealChain()}, nil, evidence.ErrSealKey},
		{"issuer's certificate", &shownKey{Signer: good, certs: a.SealChain()[1:]}, nil, evidence.ErrSealKey},
		{"too short", &shownKey{Signer: short, certs: []*x509.Certificate{{PublicKey: short.Public()}}}, nil, evidence.ErrAlgorithm},
		{"that cannot be compared", a.SealKey(), nil, nil},
		{"that cannot be compared, again", a.SealKey(), nil, nil},
		{"back", good, nil, nil},
	} {
		now, fails = c.key, c.fails
		if got, err := key(evidencetest.At()); !errors.Is(err, c.want) || err == nil && got.Public() != c.key.Public() || err != nil && got != nil {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	if good.looks != 2 || next.looks != 1 {
		t.Errorf("checked %d and %d times, want 2 and 1", good.looks, next.looks)
	}
	if evidence.FixedKey(nil) != nil {
		t.Error("a key is made of nothing")
	}
}

func BenchmarkChecked(b *testing.B) {
	a, err := evidencetest.New(evidencetest.Config{})
	if err != nil {
		b.Fatal(err)
	}
	key := evidence.FixedKey(&shownKey{Signer: a.SealKey(), certs: a.SealChain()}).Checked()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := key(evidencetest.At()); err != nil {
			b.Fatal(err)
		}
	}
}
