package pades

import (
	"fmt"
	"strings"
)

// The sign of the word-mark on a square of 24 units: a tile with round corners
// and a tick.
const markPath = "0 5 m 0 2 2 0 5 0 c 19 0 l 22 0 24 2 24 5 c 24 19 l 24 22 22 24 19 24 c 5 24 l 2 24 0 22 0 19 c h f "
const tickPath = "5.2 11.6 m 7.4 13.8 l 10.6 10.6 l 16.8 17.6 l 19.1 15.5 l 10.7 6.1 l h f "

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
		p.path(marginLeft, low, 28.0/24, white, markPath)
		p.path(marginLeft, low, 28.0/24, ink, tickPath)
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
