package main

import (
	"bytes"
	"slices"
	"testing"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/pades"
)

// TestLongTermPDF extends the PDF of every piece, those of a batch as well, and
// finds nothing left to ask about revocation.
func TestLongTermPDF(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, p := range w.pieces {
		for _, v := range []evidence.Validation{w.Validation(), w.ValidationByLists()} {
			pdf, err := pades.Extend(p.PDF, v)
			check(t, err)
			r := verifier().Check(pdf, w.trust)
			judged := slices.ContainsFunc(r.Checks, func(c evidence.Check) bool { return c.Code == evidence.CheckRevocation })
			if !r.OK() || !judged || r.Document == nil || !bytes.Equal(r.Content, p.XML) {
				t.Errorf("%s: %s", p.Event, r.Failures())
			}
			for _, u := range r.Unchecked {
				if u.Code != evidence.CheckTimeStamp || p.Record == nil {
					t.Errorf("%s: unchecked: %v", p.Event, u)
				}
			}
			if issued, err := pades.Issued(pdf); err != nil || !bytes.Equal(issued, p.PDF) {
				t.Errorf("%s: not as it was issued: %v", p.Event, err)
			}
		}
	}
}
