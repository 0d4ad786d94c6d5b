package post

import (
	"fmt"
	"io"

	"github.com/boombuler/barcode"
	"github.com/signintech/gopdf"
)

// paper is one PDF being typeset: A4, millimetres from the upper left corner.
// The first error sticks and comes out of write.
type paper struct {
	f   *faces
	pdf *gopdf.GoPdf
	err error
	n   int // pages
	has map[face]bool
}

func newPaper(f *faces) *paper {
	p := &paper{f: f, pdf: &gopdf.GoPdf{}, has: map[face]bool{}}
	p.pdf.Start(gopdf.Config{Unit: gopdf.UnitMM, PageSize: gopdf.Rect{W: pageW, H: pageH}})
	return p
}

// use makes a face current, and brings it along the first time.
func (p *paper) use(name face, size float64) {
	if !p.has[name] {
		p.has[name] = true
		p.do(p.pdf.AddTTFFontData(string(name), p.f.ttf[name]))
	}
	p.do(p.pdf.SetFont(string(name), "", size))
}

// A4 in millimetres.
const pageW, pageH = 210, 297

func (p *paper) do(err error) {
	if p.err == nil && err != nil {
		p.err = fmt.Errorf("post: typesetting: %w", err)
	}
}

func (p *paper) page() {
	p.pdf.AddPage()
	p.n++
	p.ink(0)
}

// ink sets the grey of what follows: 0 is black.
func (p *paper) ink(grey uint8) {
	p.pdf.SetTextColor(grey, grey, grey)
	p.pdf.SetFillColor(grey, grey, grey)
	p.pdf.SetStrokeColor(grey, grey, grey)
}

// text writes s with its baseline at y. s must be printable.
func (p *paper) text(name face, size, x, y float64, s string) {
	if s == "" || p.err != nil {
		return
	}
	p.use(name, size)
	p.pdf.SetXY(x, y)
	p.do(p.pdf.Text(s))
}

// right writes s so that it ends at x.
func (p *paper) right(name face, size, x, y float64, s string) {
	p.text(name, size, x-p.f.measure(name, size, s), y, s)
}

// line draws a rule of the given weight, in points.
func (p *paper) line(x1, y1, x2, y2, weight float64) {
	p.pdf.SetLineWidth(weight * 25.4 / 72)
	p.pdf.Line(x1, y1, x2, y2)
}

// frame draws the outline of b.
func (p *paper) frame(b Box, weight float64) {
	p.pdf.SetLineWidth(weight * 25.4 / 72)
	p.pdf.RectFromUpperLeftWithStyle(b.X, b.Y, b.W, b.H, "D")
}

// code draws a two-dimensional code w millimetres wide, without its quiet zone.
func (p *paper) code(c barcode.Barcode, x, y, w float64) {
	m := w / float64(c.Bounds().Dx())
	for _, r := range runs(c) {
		p.pdf.RectFromUpperLeftWithStyle(x+float64(r.x)*m, y+float64(r.y)*m, float64(r.n)*m, m, "F")
	}
}

// run is n dark modules in a row.
type run struct{ x, y, n int }

// runs lists the dark modules of c, joined along the rows.
func runs(c barcode.Barcode) []run {
	var all []run
	b := c.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if v, _, _, _ := c.At(x, y).RGBA(); v > 0x7fff {
				continue
			}
			if n := len(all); n > 0 && all[n-1].y == y && all[n-1].x+all[n-1].n == x {
				all[n-1].n++
			} else {
				all = append(all, run{x, y, 1})
			}
		}
	}
	return all
}

// write ends the document.
func (p *paper) write(w io.Writer) error {
	if p.err != nil {
		return p.err
	}
	if _, err := p.pdf.WriteTo(w); err != nil {
		return fmt.Errorf("post: typesetting: %w", err)
	}
	return nil
}
