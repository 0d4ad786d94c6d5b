package ledger_test

import (
	"fmt"
	"testing"
)

// These time what the ledger adds to signatures, proofs and PDFs, which cost
// nothing here, on a database that does not wait for the disk. "bode bench ledger"
// measures everything together.

// BenchmarkSeal takes the last event of a history up to its signature.
func BenchmarkSeal(b *testing.B) {
	for _, n := range []int{2, 60} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRig(b)
			last := r.recorded(n)[n-1]
			for b.Loop() {
				b.StopTimer()
				r.forget()
				b.StartTimer()
				r.must(r.sign(last))
			}
		})
	}
}

// BenchmarkBatch puts pieces into a batch and says how many a second.
func BenchmarkBatch(b *testing.B) {
	const pieces = 1000
	r := newRig(b)
	list := r.recorded(pieces)
	for b.Loop() {
		b.StopTimer()
		r.forget()
		for _, e := range list {
			r.must(r.sign(e))
		}
		b.StartTimer()
		if n, err := r.Batch(b.Context()); n != pieces || err != nil {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.N)*pieces/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkFinish makes the proofs of one of 1000 pieces and stores its PDF.
func BenchmarkFinish(b *testing.B) {
	r := newRig(b)
	list := r.recorded(1000)
	for _, e := range list {
		r.must(r.sign(e))
	}
	_, err := r.Batch(b.Context())
	r.must(err)
	e := list[29]
	for b.Loop() {
		b.StopTimer()
		r.exec(`ALTER TABLE evidence DISABLE TRIGGER USER`)
		r.exec(`UPDATE evidence SET pdf = NULL, pdf_sha256 = NULL, sealed_at = NULL`)
		b.StartTimer()
		r.must(r.Finish(b.Context(), one(e.Delivery, e.Seq)))
	}
}

// forget removes all evidence, as nobody else can.
func (r *rig) forget() {
	r.t.Helper()
	r.exec(`ALTER TABLE evidence DISABLE TRIGGER USER`)
	r.exec(`DELETE FROM evidence`)
	r.exec(`ALTER TABLE evidence ENABLE TRIGGER USER`)
}
