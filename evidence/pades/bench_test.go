package pades

import (
	"context"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

func BenchmarkRender(b *testing.B) {
	d, a := sample("nl"), besideSample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Render(d, a); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSealPDF seals without and with a time-stamp, which an authority in
// the same process gives.
func BenchmarkSealPDF(b *testing.B) {
	a := authority(b, "")
	s, d, in := newSealer(b, a), sample("nl"), besideSample()
	in.XML = sourceXML(b, a)
	for name, own := range map[string]bool{"B-B": false, "B-T": true} {
		in.Own = own
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pdf, err := s.SealPDF(context.Background(), d, in, signingTime)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(pdf)), "B/file")
			}
		})
	}
}

// BenchmarkSign measures the signing library alone.
func BenchmarkSign(b *testing.B) {
	a := authority(b, "")
	s := newSealer(b, a)
	f, err := render(sample("nl"), evidence.Attached{XML: []byte(sampleXML)}, true)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.sign(context.Background(), f, claim{a.SealKey(), "x", "y", signingTime, true}, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	pdf, a := sealed(b, "P-256")
	b.ReportAllocs()
	for b.Loop() {
		if !(Checker{}).Check(pdf, a.Trust()).OK() {
			b.Fatal("refused")
		}
	}
}
