package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/xades"
)

// spoiled is a file that was broken on purpose, and who must notice.
type spoiled struct {
	what, file string
	kind       string   // of the findings that must not pass
	tools      []string // that must notice
	remark     bool     // a remark is enough
}

// check makes sure that every one of the tools noticed.
func (s spoiled) check(t *testing.T, found []finding) {
	t.Helper()
	for _, tool := range s.tools {
		asked, noticed := false, false
		for _, f := range found {
			// A file that a tool cannot read at all counts, whatever is in it.
			if f.Tool != tool || f.Kind != s.kind && f.passed() {
				continue
			}
			asked = true
			noticed = noticed || !f.passed() || s.remark && len(f.Warnings) > 0
		}
		if !asked || !noticed {
			t.Errorf("%s: %s did not notice: %v", s.what, tool, found)
		}
	}
}

// spoil makes broken copies of one file of each form.
func spoil(t *testing.T, files []string) []spoiled {
	t.Helper()
	dir := t.TempDir()
	pick := func(ext string, own bool, n int) string {
		for _, f := range files {
			if filepath.Ext(f) == ext && (ext == ".asice" || slices.Contains(ownStamp, eventOf(f)) == own) {
				if n--; n < 0 {
					return f
				}
			}
		}
		t.Fatalf("the play left too few %s, own time-stamp %v", ext, own)
		return ""
	}
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var list []spoiled
	// add stores a broken document, and record beside it when there is one.
	add := func(what, ext string, doc, record []byte, kind string, tools ...string) {
		path := filepath.Join(dir, fmt.Sprintf("%02d%s", len(list), ext))
		write(t, path, doc)
		if record != nil {
			write(t, strings.TrimSuffix(path, ext)+".ers", record)
		}
		list = append(list, spoiled{what: what, file: path, kind: kind, tools: tools})
	}
	recordOf := func(xml string) []byte { return read(strings.TrimSuffix(xml, ".xml") + ".ers") }

	own := read(pick(".xml", true, 0))
	add("another time of the event", ".xml", after(t, own, "<EventTime>20", 1), nil, "signature", "dss")
	add("another signature", ".xml", afterMatch(t, own, `<ds:SignatureValue[^>]*>`, 20), nil, "signature", "dss")
	add("another time-stamp", ".xml", afterMatch(t, own, `<xades:EncapsulatedTimeStamp[^>]*>`, 1000), nil, "timestamp", "dss")
	add("no revocation data", ".xml", regexp.MustCompile(`<xades:RevocationValues>.*</xades:RevocationValues>`).ReplaceAll(own, nil), nil, "signature", "dss")
	add("a stranger's seal", ".xml", strange(t), nil, "signature", "dss")

	shared, other := pick(".xml", false, 0), pick(".xml", false, 1)
	add("another time of the event, with its record", ".xml", after(t, read(shared), "<EventTime>20", 1), recordOf(shared), "record", "dss", "bouncycastle")
	add("the record of another", ".xml", read(shared), recordOf(other), "record", "dss", "bouncycastle")
	record := recordOf(shared)
	record[bytes.Index(record, []byte{0x30, 0x22, 0x04, 0x20})+10] ^= 1 // in the first digest of its tree
	add("a record over something else", ".xml", read(shared), record, "record", "dss", "bouncycastle")

	for _, own := range []bool{true, false} {
		pdf := read(pick(".pdf", own, 0))
		changed := bytes.Clone(pdf)
		changed[bytes.Index(pdf, []byte("stream\n"))+100] ^= 1
		add("a changed page", ".pdf", changed, nil, "signature", "dss", "pyhanko")
		add("a page emptied by an update", ".pdf", emptied(t, pdf), nil, "signature", "dss", "pyhanko")
		list[len(list)-1].remark = true // the policy of DSS warns of what was appended
	}

	dossier := unpacked(t, pick(".asice", false, 0))
	add("a changed file in a dossier", ".asice", dossier.with(t, `^evidence/.*\.xml$`, func(b []byte) []byte { return after(t, b, "<EventTime>20", 1) }),
		nil, "signature", "dss")
	add("a changed manifest", ".asice", dossier.with(t, `^META-INF/ASiCManifest`, func(b []byte) []byte { return afterMatch(t, b, `<(ds:)?DigestValue[^>]*>`, 3) }),
		nil, "signature", "dss")
	add("another evidence record in a dossier", ".asice", dossier.with(t, `^META-INF/evidencerecord`, func([]byte) []byte { return recordOf(other) }),
		nil, "record", "dss")
	return list
}

// after changes the character at offset behind the first text.
func after(t *testing.T, b []byte, text string, offset int) []byte {
	t.Helper()
	return afterMatch(t, b, regexp.QuoteMeta(text), offset)
}

func afterMatch(t *testing.T, b []byte, pattern string, offset int) []byte {
	t.Helper()
	at := regexp.MustCompile(pattern).FindIndex(b)
	if at == nil {
		t.Fatalf("no %s to change", pattern)
	}
	b = bytes.Clone(b)
	if c := &b[at[1]+offset]; *c == '1' {
		*c = '2'
	} else {
		*c = '1'
	}
	return b
}

// emptied appends an update to a PDF that empties a page (ISO 32000-1 §7.5.6).
func emptied(t *testing.T, pdf []byte) []byte {
	t.Helper()
	last := func(pattern string) []byte {
		m := regexp.MustCompile(pattern).FindAllSubmatch(pdf, -1)
		if m == nil {
			t.Fatalf("no %s in the PDF", pattern)
		}
		return m[len(m)-1][1]
	}
	page, start := last(`/Contents (\d+) 0 R`), last(`startxref\s+(\d+)`)
	size, root := last(`/Size (\d+)`), last(`/Root (\d+ 0 R)`)
	b := append(bytes.Clone(pdf), '\n')
	object := len(b)
	b = fmt.Appendf(b, "%s 0 obj\n<< /Length 0 >>\nstream\n\nendstream\nendobj\n", page)
	table := len(b)
	return fmt.Appendf(b, "xref\n%s 1\n%010d 00000 n \ntrailer\n<< /Size %s /Root %s /Prev %s >>\nstartxref\n%d\n%%%%EOF\n",
		page, object, size, root, start, table)
}

// strange is complete evidence of somebody else.
func strange(t *testing.T) []byte {
	t.Helper()
	a, err := evidencetest.New(evidencetest.Config{URL: "http://127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := evidence.Prepare(evidencetest.Document(evidence.SubmissionAcceptance))
	if err != nil {
		t.Fatal(err)
	}
	s, err := xades.New(xades.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := s.SignXML(p, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if doc, err = s.StampXML(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	if doc, err = xades.Extend(doc, a.Validation()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// container is a ZIP in the order of its entries.
type container struct {
	names []string
	files map[string][]byte
}

func unpacked(t *testing.T, path string) container {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	c := container{files: unpack(t, path)}
	for _, f := range z.File {
		c.names = append(c.names, f.Name)
	}
	return c
}

// with packs c again, the first file whose name fits changed.
func (c container) with(t *testing.T, pattern string, change func([]byte) []byte) []byte {
	t.Helper()
	which := regexp.MustCompile(pattern)
	at := slices.IndexFunc(c.names, which.MatchString)
	if at < 0 {
		t.Fatalf("no %s in the dossier", pattern)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i, name := range c.names {
		b := c.files[name]
		if i == at {
			b = change(b)
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
