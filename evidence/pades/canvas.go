package pades

import (
	"bytes"
	"fmt"
)

// A4 and the frame that text keeps to, in points.
const (
	pageWidth    = 595.276
	pageHeight   = 841.89
	marginLeft   = 56.0
	marginRight  = 56.0
	frameWidth   = pageWidth - marginLeft - marginRight
	frameBottom  = 64.0
	bandHeight   = 58.0 // header band of the first page
	stripHeight  = 30.0 // header of the pages after it
	bannerHeight = 24.0 // "no legal value", on every page of a test
)

// colour is 0xRRGGBB; the output intent says which RGB.
type colour uint32

const (
	ink    colour = 0x142138 // titles, band
	body   colour = 0x212835
	muted  colour = 0x566172 // labels; contrast 6.3:1 on white
	accent colour = 0x0E6085
	hair   colour = 0xD0D6DE
	tint   colour = 0xF3F6F9
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
		fontTitle:  {bold, 21, 26, ink},
		fontHead:   {bold, 12, 16, ink},
		fontBig:    {bold, 12, 17, ink},
		fontLead:   {regular, 10.5, 15, body},
		fontText:   {regular, 9, 12.5, body},
		fontBold:   {bold, 9, 12.5, body},
		fontLabel:  {regular, 8, 12.5, muted},
		fontNote:   {regular, 8, 11, muted},
		fontMono:   {mono, 7.6, 11, body},
		fontTiny:   {mono, 6.6, 9, muted},
		fontBrand:  {bold, 16, 20, white},
		fontOnBand: {regular, 8.5, 12, white},
		fontAlarm:  {bold, 9.5, 13, alarm},
	}[f]
}

func (f font) lead() float64 { return f.spec().lead }

// page is the content stream of one page and the elements its pieces belong to.
type page struct {
	buf   bytes.Buffer
	marks []*element
	fill  colour
	dirty bool // fill is known
}

// canvas draws on pages. Coordinates have their origin at the lower left.
type canvas struct {
	faces   [faceCount]*face
	subsets [faceCount]*subset
	pages   []*page
	cur     int // page drawn on
}

func newCanvas() (*canvas, error) {
	faces, err := parseFaces()
	if err != nil {
		return nil, err
	}
	c := &canvas{faces: faces}
	for i, f := range faces {
		c.subsets[i] = newSubset(f)
	}
	return c, nil
}

func (c *canvas) addPage() {
	c.pages = append(c.pages, &page{})
	c.cur = len(c.pages) - 1
}

func (c *canvas) page() *page { return c.pages[c.cur] }

// mark draws what f draws as a piece of e.
func (c *canvas) mark(e *element, f func()) {
	p := c.page()
	fmt.Fprintf(&p.buf, "/%s <</MCID %d>> BDC\n", e.kind, len(p.marks))
	e.kids = append(e.kids, kid{page: c.cur, mcid: len(p.marks)})
	p.marks = append(p.marks, e)
	f()
	p.buf.WriteString("EMC\n")
}

// artifact draws what f draws as decoration that a screen reader skips.
func (c *canvas) artifact(f func()) {
	p := c.page()
	p.buf.WriteString("/Artifact BMC\n")
	f()
	p.buf.WriteString("EMC\n")
}

// pagination is artifact for what repeats on every page: "Header" or "Footer".
func (c *canvas) pagination(subtype string, f func()) {
	p := c.page()
	fmt.Fprintf(&p.buf, "/Artifact <</Type /Pagination /Subtype /%s>> BDC\n", subtype)
	f()
	p.buf.WriteString("EMC\n")
}

func (c *canvas) setFill(col colour) {
	p := c.page()
	if p.dirty && p.fill == col {
		return
	}
	p.fill, p.dirty = col, true
	part := func(shift uint) string { return num(float64(col>>shift&0xFF) / 255) }
	fmt.Fprintf(&p.buf, "%s %s %s rg\n", part(16), part(8), part(0))
}

// rect fills a rectangle given by its lower left corner.
func (c *canvas) rect(x, y, w, h float64, col colour) {
	c.setFill(col)
	fmt.Fprintf(&c.page().buf, "%s %s %s %s re f\n", num(x), num(y), num(w), num(h))
}

// rule draws a thin horizontal line.
func (c *canvas) rule(x, y, w float64, col colour) { c.rect(x, y, w, 0.6, col) }

// path fills a path written in PDF operators, moved to (x, y) and scaled.
func (c *canvas) path(x, y, scale float64, col colour, ops string) {
	c.setFill(col)
	fmt.Fprintf(&c.page().buf, "q %s 0 0 %s %s %s cm %s Q\n", num(scale), num(scale), num(x), num(y), ops)
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
	fmt.Fprintf(&p.buf, "BT /F%d %s Tf %s %s Td ", sp.face, num(sp.size), num(x), num(y))
	c.subsets[sp.face].hex(&p.buf, s)
	p.buf.WriteString(" Tj ET\n")
}

// width is the width of s in f, in points.
func (c *canvas) width(f font, s string) float64 {
	sp := f.spec()
	return c.faces[sp.face].width(s, sp.size)
}
