package ers_test

import (
	"fmt"
	"testing"

	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

func BenchmarkTree(b *testing.B) {
	for _, n := range []int{1000, ers.MaxLeaves} {
		l := leaves(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				tree(b, l)
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	now := evidencetest.At()
	a := authority(b, &now)
	tr := tree(b, leaves(ers.MaxLeaves))
	token := stamp(b, a, tr.Root())
	for b.Loop() {
		record(b, tr, 7, token)
	}
}

func BenchmarkCheck(b *testing.B) {
	now := evidencetest.At()
	a := authority(b, &now)
	l := leaves(ers.MaxLeaves)
	tr := tree(b, l)
	der := record(b, tr, 7, stamp(b, a, tr.Root()))
	trust := a.Trust()
	b.ReportMetric(float64(len(der)), "octets")
	for b.Loop() {
		if _, err := (ers.Checker{}).CheckRecord(der, l[7], trust); err != nil {
			b.Fatal(err)
		}
	}
}
