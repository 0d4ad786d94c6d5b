package pades

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// TestExtendedForForeignTools lets programs that share no code with us read what
// was appended.
func TestExtendedForForeignTools(t *testing.T) {
	t.Parallel()
	pdf, a := sealed(t, "P-256")
	for name, v := range map[string]evidence.Validation{"answers": a.Validation(), "lists": a.ValidationByLists()} {
		file := write(t, t.TempDir(), name+".pdf", extended(t, pdf, v))
		if out := run(t, "pdfsig", "-nocert", file); !strings.Contains(out, "Signature is Valid") || strings.Count(out, "Signature #") != 1 {
			t.Errorf("%s:\n%s", name, out)
		}
		if out := run(t, "qpdf", "--check", file); strings.Contains(out, "WARNING") {
			t.Errorf("%s:\n%s", name, out)
		}
		dss := run(t, "qpdf", "--json", "--json-key=qpdf", file)
		for key, n := range map[string]int{"/Certs": len(v.Certificates), "/CRLs": len(v.CRLs), "/OCSPs": len(v.OCSPs)} {
			_, list, found := strings.Cut(dss, `"`+key+`": [`)
			list, _, _ = strings.Cut(list, "]")
			if found != (n > 0) || strings.Count(list, " R\"") != n {
				t.Errorf("%s: %s = %q, want %d", name, key, list, n)
			}
		}
		if out := run(t, "pdftotext", file, "-"); out != run(t, "pdftotext", write(t, t.TempDir(), "e.pdf", pdf), "-") {
			t.Errorf("%s: the page says something else", name)
		}
	}
}

// update appends an increment of these objects to doc, as any PDF program does:
// objects by number, and what the trailer says beside the usual.
func update(doc []byte, objects map[int]string, trailer string) []byte {
	out := bytes.Clone(doc)
	at := strings.Fields(string(doc[bytes.LastIndex(doc, []byte("startxref"))+9:]))[0]
	var table strings.Builder
	for id, body := range objects {
		fmt.Fprintf(&table, "%d 1\n%010d 00000 n\r\n", id, len(out))
		out = fmt.Appendf(out, "%d 0 obj\n%s\nendobj\n", id, body)
	}
	start := len(out)
	return fmt.Appendf(out, "xref\n%strailer\n<< /Size 9000 /Prev %s %s >>\nstartxref\n%d\n%%%%EOF\n", table.String(), at, trailer, start)
}

// TestNothingMayFollowTheSeal tries updates that change what a reader shows, or
// hide something, in a file that is sealed or extended.
func TestNothingMayFollowTheSeal(t *testing.T) {
	t.Parallel()
	pdf, a := sealed(t, "P-256")
	lt := extended(t, pdf, a.Validation())
	added := string(lt[len(pdf):])
	f, err := open(pdf)
	if err != nil {
		t.Fatal(err)
	}
	raw, _, err := f.object(f.root)
	if err != nil {
		t.Fatal(err)
	}
	catalog, root := string(raw), fmt.Sprintf("/Root %d 0 R /Info %s", f.root, f.trailer["Info"])
	more := func(s string) string { return strings.TrimSuffix(catalog, ">>") + s + " >>" }
	in := func(old, with string) []byte {
		if !strings.Contains(added, old) {
			t.Fatalf("the increment has no %q", old)
		}
		return append(bytes.Clone(pdf), strings.Replace(added, old, with, 1)...)
	}
	dss := fmt.Sprintf("/DSS << /Certs [%d 0 R] >>", f.root)
	next := strings.Fields(added)[0] // number of the first object of the increment
	for name, doc := range map[string][]byte{
		// What a stranger appends.
		"page emptied":         update(pdf, map[int]string{4: "<< /Length 0 >>\nstream\n\nendstream"}, root),
		"pages replaced":       update(pdf, map[int]string{f.root: more(""), 2: "<< /Type /Pages /Kids [] /Count 0 >>"}, root),
		"page annotated":       update(pdf, map[int]string{8000: "<< /Type /Annot /Subtype /FreeText /Rect [0 0 600 800] /Contents (void) >>"}, root),
		"attachment swapped":   update(pdf, map[int]string{8000: "<< /EmbeddedFiles << /Names [] >> >>", f.root: strings.Replace(catalog, "/Names", "/Names 8000 0 R /Old", 1)}, root),
		"opens a program":      update(pdf, map[int]string{f.root: more("/OpenAction << /S /JavaScript /JS (app.alert(1)) >>")}, root),
		"form added":           update(pdf, map[int]string{f.root: more("/XFA []")}, root),
		"other root":           update(pdf, map[int]string{8000: catalog}, "/Root 8000 0 R"),
		"second signature":     update(pdf, map[int]string{8000: "<< /Type /Sig /ByteRange [0 1 2 3] /Contents <00> >>"}, root),
		"document time-stamp":  update(pdf, map[int]string{8000: "<< /Type /DocTimeStamp /SubFilter /ETSI.RFC3161 >>"}, root),
		"foreign DSS":          update(pdf, map[int]string{f.root: more(dss)}, root),
		"empty update":         update(pdf, nil, root),
		"loop to itself":       append(bytes.Clone(pdf), fmt.Sprintf("xref\n0 0\ntrailer\n<< /Size 1 %s /Prev %d >>\nstartxref\n%d\n%%%%EOF\n", root, len(pdf), len(pdf))...),
		"hybrid":               update(pdf, nil, root+" /XRefStm 17"),
		"table in a stream":    append(bytes.Clone(pdf), fmt.Sprintf("8000 0 obj\n<< /Type /XRef /W [1 2 1] /Size 1 %s /Length 0 >>\nstream\n\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", root, len(pdf))...),
		"comment":              append(bytes.Clone(pdf), "% void\n"...),
		"another file":         append(bytes.Clone(pdf), pdf...),
		"one octet":            append(bytes.Clone(pdf), 0),
		"increment twice":      append(bytes.Clone(lt), added...),
		"update after ours":    update(lt, map[int]string{f.root: more("/OpenAction 4 0 R")}, root),
		"space after ours":     append(bytes.Clone(lt), ' '),
		"ours cut":             lt[:len(lt)-1],
		"ours halved":          lt[:len(pdf)+len(added)/2],
		"ours before the seal": append([]byte(added), pdf...),
		"ours of another file": append(bytes.Clone(pdf), strings.ReplaceAll(added, next+" 0 obj", "1 0 obj")...),
		// What is slipped into ours.
		"another object":        in("xref\n", "8000 0 obj\n(void)\nendobj\nxref\n"),
		"another key":           in("/Type /DSS", "/Type /DSS /VRI << >>"),
		"action in the catalog": in("/Extensions", "/OpenAction 4 0 R /Extensions"),
		"key in a stream":       in("<< /Length", "<< /Note (void) /Length"),
		"comment in ours":       in("endobj\n", "endobj\n% void\n"),
		"space in ours":         in("endobj\n", "endobj \n"),
		"longer length":         in("<< /Length ", "<< /Length 9"),
		"huge length":           in("<< /Length ", "<< /Length 9999999"),
		"lists renamed":         in("/CRLs", "/Oops"),
		"list in another":       in("/OCSPs", "/Certs"),
		"generation":            in(" 0 obj", " 1 obj"),
		"identifier":            in(">] /Prev", "0>] /Prev"),
		"Prev to itself":        in("/Prev ", fmt.Sprintf("/Prev %d /Old ", len(pdf))),
		"offset":                in("0000", "0001"),
	} {
		r := Checker{}.Check(doc, a.Trust())
		if ok, _ := answer(r, evidence.CheckFormat); ok || r.OK() || r.Content != nil || r.Stamps != nil {
			t.Errorf("%s: passes the check of its format", name)
		}
	}
}

// TestNoFlipInTheIncrement changes every octet of what was appended.
func TestNoFlipInTheIncrement(t *testing.T) {
	t.Parallel()
	pdf, a := sealed(t, "P-256")
	lt, trust := extended(t, pdf, a.ValidationByLists()), a.Trust()
	stride := 7
	if *everyByte {
		stride = 1
	}
	for i := len(pdf); i < len(lt); i += stride {
		for _, with := range []byte{1 << (i % 8), 0x20} {
			lt[i] ^= with
			if (Checker{}).Check(lt, trust).OK() {
				t.Errorf("octet %d of the increment: change by %#x passes", i-len(pdf), with)
			}
			lt[i] ^= with
		}
	}
}
