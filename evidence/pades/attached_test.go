package pades

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// sampleProof looks like a proof of the log, which is all that the page needs.
const sampleProof = "c2sp.org/tlog-proof@v1\nindex 73894\ngSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n\n" +
	"log.bode.example/2026\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n— log.bode.example/2026 AAAA\n"

// besideSample is evidence of a batch with all that stands beside it.
func besideSample() evidence.Attached {
	return evidence.Attached{
		XML:    []byte(sampleXML),
		Beside: evidence.Beside{Record: []byte("\x30\x03abc"), Proof: []byte(sampleProof)},
		Stamp:  evidence.TokenInfo{Time: signingTime, Serial: "4711", Authority: "CN=Stamp Unit,O=Stamps,C=BE"},
	}
}

// TestAttachments lets a foreign tool take every file out of a sealed PDF.
func TestAttachments(t *testing.T) {
	t.Parallel()
	a, in := authority(t, ""), besideSample()
	in.Own = true
	pdf, err := newSealer(t, a).SealPDF(context.Background(), sample("nl"), in, signingTime)
	if err != nil {
		t.Fatal(err)
	}
	r := Checker{}.Check(pdf, a.Trust())
	if !r.OK() || !bytes.Equal(r.Beside.Record, in.Record) || !bytes.Equal(r.Beside.Proof, in.Proof) {
		t.Errorf("%s: beside = %+v", r.Failures(), r.Beside)
	}
	dir := t.TempDir()
	run(t, "pdfdetach", "-saveall", "-o", dir, write(t, dir, "e.pdf", pdf))
	for name, want := range map[string][]byte{AttachmentName: in.XML, RecordName: in.Record, ProofName: in.Proof} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s = %q, %v", name, got, err)
		}
	}
}

func TestForeignAttachmentsAreRefused(t *testing.T) {
	t.Parallel()
	pdf, err := Render(sample("nl"), besideSample())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"other name":     {"(evidence.ers)", "(evidence.exe)"},
		"twice":          {"(evidence.ers)", "(evidence.xml)"},
		"none":           {"(evidence.xml)", "(evidence xml)"},
		"not the source": {"/AFRelationship /Source", "/AFRelationship /Sauce!"},
		"no supplement":  {"/AFRelationship /Supplement", "/AFRelationship /Supplemint"},
		"other length":   {"/Size 5 ", "/Size 6 "},
	} {
		changed := bytes.ReplaceAll(pdf, []byte(change[0]), []byte(change[1]))
		if bytes.Equal(changed, pdf) {
			t.Fatalf("%s: nothing to change", name)
		}
		f := unsealed(t, changed)
		if _, _, err := f.attached(); !errors.Is(err, errAttached) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// unsealed reads a rendered file as if it were sealed.
func unsealed(t *testing.T, doc []byte) *sealedFile {
	t.Helper()
	f := &sealedFile{doc: doc, offsets: map[int]int{}}
	at := bytes.LastIndex(doc, []byte("startxref\n"))
	start, _ := number(bytes.TrimSpace(bytes.TrimSuffix(doc[at+10:], []byte("%%EOF\n"))))
	if _, err := f.readTable(start); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.catalog, err = f.dict(1); err != nil {
		t.Fatal(err)
	}
	return f
}
