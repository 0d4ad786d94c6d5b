package asic_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// TestEveryKey seals a dossier with every kind of key that may seal.
func TestEveryKey(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"P-256", "P-384", "RSA-3072"} {
		a, err := evidencetest.New(evidencetest.Config{Key: kind, Now: func() time.Time { return evidencetest.At().Add(time.Minute) }})
		if err != nil {
			t.Fatal(err)
		}
		w, err := asic.New(asic.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range map[string]evidence.Validation{"B-T": {}, "B-LT": a.Validation()} {
			d := dossier(t)
			d.Validation = v
			var b bytes.Buffer
			if err := w.Write(t.Context(), &b, d, evidencetest.At()); err != nil {
				t.Fatalf("%s, %s: %v", kind, name, err)
			}
			if r := checker().Check(b.Bytes(), a.Trust()); !r.OK() {
				t.Errorf("%s, %s: %s", kind, name, r.Failures())
			}
		}
	}
}
