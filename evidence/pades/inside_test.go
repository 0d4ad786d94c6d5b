package pades

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cb "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// insideSays is a checker of XML that says the same of everything.
type insideSays struct {
	evidence.Report
	asked *evidence.Beside
}

func (c insideSays) Check(doc []byte, t evidence.Trust) evidence.Report {
	return c.CheckWith(doc, evidence.Beside{}, t)
}

func (c insideSays) CheckWith(_ []byte, b evidence.Beside, _ evidence.Trust) evidence.Report {
	if c.asked != nil {
		*c.asked = b
	}
	return c.Report
}

func (insideSays) CheckSigned([]byte) ([]byte, error) { return nil, evidence.ErrDocument }

// recorded is what a checker of XML says of evidence that was in a batch.
func recorded(at time.Time) evidence.Report {
	r := evidence.Report{
		Stamps:   []evidence.TokenInfo{{Time: at, Serial: "4711"}},
		Document: &evidence.Document{},
		Log:      &evidence.LogInfo{Origin: "log.bode.example"},
		Content:  []byte("content"),
	}
	for _, code := range []evidence.Code{evidence.CheckFormat, evidence.CheckRecord, evidence.CheckLog, evidence.CheckContent} {
		r.Add(code, nil)
	}
	r.Leave(evidence.CheckRevocation, "no revocation data in the file")
	return r
}

// batch is evidence whose own seal has no time-stamp, around XML with a record.
func batch(t testing.TB, a *evidencetest.Authority, at time.Time, change ...func(*evidence.Attached)) []byte {
	t.Helper()
	in := besideSample()
	in.XML, in.Record = signedXML(a), record(t, a)
	for _, f := range change {
		f(&in)
	}
	pdf, err := newSealer(t, a).SealPDF(context.Background(), sample("nl"), in, at)
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

// signedXML has what readers of a verified XML look for.
func signedXML(a *evidencetest.Authority) []byte {
	doc := "<e:Evidence xmlns:e=\"http://uri.etsi.org/19522/v1#\">"
	for _, c := range a.SealChain() {
		doc += "<ds:X509Certificate>" + base64.StdEncoding.EncodeToString(c.Raw) + "</ds:X509Certificate>"
	}
	return []byte(doc + "</e:Evidence>")
}

// record is an evidence record as far as its token goes. RFC 4998 §3.1
func record(t testing.TB, a *evidencetest.Authority) []byte {
	t.Helper()
	token, err := a.Stamper().Stamp(context.Background(), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	var b cryptobyte.Builder
	b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cb.SEQUENCE, func(*cryptobyte.Builder) {}) // digest algorithms
		b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) { // chains
			b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) { // archive time-stamp
					b.AddASN1(explicit(0), func(*cryptobyte.Builder) {})
					b.AddASN1(explicit(2), func(*cryptobyte.Builder) {})
					b.AddBytes(token)
				})
			})
		})
	})
	return b.BytesOrPanic()
}

func TestBatchEvidence(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	pdf := batch(t, a, signingTime)
	var asked evidence.Beside
	c := Checker{XML: insideSays{recorded(signingTime), &asked}}
	r := c.Check(pdf, a.Trust())
	if !r.OK() || len(r.Stamps) != 1 || r.Stamps[0].Serial != "4711" || r.Document == nil || r.Log == nil {
		t.Fatalf("%s: %+v", r.Failures(), r)
	}
	if !bytes.Equal(r.Content, signedXML(a)) || string(asked.Proof) != sampleProof || !bytes.Equal(asked.Record, r.Beside.Record) || asked.Record == nil {
		t.Error("what is inside was not asked about, or not given back")
	}
	var left []string
	for _, u := range r.Unchecked {
		left = append(left, string(u.Code))
	}
	if slices.Sort(left); strings.Join(left, " ") != "revocation timestamp" {
		t.Errorf("unchecked: %v", left)
	}
	for _, code := range []evidence.Code{evidence.CheckRecord, evidence.CheckLog, evidence.CheckContent, evidence.CheckCertificate} {
		if ok, _ := answer(r, code); !ok {
			t.Errorf("%s is not answered", code)
		}
	}
}

func TestBatchEvidenceRefused(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	failing := func(code evidence.Code) evidence.Report {
		r := recorded(signingTime)
		r.Add(code, errors.New("no"))
		r.Stamps, r.Document = nil, nil
		return r
	}
	whole := batch(t, a, signingTime)
	for name, c := range map[string]struct {
		pdf  []byte
		xml  evidence.XMLChecker
		code evidence.Code
	}{
		"nobody looks inside":  {whole, nil, evidence.CheckTimeStamp},
		"no record":            {batch(t, a, signingTime, func(in *evidence.Attached) { in.Record = nil }), insideSays{Report: recorded(signingTime)}, evidence.CheckTimeStamp},
		"record refused":       {whole, insideSays{Report: failing(evidence.CheckRecord)}, evidence.CheckContent},
		"content refused":      {whole, insideSays{Report: failing(evidence.CheckContent)}, evidence.CheckContent},
		"proof refused":        {whole, insideSays{Report: failing(evidence.CheckLog)}, evidence.CheckContent},
		"nothing was checked":  {whole, insideSays{}, evidence.CheckContent},
		"sealed before":        {batch(t, a, signingTime.Add(-3*time.Minute)), insideSays{Report: recorded(signingTime)}, evidence.CheckTimeStamp},
		"certificate too new":  {whole, insideSays{Report: recorded(signingTime.AddDate(-1, 0, 0))}, evidence.CheckCertificate},
		"certificate out":      {batch(t, a, signingTime.AddDate(20, 0, 0)), insideSays{Report: recorded(signingTime.AddDate(20, 0, 0))}, evidence.CheckCertificate},
		"strange certificates": {whole, insideSays{Report: recorded(signingTime)}, evidence.CheckCertificate},
	} {
		trust := a.Trust()
		if name == "strange certificates" {
			trust = authority(t, "").Trust()
		}
		r := Checker{XML: c.xml}.Check(c.pdf, trust)
		if ok, asked := answer(r, c.code); ok || !asked || r.OK() || r.Document != nil || r.Content != nil {
			t.Errorf("%s: %s", name, r.Failures())
		}
	}
	// The record's own answer is given under its own name.
	r := Checker{XML: insideSays{Report: failing(evidence.CheckRecord)}}.Check(whole, a.Trust())
	if !strings.Contains(r.Failures(), "record") {
		t.Error(r.Failures())
	}
}

// TestBatchExtended gives batch evidence what is needed to judge the seal alone,
// and then the authority of the record as well.
func TestBatchExtended(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	pdf := batch(t, a, signingTime)
	all := a.ValidationByLists()
	seal := evidence.Validation{}
	for _, der := range all.Certificates {
		if c, err := x509.ParseCertificate(der); err == nil && strings.Contains(c.Subject.CommonName, "Seal") {
			seal.Certificates = append(seal.Certificates, der)
		}
	}
	for _, der := range all.CRLs {
		if l, err := x509.ParseRevocationList(der); err == nil && strings.Contains(l.Issuer.CommonName, "Seal") {
			seal.CRLs = append(seal.CRLs, der)
		}
	}
	for name, c := range map[string]struct {
		v    evidence.Validation
		ok   bool
		left int // questions of revocation without an answer
	}{
		"seal":         {seal, true, 1},
		"all":          {all, true, 0},
		"half a chain": {evidence.Validation{Certificates: seal.Certificates, CRLs: seal.CRLs[:1]}, false, 0},
	} {
		r := Checker{XML: insideSays{Report: recorded(signingTime)}}.Check(extended(t, pdf, c.v), a.Trust())
		left := 0
		for _, u := range r.Unchecked {
			if u.Code == evidence.CheckRevocation {
				left++
			}
		}
		if ok, asked := answer(r, evidence.CheckRevocation); ok != c.ok || !asked || c.ok && left != c.left {
			t.Errorf("%s: %s, %d left", name, r.Failures(), left)
		}
	}
}

func TestClaimedTimeIsCompared(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	in := evidence.Attached{XML: []byte(sampleXML), Own: true}
	for claimed, ok := range map[time.Duration]bool{0: true, time.Minute: true, -time.Hour: true, 3 * time.Minute: false} {
		pdf, err := newSealer(t, a).SealPDF(context.Background(), sample("nl"), in, signingTime.Add(claimed))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := answer(Checker{}.Check(pdf, a.Trust()), evidence.CheckTimeStamp); got != ok {
			t.Errorf("signed %v after its time-stamp: %v", claimed, got)
		}
	}
}
