package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// sample is something broken. It is refused by one of the questions in want,
// separated by spaces, and says nothing that anybody could rely on.
type sample struct {
	name   string
	doc    []byte
	beside evidence.Beside // of XML
	trust  evidence.Trust
	want   string
}

// TestCorpus holds that every kind of tampering is refused, for the right reason.
func TestCorpus(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	v := verifier()
	for i, p := range w.pieces {
		if r := v.CheckWith(p.XML, p.Beside, w.trust); !r.OK() || len(r.Unchecked) > 1 {
			t.Fatalf("piece %d is not in order: %s %v", i, r.Failures(), r.Unchecked)
		}
		if r := v.Check(p.PDF, w.trust); !r.OK() {
			t.Fatalf("PDF %d is not in order: %s", i, r.Failures())
		}
	}
	if r := v.Check(w.dossier(t), w.trust); !r.OK() {
		t.Fatalf("dossier is not in order: %s", r.Failures())
	}
	var all []sample
	for _, make := range []func(*testing.T, *world, *world) []sample{
		brokenContent, brokenStructure, brokenSignatures, brokenTimes, brokenTokens, brokenCertificates, brokenProofs, brokenRevocation, brokenPDF, brokenDossiers,
	} {
		all = append(all, make(t, w, other)...)
	}
	seen := map[string]int{}
	names := map[string]bool{}
	for _, s := range all {
		r := v.CheckWith(s.doc, s.beside, s.trust)
		code := failed(r)
		if r.OK() || !slices.Contains(strings.Fields(s.want), string(code)) {
			t.Errorf("%s: got %q, want %s: %s", s.name, code, s.want, r.Failures())
		}
		if r.Document != nil || r.Content != nil || r.Stamps != nil {
			t.Errorf("%s: refused, yet it says something", s.name)
		}
		if names[s.name] {
			t.Errorf("%s: two samples of that name", s.name)
		}
		seen[string(code)]++
		names[s.name] = true
	}
	t.Logf("%d samples: %v", len(all), seen)
	if len(all) < 500 {
		t.Errorf("got %d samples, want at least 500", len(all))
	}
}

// failed is the first question that was answered with no.
func failed(r evidence.Report) evidence.Code {
	for _, c := range r.Checks {
		if !c.OK {
			return c.Code
		}
	}
	return ""
}
