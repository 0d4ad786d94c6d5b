package pades

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// answer is what r says of a question.
func answer(r evidence.Report, code evidence.Code) (ok, asked bool) {
	i := slices.IndexFunc(r.Checks, func(c evidence.Check) bool { return c.Code == code })
	return i >= 0 && r.Checks[i].OK, i >= 0
}

func extended(t testing.TB, pdf []byte, v evidence.Validation) []byte {
	t.Helper()
	out, err := Extend(pdf, v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestExtend(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"P-256", "RSA-3072"} {
		pdf, a := sealed(t, key)
		if _, asked := answer(Checker{}.Check(pdf, a.Trust()), evidence.CheckRevocation); asked {
			t.Errorf("%s: revocation judged without data", key)
		}
		for _, v := range []evidence.Validation{a.Validation(), a.ValidationByLists()} {
			out := extended(t, pdf, v)
			r := Checker{}.Check(out, a.Trust())
			if ok, _ := answer(r, evidence.CheckRevocation); !ok || !r.OK() || string(r.Content) != sampleXML {
				t.Errorf("%s: %+v", key, r)
			}
			back, err := Issued(out)
			if err != nil || !bytes.Equal(back, pdf) {
				t.Errorf("%s: not given back as it was issued: %v", key, err)
			}
			if back, err = Issued(pdf); err != nil || !bytes.Equal(back, pdf) {
				t.Errorf("%s: issued: %v", key, err)
			}
			slices.Reverse(v.Certificates)
			v.CRLs = append(v.CRLs, v.CRLs...)
			if !bytes.Equal(extended(t, pdf, v), out) {
				t.Errorf("%s: the same pieces give another file", key)
			}
		}
	}
}

// TestExtendLeavesItsInput makes sure that nothing is written behind the end of
// a slice that is part of a larger one.
func TestExtendLeavesItsInput(t *testing.T) {
	t.Parallel()
	pdf, a := sealed(t, "P-256")
	long := append(bytes.Clone(pdf), make([]byte, 1<<16)...)
	extended(t, long[:len(pdf)], a.Validation())
	if !bytes.Equal(long, append(bytes.Clone(pdf), make([]byte, 1<<16)...)) {
		t.Error("changed what it was given")
	}
}

func TestExtendRefuses(t *testing.T) {
	t.Parallel()
	pdf, a := sealed(t, "P-256")
	v := a.Validation()
	once := extended(t, pdf, v)
	unstamped, err := newSealer(t, a).SealPDF(context.Background(), sample("nl"), evidence.Attached{XML: []byte(sampleXML)}, signingTime)
	if err != nil {
		t.Fatal(err)
	}
	letter, err := newSealer(t, a).SealFile(context.Background(), pdf[:bytes.Index(pdf, []byte("%%EOF\n"))+6], "Bode", "letter", signingTime)
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string][]byte{
		"nothing":       nil,
		"no PDF":        []byte("%PDF-1.7\n"),
		"extended":      once,
		"no time-stamp": unstamped,
		"no evidence":   letter,
		"appended":      append(bytes.Clone(pdf), '\n'),
		"cut":           pdf[:len(pdf)-1],
	} {
		if out, err := Extend(doc, v); !errors.Is(err, evidence.ErrDocument) || out != nil {
			t.Errorf("%s: extended: %v", name, err)
		}
		if name == "extended" || name == "no time-stamp" {
			continue
		}
		if out, err := Issued(doc); !errors.Is(err, evidence.ErrDocument) || out != nil {
			t.Errorf("%s: issued: %v", name, err)
		}
	}
	many := make([][]byte, maxPieces+1)
	for i := range many {
		many[i] = []byte{0x30, 2, byte(i), byte(i >> 8)}
	}
	for name, v := range map[string]evidence.Validation{
		"nothing":   {},
		"empty":     {CRLs: [][]byte{{}}},
		"no DER":    {Certificates: [][]byte{[]byte("endstream")}},
		"a tail":    {Certificates: [][]byte{append(bytes.Clone(v.Certificates[0]), 0)}},
		"too many":  {OCSPs: many},
		"too large": {CRLs: [][]byte{append([]byte{0x30, 0x84, 2, 0, 0, 0}, make([]byte, 32<<20)...)}},
	} {
		if out, err := Extend(pdf, v); !errors.Is(err, ErrValidation) || out != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRevocation tries what issuers may say, and what may be put in their mouth.
func TestRevocation(t *testing.T) {
	t.Parallel()
	const superseded, keyCompromise = 4, 1
	before, after := signingTime.Add(-time.Hour), signingTime.Add(time.Hour)
	revoke := func(leaf func(*evidencetest.Authority) []*x509.Certificate, at time.Time, reason int) func(*evidencetest.Authority) evidence.Validation {
		return func(a *evidencetest.Authority) evidence.Validation {
			a.Revoke(leaf(a)[0], at, reason)
			return a.Validation()
		}
	}
	seal, stamp := (*evidencetest.Authority).SealChain, (*evidencetest.Authority).TSUChain
	without := func(change func(*evidence.Validation)) func(*evidencetest.Authority) evidence.Validation {
		return func(a *evidencetest.Authority) evidence.Validation {
			v := a.Validation()
			change(&v)
			return v
		}
	}
	for name, c := range map[string]struct {
		says func(*evidencetest.Authority) evidence.Validation
		ok   bool
	}{
		"good":                  {(*evidencetest.Authority).Validation, true},
		"good by lists":         {(*evidencetest.Authority).ValidationByLists, true},
		"superseded later":      {revoke(seal, after, superseded), true},
		"superseded before":     {revoke(seal, before, superseded), false},
		"key compromised later": {revoke(seal, after, keyCompromise), false},
		"stamp key compromised": {revoke(stamp, after, keyCompromise), false},
		"stamp revoked before":  {revoke(stamp, before, superseded), false},
		"no lists":              {without(func(v *evidence.Validation) { v.CRLs = nil }), false},
		"no answers":            {without(func(v *evidence.Validation) { v.OCSPs = nil }), false},
		"certificates only":     {without(func(v *evidence.Validation) { v.CRLs, v.OCSPs = nil, nil }), false},
		"a certificate missing": {without(func(v *evidence.Validation) { v.Certificates = v.Certificates[1:] }), false},
		"a stranger's":          {func(*evidencetest.Authority) evidence.Validation { return authority(t, "").Validation() }, false},
		"lists and answers": {func(a *evidencetest.Authority) evidence.Validation {
			v := a.Validation()
			v.CRLs = a.ValidationByLists().CRLs
			return v
		}, false},
		"a stranger's list more": {without(func(v *evidence.Validation) { v.CRLs = append(v.CRLs, authority(t, "").ValidationByLists().CRLs...) }), false},
		"a certificate more": {without(func(v *evidence.Validation) {
			v.Certificates = append(v.Certificates, authority(t, "").SealChain()[0].Raw)
		}), false},
		"hidden in a certificate": {without(func(v *evidence.Validation) { v.Certificates = append(v.Certificates, []byte("\x30\x06secret")) }), false},
		"hidden in a list":        {without(func(v *evidence.Validation) { v.CRLs = append(v.CRLs, []byte("\x30\x06secret")) }), false},
		"a certificate as a list": {without(func(v *evidence.Validation) { v.CRLs = append(v.CRLs, v.Certificates[0]) }), false},
	} {
		pdf, a := sealed(t, "P-256")
		r := Checker{}.Check(extended(t, pdf, c.says(a)), a.Trust())
		ok, asked := answer(r, evidence.CheckRevocation)
		if r.OK() != c.ok || ok != c.ok || !asked {
			t.Errorf("%s: %s", name, r.Failures())
		}
		if !c.ok && (r.Content != nil || r.Stamps != nil || strings.Count(r.Failures(), ";") > 0) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func BenchmarkExtend(b *testing.B) {
	pdf, a := sealed(b, "P-256")
	v := a.Validation()
	b.ReportAllocs()
	for b.Loop() {
		extended(b, pdf, v)
	}
}

func BenchmarkCheckExtended(b *testing.B) {
	pdf, a := sealed(b, "P-256")
	lt, trust := extended(b, pdf, a.Validation()), a.Trust()
	b.ReportAllocs()
	for b.Loop() {
		if r := (Checker{}).Check(lt, trust); !r.OK() {
			b.Fatal(r.Failures())
		}
	}
}
