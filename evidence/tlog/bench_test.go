package tlog_test

import (
	"testing"

	"github.com/bode-erds/bode/evidence/tlog"
)

const million = 1_000_000

// A batch of 1000 entries on a log of a million, up to the signed checkpoint.
func BenchmarkGrow(b *testing.B) {
	l, k, batch := newLog(b, million), newKey(b, origin), entries(0, 1000)
	for b.Loop() {
		g, err := tlog.Grow(b.Context(), l, million, batch)
		if err != nil {
			b.Fatal(err)
		}
		sign(b, k, g.Size, g.Root)
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkProve(b *testing.B) {
	l := newLog(b, million)
	var i int64
	for b.Loop() {
		if _, err := tlog.Prove(b.Context(), l, million, i*7919%million); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// Every entry of the last batch of 1000.
func BenchmarkProveBatch(b *testing.B) {
	l := newLog(b, million)
	for b.Loop() {
		p := tlog.NewProver(l, million)
		for i := range int64(1000) {
			if _, err := p.Prove(b.Context(), million-1000+i); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "proofs/s")
}

// One checkpoint with three cosignatures, two of them needed.
func BenchmarkCheckProof(b *testing.B) {
	r := newRig(b)
	r.log = newLog(b, million)
	r.proof = tlog.FormatProof(r.index, r.path(b), cosign(b, sign(b, r.key, million, r.root), r.key.Public(), r.signers()...))
	e := entry(r.index)
	b.ReportMetric(float64(len(r.proof)), "octets")
	for b.Loop() {
		if _, err := (tlog.Checker{}).CheckProof(r.proof, e, r.trust); err != nil {
			b.Fatal(err)
		}
	}
}
