package post

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
)

// face is one of the letter's typefaces.
type face string

const (
	regular face = "regular"
	bold    face = "bold"
	mono    face = "mono"
)

// replacement stands for a character no face has.
const replacement = '□'

// faces measures and checks text. Not safe for concurrent use.
type faces struct {
	ttf    map[face][]byte
	parsed map[face]*sfnt.Font
	buf    sfnt.Buffer
	width  map[face]map[rune]float64 // advance for one point of size, in points

	url  string          // of the last letter, with its code: it is nearly always the same
	code barcode.Barcode //
}

func newFaces() (*faces, error) {
	f := &faces{
		ttf:    map[face][]byte{regular: goregular.TTF, bold: gobold.TTF, mono: gomono.TTF},
		parsed: map[face]*sfnt.Font{},
		width:  map[face]map[rune]float64{},
	}
	for name, ttf := range f.ttf {
		p, err := sfnt.Parse(ttf)
		if err != nil {
			return nil, fmt.Errorf("post: typeface %s: %w", name, err)
		}
		f.parsed[name], f.width[name] = p, map[rune]float64{}
	}
	return f, nil
}

// verifyCode is the code that leads to url. Errors: those of package qr.
func (f *faces) verifyCode(url string) (barcode.Barcode, error) {
	if f.code == nil || f.url != url {
		c, err := qr.Encode(url, qr.M, qr.Auto)
		if err != nil {
			return nil, err
		}
		f.url, f.code = url, c
	}
	return f.code, nil
}

// has reports whether the text face can show r.
func (f *faces) has(r rune) bool {
	i, err := f.parsed[regular].GlyphIndex(&f.buf, r)
	return err == nil && i != 0
}

// printable gives s in characters that the faces have, and how many had to be
// changed: to their base letter, or to [replacement]. Line breaks stay.
func (f *faces) printable(s string) (string, int) {
	var b strings.Builder
	changed := 0
	for _, r := range norm.NFC.String(s) {
		switch {
		case r == '\n' || f.has(r) && unicode.IsPrint(r):
			b.WriteRune(r)
		case r == '\t':
			b.WriteString("    ")
		case unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case r == '\u2010' || r == '\u2011':
			b.WriteByte('-')
		case r == '\r' || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r):
			// no ink of their own
		default:
			changed++
			b.WriteRune(f.base(r))
		}
	}
	return b.String(), changed
}

// base is the letter under an accent the faces lack, or [replacement].
func (f *faces) base(r rune) rune {
	d, _ := utf8.DecodeRuneInString(norm.NFKD.String(string(r)))
	if d != r && f.has(d) && unicode.IsLetter(d) {
		return d
	}
	return replacement
}

// measure gives the width of s in millimetres at size points.
func (f *faces) measure(name face, size float64, s string) float64 {
	w := 0.0
	for _, r := range s {
		a, ok := f.width[name][r]
		if !ok {
			p := f.parsed[name]
			em := p.UnitsPerEm()
			i, _ := p.GlyphIndex(&f.buf, r)
			adv, _ := p.GlyphAdvance(&f.buf, i, fixed.I(int(em)), font.HintingNone)
			a = float64(adv) / 64 / float64(em)
			f.width[name][r] = a
		}
		w += a
	}
	return w * size * 25.4 / 72
}

// wrap breaks one paragraph into lines of at most width millimetres, at spaces
// where there are any. Leading spaces stay; no text is lost.
func (f *faces) wrap(name face, size, width float64, s string) []string {
	var lines []string
	line := ""
	for _, word := range strings.SplitAfter(s, " ") {
		if f.measure(name, size, strings.TrimRight(line+word, " ")) <= width {
			line += word
			continue
		}
		if strings.TrimSpace(line) != "" {
			lines = append(lines, strings.TrimRight(line, " "))
			line = ""
		}
		for f.measure(name, size, strings.TrimRight(word, " ")) > width {
			n := f.fitting(name, size, width, word)
			lines, word = append(lines, word[:n]), word[n:]
		}
		line = word
	}
	return append(lines, strings.TrimRight(line, " "))
}

// fitting is how many octets of word fit on a line; at least one character.
func (f *faces) fitting(name face, size, width float64, word string) int {
	n, w := 0, 0.0
	for i, r := range word {
		w += f.measure(name, size, string(r))
		if w > width && i > 0 {
			break
		}
		n = i + len(string(r))
	}
	return n
}
