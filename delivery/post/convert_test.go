package post

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// newConverter is LibreOffice in the sandbox.
func newConverter(t *testing.T, change func(*ConverterConfig)) *Converter {
	t.Helper()
	cfg := ConverterConfig{Path: "/usr/bin/soffice"}
	if change != nil {
		change(&cfg)
	}
	c, err := NewConverter(t.Context(), cfg)
	if err != nil {
		t.Fatalf("office documents need LibreOffice (libreoffice-writer-nogui) and user namespaces: %v", err)
	}
	return c
}

// zipped makes a container of names and contents.
func zipped(t *testing.T, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		w, err := z.Create(members[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(members[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const docxType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
const odtType = "application/vnd.oasis.opendocument.text"

// docx is a document without a page size, with the given body and relations.
func docx(t *testing.T, body, relations string) []byte {
	t.Helper()
	const head = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`
	return zipped(t,
		"[Content_Types].xml", head+`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`,
		"_rels/.rels", head+`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
		"word/_rels/document.xml.rels", head+`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`+relations+`</Relationships>`,
		"word/document.xml", head+`<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><w:body>`+body+`</w:body></w:document>`)
}

func paragraph(s string) string { return "<w:p><w:r><w:t>" + s + "</w:t></w:r></w:p>" }

// odt is a document with the given text content.
func odt(t *testing.T, text string) []byte {
	t.Helper()
	return zipped(t, "mimetype", odtType,
		"META-INF/manifest.xml", `<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="/" manifest:media-type="`+odtType+`"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>`,
		"content.xml", `<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.2"><office:body><office:text>`+text+`</office:text></office:body></office:document-content>`)
}

// TestOfficeDocuments: the pages say what the document says, on A4, and the
// cover says that they were made from another file.
func TestOfficeDocuments(t *testing.T) {
	t.Parallel()
	conv := newConverter(t, func(c *ConverterConfig) { c.Slots = 2 })
	cases := map[string]struct {
		kind string
		raw  []byte
	}{
		"docx": {docxType, docx(t, paragraph("Opzegging van de huur")+`<w:p><w:r><w:br w:type="page"/><w:t>Tweede bladzijde</w:t></w:r></w:p>`, "")},
		"odt":  {odtType, odt(t, "<text:p>Opzegging van de huur</text:p>")},
		"rtf":  {"application/rtf", []byte(`{\rtf1\ansi Opzegging van de huur\par}`)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part := newPart("brief."+name, c.kind, c.raw)
			p, path := handOver(t, newFolder(t, func(c *Config) { c.Converter = conv }), newLetter("nl", part))
			if n := pagesOf(t, path); n != 6 || p.Pages != 6 {
				t.Fatalf("%d pages", n)
			}
			if got := textOf(t, path, 5, 5); got != "Opzegging van de huur" {
				t.Errorf("page says %q", got)
			}
			if got := textOf(t, path, 1, 1); !strings.Contains(got, "afgedrukt na omzetting; de code hieronder is die van het originele bestand SHA-256 "+part.SHA256) {
				t.Errorf("cover: %s", got)
			}
			allEmbedded(t, path)
		})
	}
}

// allEmbedded asks poppler whether the file brings its typefaces along.
func allEmbedded(t *testing.T, path string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(tool(t, "pdffonts", path)), "\n")
	for _, line := range lines[min(2, len(lines)):] {
		if f := strings.Fields(line); len(f) < 6 || f[len(f)-5] != "yes" { // emb sub uni object ID
			t.Errorf("a typeface is not embedded: %s", line)
		}
	}
}

// TestOfficeLetterSize: a document without a page size comes out as US Letter
// with some versions, and is then shrunk to A4.
func TestOfficeLetterSize(t *testing.T) {
	t.Parallel()
	conv := newConverter(t, nil)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out.pdf")
	if err := os.WriteFile(in, docx(t, paragraph("Hallo"), ""), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := conv.convert(t.Context(), officeKinds[docxType], in, out); err != nil {
		t.Fatal(err)
	}
	letter := strings.Contains(tool(t, "pdfinfo", out), "612 x 792") // or A4, as this LibreOffice sees fit
	if _, notes, err := inspect(t.Context(), out, 10, rect{}); err != nil || slices.Contains(notes, Scaled) != letter {
		t.Errorf("US Letter %t, notes %v, %v", letter, notes, err)
	}
}

// TestOfficeSecrets: a document that wants a file of this machine, or to talk to
// somebody, gets neither. Both are there.
func TestOfficeSecrets(t *testing.T) {
	t.Parallel()
	conv := newConverter(t, nil)
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("Sleutel van de kluis"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	called := make(chan struct{}, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			called <- struct{}{}
			c.Close()
		}
	}()
	url := "http://" + l.Addr().String() + "/pixel.png"
	picture := func(target string) string {
		return `<Relationship Id="rId9" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image" Target="` + target + `" TargetMode="External"/>`
	}
	drawing := `<w:p><w:r><w:drawing><wp:inline><wp:extent cx="2000000" cy="2000000"/><wp:docPr id="1" name="p"/><a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic><pic:nvPicPr><pic:cNvPr id="1" name="p"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:link="rId9"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="2000000" cy="2000000"/></a:xfrm><a:prstGeom prst="rect"/></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>`
	cases := map[string]struct {
		kind string
		raw  []byte
	}{
		"linked section": {odtType, odt(t, `<text:p>Voor</text:p><text:section text:name="a"><text:section-source xlink:href="file://`+secret+`"/><text:p/></text:section>`)},
		"linked picture": {odtType, odt(t, `<text:p>Voor<draw:frame svg:width="5cm" svg:height="5cm"><draw:image xlink:href="`+url+`"/></draw:frame></text:p>`)},
		"docx picture":   {docxType, docx(t, paragraph("Voor")+drawing, picture(url))},
		"rtf field":      {"application/rtf", []byte(`{\rtf1\ansi Voor {\field{\*\fldinst INCLUDETEXT "` + secret + `"}{\fldrslt }}{\field{\*\fldinst INCLUDEPICTURE "` + url + `"}{\fldrslt }}\par}`)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out.pdf")
			if err := os.WriteFile(in, c.raw, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := conv.convert(t.Context(), officeKinds[c.kind], in, out); err != nil {
				t.Fatal(err)
			}
			if got := textOf(t, out, 1, 9); !strings.Contains(got, "Voor") || strings.Contains(got, "Sleutel") {
				t.Errorf("pages say %q", got)
			}
		})
	}
	if len(called) > 0 {
		t.Errorf("somebody outside was called %d times", len(called))
	}
}

// TestSandbox asks programs in the sandbox what they can do.
func TestSandbox(t *testing.T) {
	t.Parallel()
	conv := newConverter(t, nil)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	for name, c := range map[string]struct {
		script string
		works  bool
	}{
		"the job":        {"echo x > /job/file && test -s /job/file", true},
		"a file of ours": {"cat " + secret, false},
		"passwords":      {"cat /etc/passwd", false},
		"programs":       {"echo x > /usr/bin/x", false},
		"network":        {fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d", port), false},
		"mounting":       {"mount -t tmpfs tmpfs /job", false},
		"more memory":    {"ulimit -v 64000000", false},
		"a huge file":    {"ulimit -f 64000000", false},
		"our processes":  {fmt.Sprintf("kill -0 %d", os.Getpid()), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "job"), 0o700); err != nil {
				t.Fatal(err)
			}
			said, err := conv.run(t.Context(), dir, "/usr/bin/bash", "-c", c.script)
			if (err == nil) != c.works {
				t.Errorf("%v: %s", err, said)
			}
		})
	}
}

// TestConverterRefuses: what cannot be converted says why, and costs the letter
// one document, not itself.
func TestConverterRefuses(t *testing.T) {
	t.Parallel()
	conv := newConverter(t, nil)
	macros := zipped(t, "[Content_Types].xml", "", "word/document.xml", "<x/>", "word/vbaProject.bin", "x")
	locked := zipped(t, "mimetype", odtType, "content.xml", "x", "META-INF/manifest.xml", "<manifest:encryption-data/>")
	bomb := zipped(t, "word/document.xml", strings.Repeat(" ", maxUnpacked+1))
	cases := map[string]struct {
		want Cause
		kind string
		raw  []byte
	}{
		"a picture":     {Broken, docxType, encoded(t, "png", flag(9, 9))},
		"a spreadsheet": {Broken, docxType, zipped(t, "xl/workbook.xml", "<x/>")},
		"nothing":       {Broken, "application/msword", nil},
		"HTML as RTF":   {Broken, "text/rtf", []byte("<html><img src='file:///etc/passwd'></html>")},
		"locked docx":   {Encrypted, docxType, []byte(oleMagic + strings.Repeat("\x00", 600))},
		"locked odt":    {Encrypted, odtType, locked},
		"macros":        {ActiveContent, docxType, macros},
		"bomb":          {TooLarge, docxType, bomb},
		"garbage":       {Conversion, docxType, zipped(t, "word/document.xml", "no XML")},
		"garbage doc":   {Conversion, "application/msword", []byte(oleMagic + strings.Repeat("\x01", 2000))},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out.pdf")
			if err := os.WriteFile(in, c.raw, 0o600); err != nil {
				t.Fatal(err)
			}
			err := conv.convert(t.Context(), officeKinds[c.kind], in, out)
			if r, ok := errors.AsType[*refusal](err); !ok || r.cause != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestConverterLimits: time is up twice, then the document is refused; a caller
// who goes away takes the programs with him.
func TestConverterLimits(t *testing.T) {
	t.Parallel()
	conv := newConverter(t, func(c *ConverterConfig) { c.Timeout = 50 * time.Millisecond })
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.WriteFile(in, docx(t, paragraph("Hallo"), ""), 0o600); err != nil {
		t.Fatal(err)
	}
	err := conv.convert(t.Context(), officeKinds[docxType], in, filepath.Join(dir, "out.pdf"))
	if r, ok := errors.AsType[*refusal](err); !ok || r.cause != Conversion {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := conv.convert(ctx, officeKinds[docxType], in, filepath.Join(dir, "out.pdf")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind %v, %v", left, err)
	}
	for _, bad := range []ConverterConfig{{}, {Path: "soffice"}, {Path: "/usr/bin/no-such-office"}, {Path: "/usr/bin/soffice", Memory: 1}} {
		if _, err := NewConverter(t.Context(), bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// TestNoConverter: without one, office documents are listed with that cause.
func TestNoConverter(t *testing.T) {
	t.Parallel()
	p, path := handOver(t, newFolder(t, nil), newLetter("fr", newPart("lettre.docx", docxType, docx(t, paragraph("Bonjour"), ""))))
	if got := textOf(t, path, 1, 1); p.Pages != 4 || !strings.Contains(got, "ce service n’imprime pas ce type de fichier") {
		t.Errorf("%d pages; %s", p.Pages, got)
	}
}
