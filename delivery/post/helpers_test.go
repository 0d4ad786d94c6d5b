package post

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signintech/gopdf"

	"github.com/bode-erds/bode/delivery"
)

// clock is the instant at which all tests run.
var clock = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

// newFolder opens a hot folder in a directory of its own.
func newFolder(t *testing.T, change func(*Config)) *HotFolder {
	t.Helper()
	cfg := Config{
		Dir: t.TempDir(), Partner: "stand-in", Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return clock },
	}
	if change != nil {
		change(&cfg)
	}
	h, err := NewHotFolder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// newLetter is a complete letter in lang with a text and the given parts.
func newLetter(lang string, parts ...delivery.LetterPart) delivery.Letter {
	text := map[string]string{
		"nl": "Geachte mevrouw Janssens,\n\nMet deze aangetekende brief zeggen wij de huurovereenkomst van 1 maart 2021 op. De opzegtermijn bedraagt drie maanden en begint op 1 december 2026.\n\nHoogachtend,\n\nÉlodie Dûpré\nVastgoed De Linde bv",
		"fr": "Madame,\n\nPar le présent envoi recommandé, nous mettons fin au bail du 1er mars 2021. Le préavis est de trois mois ; il prend cours le 1er décembre 2026.\n\nVeuillez agréer, Madame, l’expression de nos sentiments distingués.\n\nÉlodie Dûpré",
		"de": "Sehr geehrte Frau Janssens,\n\nmit diesem Einschreiben kündigen wir den Mietvertrag vom 1. März 2021. Die Kündigungsfrist beträgt drei Monate und beginnt am 1. Dezember 2026.\n\nMit freundlichen Grüßen\n\nÉlodie Dûpré",
		"en": "Dear Ms Janssens,\n\nWith this registered message we end the tenancy agreement of 1 March 2021. The period of notice is three months and begins on 1 December 2026.\n\nYours sincerely,\n\nÉlodie Dûpré",
	}[lang]
	return delivery.Letter{
		Delivery: "0192f0c4-7d5e-7c3a-9d5b-2f6a1c0b9e11", Number: "7QX4-KM2P-9RTD", Language: lang, Reason: "expired",
		SenderName: "Vastgoed De Linde bv", SenderLines: []string{"Lindestraat 7 bus 3", "9000 GENT"},
		To:          []string{"Mevrouw Ann Janssens", "Kerkstraat 12 bus 4", "2800 Mechelen", "België"},
		SubmittedAt: time.Date(2026, 11, 1, 9, 15, 0, 0, time.UTC), DecidedAt: time.Date(2026, 11, 16, 22, 59, 0, 0, time.UTC),
		Subject: "Opzegging van de huur van het appartement in de Kerkstraat", VerifyURL: "https://bode.example/verify/7QX4-KM2P-9RTD",
		Parts: append([]delivery.LetterPart{newPart("message.txt", "text/plain; charset=utf-8", []byte(text))}, parts...),
	}
}

// newPart is content in memory.
func newPart(name, mediaType string, b []byte) delivery.LetterPart {
	h := sha256.Sum256(b)
	return delivery.LetterPart{
		Name: name, MediaType: mediaType, Size: int64(len(b)), SHA256: hex.EncodeToString(h[:]),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
	}
}

// newPDF makes a PDF of pages of w × h millimetres that say their own names.
func newPDF(t *testing.T, pages int, w, h float64, change func(*gopdf.Config)) []byte {
	t.Helper()
	f, err := newFaces()
	if err != nil {
		t.Fatal(err)
	}
	cfg := gopdf.Config{Unit: gopdf.UnitMM, PageSize: gopdf.Rect{W: w, H: h}}
	if change != nil {
		change(&cfg)
	}
	p := gopdf.GoPdf{}
	p.Start(cfg)
	if err := p.AddTTFFontData("r", f.ttf[regular]); err != nil {
		t.Fatal(err)
	}
	for i := range pages {
		p.AddPage()
		if err := p.SetFont("r", "", 14); err != nil {
			t.Fatal(err)
		}
		p.SetXY(30, 30)
		if err := p.Text(fmt.Sprintf("Bijlage pagina %d", i+1)); err != nil {
			t.Fatal(err)
		}
		p.SetLineWidth(1)
		p.RectFromUpperLeftWithStyle(25, 20, w-50, h-40, "D")
	}
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rawPDF makes a one-page PDF by hand: page is the page's entries, root the
// catalog's, more objects follow as number 5 and on. Object 4 is the content.
func rawPDF(page, root, content string, more ...string) []byte {
	return pdfOf(append([]string{
		"<</Type/Catalog/Pages 2 0 R " + root + ">>",
		"<</Type/Pages/Count 1/Kids[3 0 R]>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R " + page + ">>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content),
	}, more...))
}

// pdfOf numbers objects from 1 and makes a file of them; the first is the root.
func pdfOf(objects []string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	x := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, x)
	return b.Bytes()
}

// handOver hands l over and gives the answer with the PDF as a file.
func handOver(t *testing.T, h *HotFolder, l delivery.Letter) (delivery.PostReceipt, string) {
	t.Helper()
	p, err := h.HandOver(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "letter.pdf")
	if err := os.WriteFile(path, p.PDF, 0o600); err != nil {
		t.Fatal(err)
	}
	return p, path
}

// tool runs an independent program; without it the test is skipped, saying so.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s is not installed: %v", name, err)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// textOf is what pdftotext reads on pages first to last, spaces folded.
func textOf(t *testing.T, path string, first, last int) string {
	t.Helper()
	out := tool(t, "pdftotext", "-layout", "-f", fmt.Sprint(first), "-l", fmt.Sprint(last), path, "-")
	return strings.Join(strings.Fields(out), " ")
}

// pagesOf is what pdfinfo counts, after qpdf found nothing wrong.
func pagesOf(t *testing.T, path string) int {
	t.Helper()
	if out := tool(t, "qpdf", "--check", path); strings.Contains(strings.ToLower(out), "warning") {
		t.Errorf("qpdf: %s", out)
	}
	n := 0
	for line := range strings.Lines(tool(t, "pdfinfo", path)) {
		if v, ok := strings.CutPrefix(line, "Pages:"); ok {
			fmt.Sscan(v, &n)
		}
		if strings.HasPrefix(line, "Page size:") && !strings.Contains(line, "(A4)") {
			t.Errorf("pdfinfo: %s", line)
		}
	}
	return n
}

// read gives the content of a paper.
func read(t *testing.T, d delivery.PostDocument) []byte {
	t.Helper()
	r, err := d.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
