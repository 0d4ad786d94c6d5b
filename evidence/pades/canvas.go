package pades

import (
	"strconv"
	"unicode/utf8"
)

// A4 and the frame that text keeps to, in points.
const (
	pageWidth    = 595.276
	pageHeight   = 841.89
	marginLeft   = 56.0
	marginRight  = 56.0
	frameWidth   = pageWidth - marginLeft - marginRight
	frameBottom  = 64.0
	bandHeight   = 54.0 // header band of the first page
	stripHeight  = 30.0 // header of the pages after it
	bannerHeight = 24.0 // "no legal value", on every page of a test
)

// colour is 0xRRGGBB; the output intent says which RGB.
type colour uint32

const (
	ink    colour = 0x0B3C49 // titles, band
	body   colour = 0x16282E
	muted  colour = 0x4A5D64 // labels; contrast 6.8:1 on white
	accent colour = 0x0F766E
	hair   colour = 0xD5DEDC
	tint   colour = 0xF1F7F5
	mint   colour = 0x14B8A6 // the tile of the sign
	white  colour = 0xFFFFFF
	alarm  colour = 0xA61C1C
	blush  colour = 0xFEEFED
)

// font is one of the fonts a document is set in.
type font uint8

const (
	fontTitle font = iota
	fontHead
	fontBig
	fontLead
	fontText
	fontBold
	fontLabel
	fontNote
	fontMono
	fontTiny
	fontBrand
	fontOnBand
	fontAlarm
)

// spec is a face at a size with its line height and colour.
type spec struct {
	face       faceID
	size, lead float64 // points
	col        colour
}

func (f font) spec() spec {
	return [...]spec{
		fontTitle:  {bold, 20, 25, ink},
		fontHead:   {bold, 12, 16, ink},
		fontBig:    {bold, 12, 17, ink},
		fontLead:   {regular, 10.5, 15, body},
		fontText:   {regular, 9, 12.5, body},
		fontBold:   {bold, 9, 12.5, body},
		fontLabel:  {regular, 8, 12.5, muted},
		fontNote:   {regular, 8, 11, muted},
		fontMono:   {mono, 7.6, 11, body},
		fontTiny:   {regular, 7, 9.5, muted},
		fontBrand:  {bold, 16, 20, white},
		fontOnBand: {regular, 8.5, 12, white},
		fontAlarm:  {bold, 9.5, 13, alarm},
	}[f]
}

func (f font) lead() float64 { return f.spec().lead }

// baseline is how far below the upper edge of its line a font stands.
func (f font) baseline() float64 {
	sp := f.spec()
	return sp.lead/2 + 0.38*sp.size
}

// page is the content stream of one page and the elements its pieces belong to.
type page struct {
	buf   []byte
	marks []*element
	fill  colour
	dirty bool    // fill is known
	set   setting // what text is set in; the zero value is nothing yet
}

// setting is a font resource at a size.
type setting struct {
	name string
	size float64
}

// canvas draws on pages. Coordinates have their origin at the lower left.
type canvas struct {
	*press
	subsets [faceCount]*subset // of what the common fonts lack
	used    [faceCount]bool    // common fonts
	pages   []*page
	cur     int // page drawn on
}

func newCanvas(p *press) *canvas {
	c := &canvas{press: p}
	for i, f := range p.faces {
		c.subsets[i] = newSubset(f)
	}
	return c
}

func (c *canvas) addPage() {
	c.pages = append(c.pages, &page{buf: make([]byte, 0, 16<<10)})
	c.cur = len(c.pages) - 1
}

func (c *canvas) page() *page { return c.pages[c.cur] }

// ops appends operators and operands: text as it is, numbers as PDF has them.
func (p *page) ops(parts ...any) {
	for i, part := range parts {
		if i > 0 {
			p.buf = append(p.buf, ' ')
		}
		switch v := part.(type) {
		case string:
			p.buf = append(p.buf, v...)
		case int:
			p.buf = strconv.AppendInt(p.buf, int64(v), 10)
		case float64:
			p.buf = appendNum(p.buf, v)
		}
	}
	p.buf = append(p.buf, '\n')
}

// mark draws what f draws as a piece of e.
func (c *canvas) mark(e *element, f func()) {
	p := c.page()
	p.ops("/"+e.kind, "<</MCID", len(p.marks), ">>BDC")
	e.kids = append(e.kids, kid{page: c.cur, mcid: len(p.marks)})
	p.marks = append(p.marks, e)
	f()
	p.ops("EMC")
}

// artifact draws what f draws as decoration that a screen reader skips.
func (c *canvas) artifact(f func()) {
	c.page().ops("/Artifact BMC")
	f()
	c.page().ops("EMC")
}

// pagination is artifact for what repeats on every page: "Header" or "Footer".
func (c *canvas) pagination(subtype string, f func()) {
	c.page().ops("/Artifact <</Type/Pagination/Subtype/" + subtype + ">>BDC")
	f()
	c.page().ops("EMC")
}

func (c *canvas) setFill(col colour) {
	p := c.page()
	if p.dirty && p.fill == col {
		return
	}
	p.fill, p.dirty = col, true
	part := func(shift uint) float64 { return float64(col>>shift&0xFF) / 255 }
	p.ops(part(16), part(8), part(0), "rg")
}

// rect fills a rectangle given by its lower left corner.
func (c *canvas) rect(x, y, w, h float64, col colour) {
	c.setFill(col)
	c.page().ops(x, y, w, h, "re f")
}

// rule draws a thin horizontal line.
func (c *canvas) rule(x, y, w float64, col colour) { c.rect(x, y, w, 0.6, col) }

// path fills a path written in PDF operators, moved to (x, y) and scaled.
func (c *canvas) path(x, y, scale float64, col colour, ops string) {
	c.setFill(col)
	c.page().ops("q", scale, 0, 0, scale, x, y, "cm", ops, "Q")
}

// text draws one line of text with its baseline at y. The text must have been
// through escape.
func (c *canvas) text(x, y float64, f font, s string) {
	if s == "" {
		return
	}
	sp := f.spec()
	c.setFill(sp.col)
	p := c.page()
	p.ops("BT", x, y, "Td")
	for s != "" {
		s = c.run(p, sp, s)
	}
	p.ops("ET")
}

// run draws as much of s as one font resource has, and returns the rest.
func (c *canvas) run(p *page, sp spec, s string) (rest string) {
	common := c.common[sp.face]
	r, _ := utf8.DecodeRuneInString(s)
	_, plain := common.has(r)
	if plain {
		c.used[sp.face] = true
		p.use(setting{sp.face.common(), sp.size}, '(')
	} else {
		p.use(setting{sp.face.subset(), sp.size}, '<')
	}
	n := len(s)
	for i, r := range s {
		code, ok := common.has(r)
		if ok != plain {
			n = i
			break
		}
		switch {
		case !plain:
			p.buf = c.subsets[sp.face].hex(p.buf, r)
		case code == '(' || code == ')' || code == '\\':
			p.buf = append(p.buf, '\\', code)
		default:
			p.buf = append(p.buf, code)
		}
	}
	if plain {
		p.buf = append(p.buf, ")Tj\n"...)
	} else {
		p.buf = append(p.buf, ">Tj\n"...)
	}
	return s[n:]
}

// use sets what the string that begins with bracket is set in.
func (p *page) use(s setting, bracket byte) {
	if p.set != s {
		p.set = s
		p.ops(s.name, s.size, "Tf")
	}
	p.buf = append(p.buf, bracket)
}

// width is the width of s in f, in points.
func (c *canvas) width(f font, s string) float64 {
	sp := f.spec()
	return c.faces[sp.face].width(s, sp.size)
}
