package post

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// TestLetterLanguages reads whole letters back with poppler and qpdf.
func TestLetterLanguages(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"nl": {"Elektronisch aangetekende bezorging", "nu op papier", "1 november 2026 om 10.15 uur", "tot 16 november 2026 om 23.59 uur", "4 bladen papier", "Tekst van het bericht", "afgedrukt op blad 3 tot en met 4", "Niet afgedrukt: dit soort bestand", "vermeld nummer 7QX4-KM2P-9RTD"},
		"fr": {"Envoi recommandé électronique", "maintenant sur papier", "1er novembre 2026 à 10 h 15", "16 novembre 2026 à 23 h 59", "4 feuilles de papier", "imprimé sur les feuilles 3 à 4", "Non imprimé : ce type"},
		"de": {"Elektronisches Einschreiben", "jetzt auf Papier", "1. November 2026 um 10:15 Uhr", "16. November 2026", "4 Blatt Papier", "gedruckt auf Blatt 3 bis 4", "Nicht gedruckt: diese Art"},
		"en": {"Registered electronic delivery", "now on paper", "1 November 2026 at 10:15", "16 November 2026 at 23:59", "4 sheets of paper", "printed on sheets 3 to 4", "Not printed: this kind"},
	}
	for lang, phrases := range want {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			zip := newPart("foto's.zip", "application/zip", []byte("PK not really"))
			pdf := newPart("bijlage.pdf", "application/pdf", newPDF(t, 3, 210, 297, nil))
			p, path := handOver(t, newFolder(t, nil), newLetter(lang, pdf, zip))
			if n := pagesOf(t, path); n != 8 || p.Pages != 8 {
				t.Errorf("pages: pdfinfo %d, Posted %d, want 8 (cover, text, 3 + blank)", n, p.Pages)
			}
			cover := textOf(t, path, 1, 2)
			for _, s := range append(phrases, pdf.SHA256, zip.SHA256, "Vastgoed De Linde bv", "2800 MECHELEN", "7QX4-KM2P-9RTD") {
				if !strings.Contains(cover, s) {
					t.Errorf("cover lacks %q in\n%s", s, cover)
				}
			}
			if strings.Contains(cover, "{") || strings.Contains(cover, "TEST") || strings.Contains(strings.ToUpper(cover), "BELGI") && lang == "de" && strings.Contains(cover, "BELGIEN") {
				t.Errorf("cover has a placeholder, a test banner or a home country:\n%s", cover)
			}
			if got := textOf(t, path, 3, 3); !strings.Contains(got, "Élodie Dûpré") {
				t.Errorf("text page: %s", got)
			}
			for page, want := range map[int]string{2: "", 4: "", 5: "Bijlage pagina 1", 6: "Bijlage pagina 2", 7: "Bijlage pagina 3", 8: ""} {
				if got := textOf(t, path, page, page); got != want {
					t.Errorf("page %d says %q, want %q", page, got, want)
				}
			}
		})
	}
}

func TestLetterSaysTestOnEverySide(t *testing.T) {
	t.Parallel()
	l := newLetter("en", newPart("a.pdf", "application/pdf", newPDF(t, 2, 210, 297, nil)))
	l.Test = true
	p, path := handOver(t, newFolder(t, nil), l)
	if got := textOf(t, path, 1, 1); !strings.Contains(got, "TEST – this is not a real message") {
		t.Errorf("cover: %s", got)
	}
	if got := textOf(t, path, 3, 3); !strings.Contains(got, "TEST") {
		t.Errorf("text page: %s", got)
	}
	l.Test = false
	plain, _ := handOver(t, newFolder(t, nil), l)
	if p.Item == plain.Item || bytes.Equal(p.PDF, plain.PDF) {
		t.Error("a test letter is the same as a real one")
	}
}

// TestLetterIsReproducible: no clock, no chance, in the octets of a letter.
func TestLetterIsReproducible(t *testing.T) {
	t.Parallel()
	l := newLetter("fr", newPart("a.pdf", "application/pdf", newPDF(t, 2, 210, 297, nil)))
	a, _ := handOver(t, newFolder(t, nil), l)
	b, _ := handOver(t, newFolder(t, nil), l)
	if a.SHA256 != b.SHA256 {
		t.Errorf("two renderings differ: %s, %s", a.SHA256, b.SHA256)
	}
}

// word is one word of pdftotext -bbox, in points from the upper left corner.
type word struct {
	XMin float64 `xml:"xMin,attr"`
	YMin float64 `xml:"yMin,attr"`
	XMax float64 `xml:"xMax,attr"`
	YMax float64 `xml:"yMax,attr"`
	Text string  `xml:",chardata"`
}

func wordsOn(t *testing.T, path string) []word {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(tool(t, "pdftotext", "-bbox", "-f", "1", "-l", "1", path, "-")))
	d.Strict = false
	var all []word
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := tok.(xml.StartElement); ok && s.Name.Local == "word" {
			var w word
			if err := d.DecodeElement(&w, &s); err != nil {
				t.Fatal(err)
			}
			all = append(all, w)
		}
	}
}

// TestAddressInWindow slides the sheet about in its envelope: every word of the
// address stays visible and no other word comes into view.
func TestAddressInWindow(t *testing.T) {
	t.Parallel()
	addresses := map[string][]string{
		"short": {"An Li", "Dorp 1", "9000 Gent", "BE"},
		"long": {"Vereniging van Mede-eigenaars Residentie Zonnebloem", "t.a.v. mevrouw Marie-Antoinette Vandenbroucke",
			"Gebouw C, derde verdieping", "Prins Boudewijnlaan 123 bus 0401", "2650 Edegem", "Nederland"},
	}
	for _, name := range []string{"be-right", "din-5008-b"} {
		for kind, to := range addresses {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				w, err := WindowNamed(name)
				if err != nil {
					t.Fatal(err)
				}
				l := newLetter("nl")
				l.To = to
				l.SenderLines = append(l.SenderLines, "Ondernemingsnummer 0123.456.749", "Een derde regel die wat langer is dan de andere")
				_, path := handOver(t, newFolder(t, func(c *Config) { c.Window = w }), l)
				inside := ""
				for _, v := range wordsOn(t, path) {
					const mm = 25.4 / 72
					b := Box{v.XMin * mm, v.YMin * mm, (v.XMax - v.XMin) * mm, (v.YMax - v.YMin) * mm}
					switch {
					case b.inside(w.Address.grow(0.6)):
						inside += v.Text + " "
					case w.ReturnInWindow && b.inside(w.Return.grow(0.6)):
					case b.meets(w.Window.grow(w.Slack)):
						t.Errorf("%q at %+v shows, or may, in the window", v.Text, b)
					}
				}
				for _, line := range to[:len(to)-2] {
					if !strings.Contains(inside, line) {
						t.Errorf("window shows %q, lacks %q", inside, line)
					}
				}
			})
		}
	}
}

// TestSheetCodes reads the codes of every sheet with libdmtx and zbar.
func TestSheetCodes(t *testing.T) {
	t.Parallel()
	for _, simplex := range []bool{false, true} {
		t.Run(fmt.Sprint("simplex ", simplex), func(t *testing.T) {
			t.Parallel()
			l := newLetter("de", newPart("quer.pdf", "application/pdf", newPDF(t, 2, 297, 210, nil)))
			p, path := handOver(t, newFolder(t, func(c *Config) { c.Simplex = simplex }), l)
			step, sheets, side := 2, 3, "D"
			if simplex {
				step, sheets, side = 1, 4, "S"
			}
			if n := pagesOf(t, path); n != step*sheets {
				t.Fatalf("%d pages, want %d sheets", n, sheets)
			}
			for i := range sheets {
				out := filepath.Join(t.TempDir(), "sheet")
				tool(t, "pdftoppm", "-r", "300", "-f", fmt.Sprint(i*step+1), "-l", fmt.Sprint(i*step+1), "-x", "30", "-y", "3060", "-W", "170", "-H", "180", "-png", "-singlefile", path, out)
				want := fmt.Sprintf("%s|%s|%d/%d|%s", p.Item, l.Number, i+1, sheets, side)
				if got := tool(t, "dmtxread", "-N1", "-m", "20000", out+".png"); got != want {
					t.Errorf("sheet %d says %q, want %q", i+1, got, want)
				}
			}
			out := filepath.Join(t.TempDir(), "cover")
			tool(t, "pdftoppm", "-r", "200", "-f", "1", "-l", "1", "-png", "-singlefile", path, out)
			if got := tool(t, "zbarimg", "-q", "--raw", out+".png"); !strings.Contains(got, l.VerifyURL) {
				t.Errorf("cover QR says %q", got)
			}
		})
	}
}

func TestLetterRefused(t *testing.T) {
	t.Parallel()
	failing := errors.New("vault is away")
	cases := map[string]struct {
		change func(*delivery.Letter)
		want   error
	}{
		"language":       {func(l *delivery.Letter) { l.Language = "es" }, ErrLetter},
		"reason":         {func(l *delivery.Letter) { l.Reason = "mood" }, ErrLetter},
		"no number":      {func(l *delivery.Letter) { l.Number = "" }, ErrLetter},
		"no delivery":    {func(l *delivery.Letter) { l.Delivery = "" }, ErrLetter},
		"no sender":      {func(l *delivery.Letter) { l.SenderName = "" }, ErrLetter},
		"no time":        {func(l *delivery.Letter) { l.DecidedAt = time.Time{} }, ErrLetter},
		"no content":     {func(l *delivery.Letter) { l.Parts[0].Open = nil }, ErrLetter},
		"endless number": {func(l *delivery.Letter) { l.Number = strings.Repeat("A", 2000) }, ErrLetter},
		"endless URL":    {func(l *delivery.Letter) { l.VerifyURL = "https://a.example/" + strings.Repeat("x", 4000) }, ErrLetter},
		"no address":     {func(l *delivery.Letter) { l.To = nil }, ErrAddress},
		"wide address":   {func(l *delivery.Letter) { l.To[1] = strings.Repeat("Kerkstraat ", 20) }, ErrAddress},
		"wrong digest":   {func(l *delivery.Letter) { l.Parts[0].SHA256 = strings.Repeat("0", 64) }, ErrDigest},
		"too short":      {func(l *delivery.Letter) { l.Parts[0].Size++ }, ErrDigest},
		"too long":       {func(l *delivery.Letter) { l.Parts[0].Size-- }, ErrDigest},
		"vault fails": {func(l *delivery.Letter) {
			l.Parts[0].Open = func(context.Context) (io.ReadCloser, error) { return nil, failing }
		}, failing},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFolder(t, nil)
			l := newLetter("nl")
			c.change(&l)
			if _, err := h.HandOver(t.Context(), l); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			} else if Permanent(err) != (c.want != failing) {
				t.Errorf("Permanent(%v) = %v", err, Permanent(err))
			}
			if left := filesIn(t, h); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestTextParts covers what message texts can be.
func TestTextParts(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text  string
		pages int
		want  string
	}{
		"empty":      {"", 1, "(no text)"},
		"windows":    {"\ufeffone\r\ntwo\r\n", 1, "one two"},
		"long word":  {strings.Repeat("abcdefghij", 40), 1, "abcdefghijabcdefghij"},
		"many lines": {strings.Repeat("line\n", 100), 3, "page 3 of 3"},
		"emoji":      {"done 👍🏽 日本", 1, "characters could not be printed exactly as in the original"},
		"accents":    {"Nguyễn Łódź Şişli Ěščř œuvre €", 1, "Łódź Şişli Ěščř œuvre €"},
		"spaces":     {"prix\u202f: 5\u00a0€\u00ad\u200b", 1, "prix : 5 €"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLetter("en")
			l.Parts[0] = newPart("message.txt", "text/plain", []byte(c.text))
			_, path := handOver(t, newFolder(t, nil), l)
			if n := pagesOf(t, path); n != 2+(c.pages+1)/2*2 {
				t.Errorf("%d pages, want %d of text", n, c.pages)
			}
			if got := textOf(t, path, 3, 2+c.pages); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
