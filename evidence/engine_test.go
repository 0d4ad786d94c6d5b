package evidence_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// fake seals and checks as it is told.
type fake struct {
	sealErr error
	out     func(in []byte) []byte // nil: as it came
	report  evidence.Report
	content []byte // nil: the document itself
	calls   int

	stampErr, signedErr error
	attached            evidence.Attached
	beside              evidence.Beside
}

func (f *fake) seal(in []byte) ([]byte, error) {
	f.calls++
	if f.sealErr != nil {
		return nil, f.sealErr
	}
	if f.out != nil {
		in = f.out(in)
	}
	return in, nil
}

func (f *fake) SignXML(p *evidence.Prepared, _ time.Time) ([]byte, error) {
	return f.seal(p.XML())
}

func (f *fake) StampXML(_ context.Context, signed []byte) ([]byte, error) {
	return signed, f.stampErr
}

func (f *fake) SealPDF(_ context.Context, _ evidence.Document, a evidence.Attached, _ time.Time) ([]byte, error) {
	f.attached = a
	return f.seal(bytes.Clone(a.XML))
}

func (f *fake) CheckSigned(doc []byte) ([]byte, error) {
	if f.content != nil {
		doc = f.content
	}
	return doc, f.signedErr
}

func (f *fake) CheckWith(doc []byte, b evidence.Beside, t evidence.Trust) evidence.Report {
	f.beside = b
	return f.Check(doc, t)
}

func (f *fake) Check(doc []byte, _ evidence.Trust) evidence.Report {
	r := f.report
	if r.Content = f.content; r.Content == nil {
		r.Content = doc
	}
	return r
}

func good() *fake {
	return &fake{report: evidence.Report{Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: true}},
		Stamps: []evidence.TokenInfo{{Time: evidencetest.At(), Serial: "7"}}}}
}

func prepared(t testing.TB) *evidence.Prepared {
	t.Helper()
	p, err := evidence.Prepare(evidencetest.Document(evidence.ContentHandover))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEngineSeals(t *testing.T) {
	t.Parallel()
	x, f := good(), good()
	g := evidence.Engine{XML: x, XMLChecker: x, PDF: f, PDFChecker: f}
	p := prepared(t)
	s, err := g.Seal(t.Context(), p, evidencetest.At())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.XML, p.XML()) || !bytes.Equal(s.PDF, p.XML()) || s.Stamp.Serial != "7" || !f.attached.Own {
		t.Errorf("got %+v", s)
	}
	if _, err := g.Seal(t.Context(), p, evidencetest.At()); !errors.Is(err, evidence.ErrRedeemed) {
		t.Errorf("second time: got %v, want ErrRedeemed", err)
	}
	if x.calls != 1 || f.calls != 1 {
		t.Errorf("sealed %d and %d times, want once", x.calls, f.calls)
	}
}

func TestEngineTrustsNothingItMade(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	no := evidence.Report{Checks: []evidence.Check{{Code: evidence.CheckSignature}}}
	unstamped := good().report
	unstamped.Stamps = nil
	for what, c := range map[string]struct {
		change func(x, f *fake)
		want   error
	}{
		"XML sealer down":          {func(x, _ *fake) { x.sealErr = down }, down},
		"PDF sealer down":          {func(_, f *fake) { f.sealErr = down }, down},
		"XML check says no":        {func(x, _ *fake) { x.report = no }, evidence.ErrSelfCheck},
		"PDF check says no":        {func(_, f *fake) { f.report = no }, evidence.ErrSelfCheck},
		"XML check checks nothing": {func(x, _ *fake) { x.report = evidence.Report{} }, evidence.ErrSelfCheck},
		"XML without stamp":        {func(x, _ *fake) { x.report = unstamped }, evidence.ErrSelfCheck},
		"authority down":           {func(x, _ *fake) { x.stampErr = down }, down},
		"signature is wrong":       {func(x, _ *fake) { x.signedErr = evidence.ErrDocument }, evidence.ErrDocument},
		"other XML was signed":     {func(x, _ *fake) { x.content = []byte("other") }, evidence.ErrSelfCheck},
		"PDF carries another XML":  {func(_, f *fake) { f.content = []byte("other") }, evidence.ErrSelfCheck},
		"PDF sealer scribbles": {func(_, f *fake) {
			f.out = func(in []byte) []byte { in[0] = 'x'; return in }
		}, evidence.ErrSelfCheck},
	} {
		x, f := good(), good()
		c.change(x, f)
		s, err := evidence.Engine{XML: x, XMLChecker: x, PDF: f, PDFChecker: f}.Seal(t.Context(), prepared(t), evidencetest.At())
		if !errors.Is(err, c.want) || s.XML != nil || s.PDF != nil {
			t.Errorf("%s: got %v with %d octets, want %v", what, err, len(s.XML), c.want)
		}
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	d := evidencetest.Document(evidence.ContentHandover)
	p := prepared(t)
	again, err := evidence.Resume(d, p.XML())
	if err != nil || !bytes.Equal(again.XML(), p.XML()) {
		t.Fatalf("got %v", err)
	}
	p.XML()[0] = 'x' // the caller's copy
	if again.XML()[0] != '<' || p.XML()[0] != '<' {
		t.Error("prepared bytes can be changed from outside")
	}
	other := d
	other.Nonce[0]++
	for what, c := range map[string]struct {
		d   evidence.Document
		xml []byte
	}{
		"nothing":        {d, nil},
		"other nonce":    {other, p.XML()},
		"one octet":      {d, bytes.Replace(p.XML(), []byte("Peeters"), []byte("Peetert"), 1)},
		"already signed": {d, append(p.XML(), "<ds:Signature/>"...)},
	} {
		if _, err := evidence.Resume(c.d, c.xml); !errors.Is(err, evidence.ErrPrepared) {
			t.Errorf("%s: got %v, want ErrPrepared", what, err)
		}
	}
}

func TestReadXMLRefuses(t *testing.T) {
	t.Parallel()
	xml := string(prepared(t).XML())
	swap := func(old, new string) string {
		if !strings.Contains(xml, old) {
			t.Fatalf("no %q in the document", old)
		}
		return strings.Replace(xml, old, new, 1)
	}
	for what, doc := range map[string]string{
		"empty":             "",
		"other root":        "<a></a>",
		"other subject":     swap("Opzegging", "Verlenging"),
		"other time":        swap("<EventTime>2026", "<EventTime>2025"),
		"other event":       swap("/ContentHandover", "/ContentConsignment"),
		"unknown event":     swap("/ContentHandover", "/Telepathy"),
		"other log":         swap("seq=1;", "seq=2;"),
		"no log":            swap("seq=1;", ""),
		"other hash":        swap("hash=sha256:", "hash=sha256:00"),
		"critical":          swap(`isCritical="false"`, `isCritical="true"`),
		"element added":     swap("<b:Facts", "<x></x><b:Facts"),
		"white space":       swap("><e:ERDSEventId>", "> <e:ERDSEventId>"),
		"shown name only":   swap("<saml:AttributeValue>Peeters<", "<saml:AttributeValue>Pieters<"),
		"shown digest only": swap("</ds:DigestValue>", "A</ds:DigestValue>"),
		"test claimed real": strings.Replace(xml, "<b:Claim>nonqualified<", "<b:Claim>test<", 1),
		"claims qualified":  swap("<b:Claim>nonqualified<", "<b:Claim>qualified<"),
		"nonce":             swap("<b:Nonce>0102", "<b:Nonce>01zz"),
		"version":           swap("EN319522v1.1.1", "EN319522v9"),
	} {
		if _, err := evidence.ReadXML([]byte(doc)); !errors.Is(err, evidence.ErrDocument) {
			t.Errorf("%s: got %v, want ErrDocument", what, err)
		}
	}
}

func FuzzReadXML(f *testing.F) {
	files, err := filepath.Glob("testdata/golden/*.xml")
	if err != nil || len(files) == 0 {
		f.Fatal("no golden files")
	}
	for _, path := range files {
		doc, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	for _, s := range []string{"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<e:Evidence xmlns:e='http://uri.etsi.org/19522/v1#'>", "<a><b:Facts/></a>", "<a>]]></a>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		d, err := evidence.ReadXML(doc)
		if err != nil {
			return
		}
		if _, err := evidence.Resume(d, doc); err != nil {
			t.Fatalf("read, but does not resume: %v", err)
		}
	})
}

// TestEngineFinishesWithARecord makes the PDF of evidence whose time-stamp is its
// batch's.
func TestEngineFinishesWithARecord(t *testing.T) {
	t.Parallel()
	x, f := good(), good()
	g := evidence.Engine{XML: x, XMLChecker: x, PDF: f, PDFChecker: f}
	p := prepared(t)
	b := evidence.Beside{Record: []byte("record"), Proof: []byte("proof")}
	pdf, stamp, err := g.Finish(t.Context(), p.Document(), p.XML(), b, false, evidencetest.At())
	if err != nil || !bytes.Equal(pdf, p.XML()) || stamp.Serial != "7" {
		t.Fatalf("got %d octets, %+v, %v", len(pdf), stamp, err)
	}
	if f.attached.Own || string(f.attached.Record) != "record" || string(x.beside.Proof) != "proof" || f.attached.Stamp.Serial != "7" {
		t.Errorf("attached %+v, checked with %+v", f.attached, x.beside)
	}
}
