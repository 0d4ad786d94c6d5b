package post

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// newPreviewer previews with the example tariff.
func newPreviewer(t *testing.T, change func(*Config)) *Previewer {
	t.Helper()
	cfg := Config{Dir: t.TempDir(), Partner: "stand-in", Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return clock }}
	if change != nil {
		change(&cfg)
	}
	tariff, err := ExampleTariff()
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPreviewer(cfg, tariff)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPreviewIsTheLetter: a preview says what handing over then makes.
func TestPreviewIsTheLetter(t *testing.T) {
	t.Parallel()
	l := newLetter("nl", newPart("a.pdf", "application/pdf", newPDF(t, 3, 215.9, 279.4, nil)), newPart("foto.png", "image/png", encoded(t, "png", flag(300, 400))),
		newPart("film.mp4", "video/mp4", []byte("x")), newPart("lang.pdf", "application/pdf", newPDF(t, 201, 210, 297, nil)))
	p := newPreviewer(t, nil)
	got, err := p.Preview(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	h := newFolder(t, nil)
	receipt, path := handOver(t, h, l)
	if got.Pages != receipt.Pages || got.Pages != pagesOf(t, path) || got.Sheets != 5 || got.Grams != 30 || got.Envelope != "C5/6" || got.Country != "BE" {
		t.Errorf("preview %+v, letter of %d pages", got, receipt.Pages)
	}
	if got.Price != 60+5*8+1000 || got.Online != 195 || got.Product != "registered" {
		t.Errorf("price %d, online %d", got.Price, got.Online)
	}
	want := []string{"1  ", "3  scaled", "1  converted", "0 media_type ", "0 too_many_pages "}
	for i, part := range got.Parts {
		is := string(rune('0'+part.Pages)) + " " + part.Cause + " " + strings.Join(part.Notes, ",")
		if is != want[i] || part.SHA256 != l.Parts[i].SHA256 {
			t.Errorf("part %d is %q, want %q", i, is, want[i])
		}
	}
	if left, err := os.ReadDir(p.dir()); err != nil || len(left) != 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
}

// TestPreviewOnce: for many recipients, and again for the same sender, content
// is opened once; for another sender it is opened anew.
func TestPreviewOnce(t *testing.T) {
	t.Parallel()
	l := newLetter("nl", newPart("a.pdf", "application/pdf", newPDF(t, 1, 210, 297, nil)))
	var opened atomic.Int32
	for i := range l.Parts {
		open := l.Parts[i].Open
		l.Parts[i].Open = func(ctx context.Context) (io.ReadCloser, error) { opened.Add(1); return open(ctx) }
	}
	p := newPreviewer(t, nil)
	look := func(change func(*delivery.Letter)) delivery.LetterPreview {
		t.Helper()
		x := l
		change(&x)
		got, err := p.Preview(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for range 100 {
		look(func(x *delivery.Letter) { x.To = []string{"Jan Maes", "Dorp 1", "9000 Gent", "BE"} })
	}
	abroad := look(func(x *delivery.Letter) { x.To = []string{"Jan Maes", "Dorpsstraat 1", "1011 AB Amsterdam", "NL"} })
	look(func(x *delivery.Letter) { x.SubmittedAt = x.SubmittedAt.Add(time.Hour) })
	if opened.Load() != 2 || abroad.Country != "NL" || abroad.Price != 60+3*8+1500 {
		t.Errorf("opened %d times; abroad %+v", opened.Load(), abroad)
	}
	look(func(x *delivery.Letter) { x.Delivery = "preview of somebody else" })
	if opened.Load() != 4 {
		t.Errorf("opened %d times", opened.Load())
	}
}

// TestPreviewRefuses: what no letter can be made of is an error for good, and
// nothing of it is remembered.
func TestPreviewRefuses(t *testing.T) {
	t.Parallel()
	p := newPreviewer(t, nil)
	away := errors.New("vault is away")
	for name, c := range map[string]struct {
		change func(*delivery.Letter)
		want   error
	}{
		"wide":     {func(l *delivery.Letter) { l.To[1] = strings.Repeat("Kerkstraat ", 20) }, ErrAddress},
		"script":   {func(l *delivery.Letter) { l.To[0] = "日本太郎" }, ErrAddress},
		"too many": {func(l *delivery.Letter) { l.To = append(strings.Fields("a b c d e f g"), l.To...) }, ErrAddress},
		"nowhere":  {func(l *delivery.Letter) { l.To[3] = "Atlantis" }, ErrAddress},
		"language": {func(l *delivery.Letter) { l.Language = "es" }, ErrLetter},
		"digest":   {func(l *delivery.Letter) { l.Parts[0].SHA256 = strings.Repeat("0", 64) }, ErrDigest},
		"too heavy": {func(l *delivery.Letter) {
			l.Parts = append(l.Parts, newPart("a.pdf", "application/pdf", newPDF(t, 380, 210, 297, nil)))
		}, ErrWeight},
		"away": {func(l *delivery.Letter) {
			l.Parts[0].Open = func(context.Context) (io.ReadCloser, error) { return nil, away }
		}, away},
	} {
		x := newLetter("nl")
		x.Delivery = name
		c.change(&x)
		q := p
		if name == "too heavy" {
			q = newPreviewer(t, func(c *Config) { c.MaxPages, c.Simplex = 400, true })
		}
		if _, err := q.Preview(t.Context(), x); !errors.Is(err, c.want) || errors.Is(err, delivery.ErrUnpostable) != (c.want != away) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.Fits([]string{"An Li", "Dorp 1", "9000 Gent", "BE"}, "nl"); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.turn <- struct{}{} // somebody else's turn
	cancel()
	if _, err := p.Preview(ctx, newLetter("nl")); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting: %v", err)
	}
}

// TestTariff: prices by product, country and weight, and none where a tariff
// says none.
func TestTariff(t *testing.T) {
	t.Parallel()
	tariff, err := ParseTariff([]byte(`{"currency":"EUR","online":100,"rates":[
		{"product":"registered","countries":["BE"],"letter":10,"sheet":2,"steps":[{"grams":50,"cents":500},{"grams":100,"cents":700}]},
		{"product":"registered","countries":["*"],"letter":0,"sheet":0,"steps":[{"grams":100,"cents":900}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		product, country    string
		sheets, grams, want int
	}{
		{"registered", "BE", 3, 20, 516}, {"registered", "BE", 9, 50, 528}, {"registered", "BE", 9, 51, 728}, {"registered", "BE", 20, 101, noPrice},
		{"registered", "JP", 3, 20, 900}, {"plain", "BE", 3, 20, noPrice},
	} {
		if got := tariff.price(c.product, c.country, c.sheets, c.grams); got != c.want {
			t.Errorf("%+v costs %d", c, got)
		}
	}
	for name, bad := range map[string]string{
		"no JSON": `x`, "francs": `{"currency":"BEF","online":1,"rates":[]}`, "below zero": `{"currency":"EUR","online":-1,"rates":[]}`,
		"unknown":  `{"currency":"EUR","online":1,"vat":21,"rates":[]}`,
		"no steps": `{"currency":"EUR","online":1,"rates":[{"product":"a","countries":["BE"],"steps":[]}]}`,
		"falling":  `{"currency":"EUR","online":1,"rates":[{"product":"a","countries":["BE"],"steps":[{"grams":50,"cents":5},{"grams":100,"cents":4}]}]}`,
		"unsorted": `{"currency":"EUR","online":1,"rates":[{"product":"a","countries":["BE"],"steps":[{"grams":50,"cents":5},{"grams":50,"cents":6}]}]}`,
	} {
		if _, err := ParseTariff([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestFonts: a typeface that is not in the file costs the part its paper unless
// every printer has it.
func TestFonts(t *testing.T) {
	t.Parallel()
	page := func(font string, more ...string) []byte {
		return rawPDF("/MediaBox [0 0 595 842] /Resources <</Font<</F 5 0 R>>>>", "", "BT /F 12 Tf 100 400 Td (Bijlage) Tj ET", append([]string{font}, more...)...)
	}
	p := newPreviewer(t, nil)
	for name, c := range map[string]struct {
		raw   []byte
		cause Cause
		note  bool
	}{
		"standard": {page("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"), "", true},
		"Arial":    {page("<</Type/Font/Subtype/TrueType/BaseFont/Arial,Bold/FontDescriptor 6 0 R>>", "<</Type/FontDescriptor/FontName/Arial,Bold>>"), "", true},
		"embedded": {newPDF(t, 1, 210, 297, nil), "", false},
		"missing":  {page("<</Type/Font/Subtype/TrueType/BaseFont/Garamond/FontDescriptor 6 0 R>>", "<</Type/FontDescriptor/FontName/Garamond>>"), Fonts, false},
		"no name":  {page("<</Type/Font/Subtype/Type1>>"), Fonts, false},
		"dangling": {page("<</Type/Font/Subtype/TrueType/BaseFont/X/FontDescriptor 6 0 R>>", "<</Type/FontDescriptor/FontFile2 99 0 R>>"), Fonts, false},
		"CID":      {page("<</Type/Font/Subtype/Type0/BaseFont/Arial/Encoding/Identity-H/DescendantFonts[6 0 R]>>", "<</Type/Font/Subtype/CIDFontType2/BaseFont/Arial>>"), Fonts, false},
		"direct":   {rawPDF("/MediaBox [0 0 595 842] /Resources <</Font<</F <</Type/Font/Subtype/Type1/BaseFont/Bodoni>>>>>>", "", "BT ET"), Fonts, false},
	} {
		got, err := p.Preview(t.Context(), newLetter("nl", newPart("a.pdf", "application/pdf", c.raw)))
		if err != nil {
			t.Fatal(err)
		}
		part := got.Parts[1]
		if part.Cause != string(c.cause) || (len(part.Notes) == 1 && part.Notes[0] == string(Typefaces)) != c.note {
			t.Errorf("%s: %+v", name, part)
		}
	}
}
