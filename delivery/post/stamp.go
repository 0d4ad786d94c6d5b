package post

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/datamatrix"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// stamper draws the sheet code and "sheet n/m" into the margin. It uses paths
// only, no font and no image, so that it fits into any page.
type stamper struct {
	f      *faces
	words  words
	item   string
	number string
	at     Point // upper left corner of the code, millimetres
	sheets int
	duplex bool
	test   bool
}

// module is the width of one Data Matrix module in millimetres: four dots at
// 300 dpi.
const module = 0.34

// code is what the sheet's Data Matrix says.
func (s stamper) code(sheet int) string {
	side := "S"
	if s.duplex {
		side = "D"
	}
	return fmt.Sprintf("%s|%s|%d/%d|%s", s.item, s.number, sheet, s.sheets, side)
}

// front gives the content for the front of a sheet. Errors: ErrLetter when the
// number is too long for a code.
func (s stamper) front(sheet int) (string, error) {
	c, err := datamatrix.Encode(s.code(sheet))
	if err != nil {
		return "", fmt.Errorf("%w: sheet code: %w", ErrLetter, err)
	}
	var b strings.Builder
	b.WriteString("q 0 g\n")
	const mm = 72 / 25.4
	for _, r := range runs(c) {
		fmt.Fprintf(&b, "%s %s %s %s re\n", num((s.at.X+float64(r.x)*module)*mm), num(a4H-(s.at.Y+float64(r.y+1)*module)*mm),
			num(float64(r.n)*module*mm), num(module*mm))
	}
	b.WriteString("f\nQ\n")
	text := fill(s.words.Sheet, "n", fmt.Sprint(sheet), "m", fmt.Sprint(s.sheets))
	if s.test {
		text = s.words.TestMark + " · " + text
	}
	b.WriteString(s.vertical(text))
	return b.String(), nil
}

// back gives the content for the back of a sheet: only a test says so.
func (s stamper) back() string {
	if !s.test {
		return ""
	}
	return s.vertical(s.words.TestMark)
}

// vertical writes text upwards, just above the code, as outlines.
func (s stamper) vertical(text string) string {
	const mm, size = 72 / 25.4, 7.0
	var b strings.Builder
	fmt.Fprintf(&b, "q 0 g %s cm\n", matrix{0, 1, -1, 0, (s.at.X + 5.2) * mm, a4H - (s.at.Y-2.5)*mm})
	x := 0.0
	for _, r := range text {
		s.outline(&b, r, x, size)
		x += s.f.measure(regular, size, string(r)) * mm
	}
	b.WriteString("f\nQ\n")
	return b.String()
}

// outline appends the path of one character.
func (s stamper) outline(b *strings.Builder, r rune, x, size float64) {
	p := s.f.parsed[regular]
	em := fixed.I(int(p.UnitsPerEm()))
	i, err := p.GlyphIndex(&s.f.buf, r)
	if err != nil || i == 0 {
		return
	}
	segments, err := p.LoadGlyph(&s.f.buf, i, em, nil)
	if err != nil {
		return
	}
	at := func(q fixed.Point26_6) (float64, float64) {
		return x + float64(q.X)/float64(em)*size, -float64(q.Y) / float64(em) * size
	}
	var cx, cy float64
	for k, seg := range segments {
		x1, y1 := at(seg.Args[0])
		switch seg.Op {
		case sfnt.SegmentOpMoveTo:
			if k > 0 {
				b.WriteString("h\n")
			}
			fmt.Fprintf(b, "%s %s m\n", num(x1), num(y1))
			cx, cy = x1, y1
		case sfnt.SegmentOpLineTo:
			fmt.Fprintf(b, "%s %s l\n", num(x1), num(y1))
			cx, cy = x1, y1
		case sfnt.SegmentOpQuadTo: // raised to the cubic that PDF has
			x2, y2 := at(seg.Args[1])
			fmt.Fprintf(b, "%s %s %s %s %s %s c\n", num(cx+2*(x1-cx)/3), num(cy+2*(y1-cy)/3),
				num(x2+2*(x1-x2)/3), num(y2+2*(y1-y2)/3), num(x2), num(y2))
			cx, cy = x2, y2
		}
	}
	b.WriteString("h\n")
}
