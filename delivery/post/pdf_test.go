package post

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signintech/gopdf"
)

const a4Page = "/MediaBox [0 0 595 842] /Resources <<>>"

// qpdfOut runs qpdf over b with args between input and output.
func qpdfOut(t *testing.T, b []byte, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.pdf"), filepath.Join(dir, "out.pdf")
	if err := os.WriteFile(in, b, 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "qpdf", append(append([]string{in}, args...), out)...)
	res, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestNotPrintable: every PDF that cannot go on paper is listed with its cause,
// and the letter goes out.
func TestNotPrintable(t *testing.T) {
	t.Parallel()
	good := newPDF(t, 3, 210, 297, nil)
	field := func(extra string) []byte {
		return rawPDF(a4Page+"/Annots [5 0 R]", "/AcroForm <</Fields [5 0 R]>>", "",
			"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/F 4/Rect[100 700 300 720]"+extra+">>")
	}
	cases := map[string]struct {
		want  Cause
		bytes []byte
		kind  string
	}{
		"user password":  {Encrypted, qpdfOut(t, good, "--encrypt", "secret", "owner", "256", "--"), ""},
		"owner password": {Encrypted, qpdfOut(t, good, "--encrypt", "", "owner", "256", "--"), ""},
		"rc4": {Encrypted, newPDF(t, 1, 210, 297, func(c *gopdf.Config) {
			c.Protection = gopdf.PDFProtectionConfig{UseProtection: true, UserPass: []byte("u"), OwnerPass: []byte("o")}
		}), ""},
		"empty file":     {Broken, nil, ""},
		"not a PDF":      {Broken, bytes.Repeat([]byte("this is no PDF "), 100), ""},
		"cut in half":    {Broken, good[:len(good)/2], ""},
		"cut at the end": {Broken, good[:len(good)-40], ""},
		"header only":    {Broken, []byte("%PDF-1.7\n"), ""},
		"zero page":      {Broken, rawPDF("/MediaBox [0 0 0 0]", "", ""), ""},
		"no box":         {Broken, rawPDF("", "", ""), ""},
		"dangling pages": {Broken, bytes.Replace(rawPDF(a4Page, "", ""), []byte("/Kids[3 0 R]"), []byte("/Kids[9 0 R]"), 1), ""},
		"bad stream":     {Broken, bytes.Replace(rawPDF(a4Page, "", "0 0 m 10 10 l S    "), []byte("<</Length 19>>"), []byte("<</Length 19/Filter/FlateDecode>>"), 1), ""},
		"A0":             {PageTooLarge, newPDF(t, 1, 841, 1189, nil), ""},
		"long receipt":   {PageTooLarge, newPDF(t, 1, 80, 3000, nil), ""},
		"201 pages":      {TooManyPages, newPDF(t, 201, 210, 297, nil), ""},
		"XFA":            {Form, rawPDF(a4Page, "/AcroForm <</XFA (x)/Fields[]>>", ""), ""},
		"unset field":    {Form, field("/V(Jan)"), ""},
		"JavaScript":     {ActiveContent, rawPDF(a4Page, "/OpenAction <</S/JavaScript/JS(app.alert(1))>>", ""), ""},
		"named script":   {ActiveContent, rawPDF(a4Page, "/Names <</JavaScript <</Names[(a) <</S/JavaScript/JS(1)>>]>>>>", ""), ""},
		"portfolio":      {Portfolio, rawPDF(a4Page, "/Collection <</View/D>>", ""), ""},
		"layer off":      {Layers, rawPDF(a4Page, "/OCProperties <</OCGs[5 0 R]/D<</OFF[5 0 R]>>>>", "", "<</Type/OCG/Name(a)>>"), ""},
		"spreadsheet":    {MediaType, []byte("x"), "application/vnd.ms-excel"},
		"nonsense type":  {MediaType, []byte("x"), ";;;"},
		"latin-1 text":   {Encoding, []byte("caf\xe9"), "text/plain"},
		"binary text":    {Encoding, []byte("a\x00b"), "text/plain"},
		"endless text":   {TooManyPages, bytes.Repeat([]byte("x\n"), 12_000), "text/plain"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.kind == "" {
				c.kind = "application/pdf"
			}
			h := newFolder(t, nil)
			part := newPart("bad.bin", c.kind, c.bytes)
			p, path := handOver(t, h, newLetter("en", part))
			if p.Pages != 4 {
				t.Errorf("%d pages, want cover and text only", p.Pages)
			}
			cover := textOf(t, path, 1, 1)
			want := fill(h.setter.words["en"].NotPrinted, "cause", h.setter.words["en"].Cause[c.want])
			if !strings.Contains(cover, want) || !strings.Contains(cover, part.SHA256) {
				t.Errorf("cover lacks %q or the digest:\n%s", want, cover)
			}
		})
	}
}

// TestManyParts: a long list goes on over more pages of the cover and leaves
// nothing out.
func TestManyParts(t *testing.T) {
	t.Parallel()
	l := newLetter("fr")
	for i := range 60 {
		l.Parts = append(l.Parts, newPart(fmt.Sprintf("film-%d.mp4", i), "video/mp4", []byte{byte(i)}))
	}
	l.Parts = append(l.Parts, newPart("a.pdf", "application/pdf", newPDF(t, 4, 210, 297, nil)))
	p, path := handOver(t, newFolder(t, func(c *Config) { c.MaxPages = 14 }), l)
	if p.Pages > 14 || pagesOf(t, path) != p.Pages {
		t.Errorf("%d pages", p.Pages)
	}
	cover := textOf(t, path, 1, 6)
	for _, part := range l.Parts {
		if !strings.Contains(cover, part.SHA256) {
			t.Errorf("cover lacks %s", part.Name)
		}
	}
	if strings.Contains(cover, "…") {
		t.Error("something was cut off")
	}
}

func TestTooLargePart(t *testing.T) {
	t.Parallel()
	h := newFolder(t, func(c *Config) { c.MaxBytes = 1000 })
	_, path := handOver(t, h, newLetter("en", newPart("a.pdf", "application/pdf", newPDF(t, 1, 210, 297, nil))))
	if got := textOf(t, path, 1, 1); !strings.Contains(got, "the file is too large to print") {
		t.Errorf("cover: %s", got)
	}
}

// TestPageLimit counts blanks too, and what comes after a part that is too long
// still gets its place.
func TestPageLimit(t *testing.T) {
	t.Parallel()
	h := newFolder(t, func(c *Config) { c.MaxPages = 10 })
	p, path := handOver(t, h, newLetter("en",
		newPart("long.pdf", "application/pdf", newPDF(t, 7, 210, 297, nil)),
		newPart("fits.pdf", "application/pdf", newPDF(t, 5, 210, 297, nil))))
	if p.Pages != 10 || pagesOf(t, path) != 10 {
		t.Errorf("%d pages", p.Pages)
	}
	if got := textOf(t, path, 1, 1); strings.Count(got, "too many pages") != 1 {
		t.Errorf("cover: %s", got)
	}
}

// TestOddPages: pages that are not A4 portrait keep their content, upright and
// on A4.
func TestOddPages(t *testing.T) {
	t.Parallel()
	rotated := rawPDF("/MediaBox [0 0 842 595]/Rotate 90/Resources <</Font<</F 5 0 R>>>>", "", "BT /F 20 Tf 100 100 Td (Bijlage) Tj ET", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	shifted := rawPDF("/MediaBox [-100 -100 495 742]/CropBox [-90 -90 485 732]/Resources <</Font<</F 5 0 R>>>>", "", "q q BT /F 20 Tf 0 0 Td (Bijlage) Tj ET", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	parts := bytes.Replace(rawPDF("/MediaBox [0 0 595 842]/Resources <</Font<</F 5 0 R>>>>", "", "BT /F 20 Tf", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
		"<</Length 27>>\nstream\n100 100 Td (Bijlage) Tj ET \nendstream"), []byte("/Contents 4 0 R"), []byte("/Contents[4 0 R 6 0 R]"), 1)
	for name, b := range map[string][]byte{
		"landscape": newPDF(t, 1, 297, 210, nil), "A3": newPDF(t, 1, 420, 297, nil), "US Letter": newPDF(t, 1, 215.9, 279.4, nil),
		"Legal": newPDF(t, 1, 215.9, 355.6, nil), "A5": newPDF(t, 1, 148, 210, nil), "rotated": rotated, "shifted": shifted,
		"object streams": qpdfOut(t, newPDF(t, 1, 210, 297, nil), "--object-streams=generate"),
		"linearized":     qpdfOut(t, newPDF(t, 1, 210, 297, nil), "--linearize"),
		"split content":  qpdfRepaired(t, parts),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, path := handOver(t, newFolder(t, nil), newLetter("en", newPart("odd.pdf", "application/pdf", b)))
			if n := pagesOf(t, path); n != 6 || p.Pages != 6 {
				t.Fatalf("%d pages", n)
			}
			if got := textOf(t, path, 5, 5); !strings.Contains(strings.ReplaceAll(got, " ", ""), "Bijlage") {
				t.Errorf("page says %q", got)
			}
		})
	}
}

// qpdfRepaired lets qpdf mend the cross-reference table of a hand-edited PDF.
func qpdfRepaired(t *testing.T, b []byte) []byte {
	t.Helper()
	return qpdfOut(t, b, "--warning-exit-0")
}

// TestAnnotationsPrint: what a printer would show of a filled form is on paper,
// what it would not is not.
func TestAnnotationsPrint(t *testing.T) {
	t.Parallel()
	form := func(name string) string {
		s := "BT /F 12 Tf 2 5 Td (" + name + ") Tj ET"
		return fmt.Sprintf("<</Type/XObject/Subtype/Form/BBox[0 0 100 20]/Resources<</Font<</F 9 0 R>>>>/Length %d>>\nstream\n%s\nendstream", len(s), s)
	}
	b := rawPDF(a4Page+"/Annots [5 0 R 6 0 R 7 0 R]", "", "",
		"<</Type/Annot/Subtype/Widget/FT/Tx/V(Ingevuld)/F 4/Rect[100 700 300 740]/AP<</N 8 0 R>>>>",
		"<</Type/Annot/Subtype/Stamp/F 6/Rect[100 500 300 540]/AP<</N 10 0 R>>>>",
		"<</Type/Annot/Subtype/Widget/FT/Btn/F 4/AS/Aan/Rect[100 300 300 340]/AP<</N<</Aan 11 0 R/Off 10 0 R>>>>>>",
		form("Ingevuld"), "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", form("Verborgen"), form("Aangevinkt"))
	_, path := handOver(t, newFolder(t, nil), newLetter("en", newPart("form.pdf", "application/pdf", b)))
	if pagesOf(t, path) != 6 {
		t.Fatal("form was not printed")
	}
	if got := textOf(t, path, 5, 5); got != "Ingevuld Aangevinkt" {
		t.Errorf("page says %q", got)
	}
	if out := tool(t, "qpdf", "--json", "--json-key=acroform", path); !strings.Contains(out, `"hasacroform": false`) {
		t.Errorf("the letter has a form: %s", out)
	}
}

// TestNothingButPages: scripts, links and attachments of the content stay out.
func TestNothingButPages(t *testing.T) {
	t.Parallel()
	b := rawPDF(a4Page+"/Annots [5 0 R]/AA <</O <</S/URI/URI(http://evil.example/)>>>>", "/AA <</WC <</S/URI/URI(http://evil.example/)>>>>", "",
		"<</Type/Annot/Subtype/Link/F 4/Rect[0 0 100 100]/A<</S/URI/URI(http://evil.example/)>>>>")
	p, _ := handOver(t, newFolder(t, nil), newLetter("en", newPart("a.pdf", "application/pdf", b)))
	if p.Pages != 6 {
		t.Fatalf("%d pages", p.Pages)
	}
	if bytes.Contains(p.PDF, []byte("evil.example")) {
		t.Error("an action of the content is in the letter")
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		box    rect
		rotate int
		unit   float64
		want   rect // where the box comes to lie
	}{
		{rect{0, 0, a4W, a4H}, 0, 1, rect{0, 0, a4W, a4H}},
		{rect{0, 0, a4H, a4W}, 0, 1, rect{0, 0, a4W, a4H}},
		{rect{0, 0, a4H, a4W}, 90, 1, rect{0, 0, a4W, a4H}},
		{rect{0, 0, a4W, a4H}, -180, 1, rect{0, 0, a4W, a4H}},
		{rect{50, 50, 50 + a4W, 50 + a4H}, 270, 1, rect{0, 0, a4W, a4H}},
		{rect{0, 0, 100, 200}, 0, 2, rect{a4W/2 - 100, a4H/2 - 200, a4W/2 + 100, a4H/2 + 200}},
		{rect{0, 0, 2 * a4W, 2 * a4H}, 0, 1, rect{0, 0, a4W, a4H}},
	} {
		m, _, err := fit(c.box, c.rotate, c.unit)
		if err != nil {
			t.Errorf("%v turned %d: %v", c.box, c.rotate, err)
			continue
		}
		got := bounds(c.box, m)
		for i, d := range []float64{got.x1 - c.want.x1, got.y1 - c.want.y1, got.x2 - c.want.x2, got.y2 - c.want.y2} {
			if d > 0.01 || d < -0.01 {
				t.Errorf("%v turned %d lies at %v, want %v (side %d)", c.box, c.rotate, got, c.want, i)
			}
		}
	}
}

// FuzzInspect: whatever a sender uploads, the answer is pages or a cause.
func FuzzInspect(f *testing.F) {
	f.Add(rawPDF(a4Page, "", "0 0 m 10 10 l S"))
	f.Add(rawPDF(a4Page+"/Annots [3 0 R 5 0 R]", "/Names 2 0 R", "", "<</Parent 5 0 R/V()/F 4/Subtype/Widget>>"))
	f.Add([]byte("%PDF-1.4\nstartxref\n0\n%%EOF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "a.pdf")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		n, _, err := inspect(context.Background(), path, 100, rect{})
		if _, refused := err.(*refusal); err != nil && !refused || err == nil && n < 1 {
			t.Errorf("%d pages, %v", n, err)
		}
	})
}
