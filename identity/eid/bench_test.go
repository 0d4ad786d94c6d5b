package eid_test

import (
	"testing"
	"time"
)

// BenchmarkWebEID is a whole judgement: token, certificate, chain, and a new OCSP
// answer over loopback, or one that is kept.
func BenchmarkWebEID(b *testing.B) {
	for _, kept := range []bool{false, true} {
		b.Run(map[bool]string{false: "asked", true: "kept"}[kept], func(b *testing.B) {
			a := authority(b)
			v := verifier(b, a)
			w, card := webEID(b, v), issue(b, a, ann())
			c := begin(b, w)
			s := answer(token(b, card, c.Nonce, origin))
			for b.Loop() {
				if !kept {
					v.Forget()
				}
				if _, err := w.Finish(b.Context(), c.Saved, s, time.Now()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "validations/s")
		})
	}
}

// BenchmarkReverify is what an auditor does, without a network.
func BenchmarkReverify(b *testing.B) {
	a := authority(b)
	v := verifier(b, a)
	p, err := identify(b, webEID(b, v), issue(b, a, ann()), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := v.Reverify(p.Token, p.At); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "validations/s")
}
