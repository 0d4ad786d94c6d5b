package pades

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// TestSealFile seals a PDF that is no evidence, lets pdfsig judge it, and makes
// sure that it cannot be taken for evidence.
func TestSealFile(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	s, err := New(Config{Key: a.SealKey(), Stamper: a.Stamper()})
	if err != nil {
		t.Fatal(err)
	}
	unsigned, err := Render(evidencetest.Document(evidence.SubmissionAcceptance), evidence.Attached{XML: []byte(sampleXML)})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.SealFile(t.Context(), unsigned, "Bode", "7PSG-TGDM-5XBG", evidencetest.At())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(sealed, unsigned) {
		t.Error("the sealed file does not begin with the one that was given")
	}
	out := run(t, "pdfsig", "-nocert", write(t, t.TempDir(), "letter.pdf", sealed))
	for _, want := range []string{"Signature is Valid", "Total document signed"} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q:\n%s", want, out)
		}
	}
	if _, err := s.SealFile(t.Context(), sealed, "Bode", "again", evidencetest.At()); !errors.Is(err, ErrSeal) {
		t.Errorf("sealed twice: %v", err)
	}
	for _, broken := range [][]byte{nil, []byte("no PDF"), unsigned[:len(unsigned)/2]} {
		if _, err := s.SealFile(t.Context(), broken, "Bode", "x", evidencetest.At()); !errors.Is(err, ErrSeal) {
			t.Errorf("%d octets: %v", len(broken), err)
		}
	}
}
