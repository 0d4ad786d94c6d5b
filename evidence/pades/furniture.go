package pades

import (
	"fmt"
	"strings"
)

// The sign of the service, which its pages have too, on a square of 32 units: a tile
// with round corners, and an envelope whose folds are drawn in the colour of the band.
const (
	tilePath     = "0 8 m 0 3.58 3.58 0 8 0 c 24 0 l 28.42 0 32 3.58 32 8 c 32 24 l 32 28.42 28.42 32 24 32 c 8 32 l 3.58 32 0 28.42 0 24 c h f"
	envelopePath = "7 9 18 14 re f 0.043 0.235 0.286 RG 2 w 1 j 7 23 m 16 15 l 25 23 l S 7 9 m 13 15 l 19 15 m 25 9 l S"
)

// band is the header of the first page.
func (p *paper) band() {
	top := pageHeight - bandHeight
	p.pagination("Header", func() {
		p.rect(0, top, pageWidth, bandHeight, ink)
		p.rect(0, top-2.5, pageWidth, 2.5, accent)
	})
	low := top + (bandHeight-28)/2
	fig := p.root.add("Figure")
	fig.alt = p.w.fill(p.w.Label["mark_alt"], "service", p.d.Issuer.ServiceName)
	fig.attr = fmt.Sprintf("/O /Layout /Placement /Block /BBox [%s %s %s %s]", num(marginLeft), num(low), num(marginLeft+28), num(low+28))
	p.mark(fig, func() {
		p.path(marginLeft, low, 28.0/32, mint, tilePath)
		p.path(marginLeft, low, 28.0/32, white, envelopePath)
	})
	name := p.set(fontBrand, p.d.Issuer.ServiceName, 250)
	p.mark(p.root.add("P"), func() { p.text(marginLeft+38, top+bandHeight/2-5.5, fontBrand, strings.TrimSpace(name[0].s)) })
	p.mark(p.root.add("P"), func() { p.right(top+bandHeight/2+3, fontOnBand, p.w.Label["kind"]) })
	p.mark(p.root.add("P"), func() { p.right(top+bandHeight/2-11, fontOnBand, p.d.Event.Number) })
	p.y = top - 2.5
	p.banner(p.root.add("P"))
	p.y -= 26
}

// strip is the header of the pages after the first.
func (p *paper) strip() {
	top := pageHeight - stripHeight
	p.pagination("Header", func() {
		p.rect(0, pageHeight-5, pageWidth, 5, ink)
		p.text(marginLeft, top, fontNote, p.clip(fontNote, p.d.Issuer.ServiceName+" · "+p.w.title(p.d.Event.Name), frameWidth-150))
		p.right(top, fontNote, p.d.Event.Number)
		p.rule(marginLeft, top-7, frameWidth, hair)
	})
	p.y = top - 7
	p.banner(nil)
	p.y -= 12
}

// banner says that a test proves nothing. A nil e makes it a repetition.
func (p *paper) banner(e *element) {
	if !p.d.Event.Test {
		if e != nil {
			e.parent.kids = e.parent.kids[:len(e.parent.kids)-1]
		}
		return
	}
	p.y -= 8
	p.artifact(func() {
		p.rect(marginLeft, p.y-bannerHeight, frameWidth, bannerHeight, blush)
		p.rect(marginLeft, p.y-bannerHeight, 3, bannerHeight, alarm)
	})
	show := func() { p.text(marginLeft+12, p.y-bannerHeight/2-3.2, fontAlarm, p.w.Label["test"]) }
	if e != nil {
		p.mark(e, show)
	} else {
		p.pagination("Header", show)
	}
	p.y -= bannerHeight
}

// furniture puts the foot on every page, once their number is known.
func (p *paper) furniture() {
	for i := range p.pages {
		p.cur = i
		p.page().dirty = false
		p.pagination("Footer", func() {
			p.rule(marginLeft, frameBottom-16, frameWidth, hair)
			p.text(marginLeft, frameBottom-28, fontTiny, p.clip(fontTiny, p.w.Label["evidence_id"]+" "+p.d.Event.ID, frameWidth-90))
			p.right(frameBottom-28, fontNote, p.w.fill(p.w.Label["page"], "n", fmt.Sprint(i+1), "of", fmt.Sprint(len(p.pages))))
		})
	}
}

// right sets one line flush right.
func (p *paper) right(y float64, f font, s string) {
	s = p.clip(f, s, frameWidth*0.6)
	p.text(pageWidth-marginRight-p.width(f, s), y, f, s)
}

// clip shortens a running header to width; the whole text stands in the body.
func (p *paper) clip(f font, s string, width float64) string {
	s, _ = escape(p.faces[f.spec().face], s)
	if p.width(f, s) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 0 && p.width(f, string(r)+"…") > width {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}
