package xades_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/xades"
)

// bare is how long a P-256 signature takes here and now.
func bare(b *testing.B) time.Duration {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("evidence"))
	const rounds = 2000
	start := time.Now()
	for range rounds {
		if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start) / rounds
}

// BenchmarkEvidence makes evidence from its event, and says how many bare
// signatures each would pay for.
func BenchmarkEvidence(b *testing.B) {
	w := newWorld(b, "P-256")
	doc := evidencetest.Document(evidence.ContentHandover)
	token := stored{}
	var err error
	digest := sha256.Sum256(nil)
	if token.token, err = w.Stamper().Stamp(b.Context(), digest[:]); err != nil {
		b.Fatal(err)
	}
	sealer, err := xades.New(xades.Config{Key: evidence.FixedKey(w.SealKey()), Stamper: token})
	if err != nil {
		b.Fatal(err)
	}
	engine := evidence.Engine{XML: sealer, XMLChecker: xades.Checker{}}
	prepare := func(b *testing.B) *evidence.Prepared {
		p, err := evidence.Prepare(doc)
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name string
		make func(b *testing.B) error
	}{
		{"prepare", func(b *testing.B) error { prepare(b); return nil }},
		{"sign", func(b *testing.B) error { _, err := sealer.SignXML(prepare(b), evidencetest.At()); return err }},
		{"sign-checked", func(b *testing.B) error { _, err := engine.Sign(prepare(b), evidencetest.At()); return err }},
		{"sign-stamp", func(b *testing.B) error { _, err := seal(b, sealer, prepare(b), evidencetest.At()); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			one := bare(b)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.make(b); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(one), "signatures/op")
		})
	}
}

// stored is a stamper that costs nothing: an authority's time is its own.
type stored struct{ token []byte }

func (s stored) Stamp(context.Context, []byte) ([]byte, error) { return s.token, nil }
