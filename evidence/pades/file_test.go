package pades

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
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
	s, err := New(Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
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

// TestSealedFileIsNoEvidence has a stranger make a file of the shape of evidence
// with genuine XML inside and a page of his own, and has it sealed as a letter.
func TestSealedFileIsNoEvidence(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	file, err := Render(sample("nl"), evidence.Attached{XML: []byte(sampleXML)})
	if err != nil {
		t.Fatal(err)
	}
	in := func(old, with string) {
		if !bytes.Contains(file, []byte(old)) {
			t.Fatalf("no %s inside", old)
		}
		file = bytes.Replace(file, []byte(old), fmt.Appendf(nil, "%-*s", len(old), with), 1)
	}
	// A dictionary of permissions takes the place of one that says how to show it.
	prefs := string(regexp.MustCompile(`/ViewerPreferences \d+ 0 R`).Find(file))
	in(prefs, strings.Replace(prefs, "ViewerPreferences", "Perms", 1))
	size, _ := number(regexp.MustCompile(`/Size (\d+)\s+/Root`).FindSubmatch(file)[1])
	in("<< /DisplayDocTitle true >>", fmt.Sprintf("<< /DocMDP %d 0 R >>", size+1))
	letter, err := newSealer(t, a).SealFile(t.Context(), file, "Bode", "letter", signingTime)
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(\d+) 0 obj\s+<<\s+/Type /Sig\s`).FindSubmatch(letter); m == nil || string(m[1]) != fmt.Sprint(size+1) {
		t.Fatalf("the seal is object %q, want %d", m, size+1)
	}
	r := Checker{}.Check(letter, a.Trust())
	if ok, _ := answer(r, evidence.CheckFormat); ok || r.OK() {
		t.Error("a letter passes for evidence")
	}
}
