package pades

import (
	"fmt"
	"image/color"
	"net/url"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// mark is the word-mark's sign on a square of 24 units: a sheet with a folded
// corner, carried by a tick.
const markPath = "0 5 m 0 2 2 0 5 0 c 19 0 l 22 0 24 2 24 5 c 24 19 l 24 22 22 24 19 24 c 5 24 l 2 24 0 22 0 19 c h f "
const tickPath = "5.2 11.6 m 7.4 13.8 l 10.6 10.6 l 16.8 17.6 l 19.1 15.5 l 10.7 6.1 l h f "

// band is the header of the first page.
func (p *paper) band() {
	top := pageHeight - bandHeight
	p.pagination("Header", func() {
		p.rect(0, top, pageWidth, bandHeight, ink)
		p.rect(0, top-2.5, pageWidth, 2.5, accent)
	})
	fig := p.root.add("Figure")
	fig.alt = p.w.fill(p.w.Label["mark_alt"], "service", p.d.Issuer.ServiceName)
	fig.attr = fmt.Sprintf("/O /Layout /Placement /Block /BBox [%s %s %s %s]", num(marginLeft), num(top+15), num(marginLeft+28), num(top+43))
	p.mark(fig, func() {
		p.path(marginLeft, top+15, 28.0/24, white, markPath)
		p.path(marginLeft, top+15, 28.0/24, ink, tickPath)
	})
	name := p.set(fontBrand, p.d.Issuer.ServiceName, 250)
	p.mark(p.root.add("P"), func() { p.text(marginLeft+38, top+bandHeight/2-5.5, fontBrand, strings.TrimSpace(name[0].s)) })
	kind := p.root.add("P")
	p.mark(kind, func() {
		p.right(top+bandHeight/2+3, fontOnBand, p.w.Label["kind"])
		p.right(top+bandHeight/2-11, fontOnBand, p.d.Event.Number)
	})
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

// issuer says who answers for this document and how it is chained.
func (p *paper) issuer() {
	const labelW = 130.0
	i, w := p.d.Issuer, frameWidth-labelW
	var rows []pair
	add := func(key, v string, f font) {
		if v != "" {
			rows = append(rows, pair{p.w.Label[key], p.set(f, v, w)})
		}
	}
	add("issuer", strings.TrimSuffix(i.Name+", "+i.Country, ", "), fontBold)
	add("identifier", strings.TrimSpace(p.w.scheme(i.Identifier.Scheme)+" "+i.Identifier.Value), fontText)
	add("policy", strings.Join(i.PolicyOIDs, ", "), fontMono)
	if i.Qualified {
		add("trusted_list", i.TrustedListEntry, fontMono)
	}
	add("seal", p.source.signer, fontText)
	add("seal_serial", p.source.signerSerial, fontMono)
	add("hash", p.d.Hash, fontMono)
	prev := p.d.Event.Prev
	if prev == "" {
		prev = p.w.Label["first"]
		add("prev", prev, fontText)
	} else {
		add("prev", prev, fontMono)
	}
	add("xml_hash", p.xmlSum, fontMono)
	p.section("issuer", 40)
	p.pairs(rows, labelW)
}

// verify tells a stranger how to check this document, in three steps, and gives
// the address as a QR code.
func (p *paper) verify() {
	const side = 86.0
	link := p.link()
	w := frameWidth
	if link != "" {
		w -= side + 24
	}
	var items [][]line
	total := 0.0
	for _, s := range p.w.Steps {
		lines := p.set(fontText, p.w.fill(s, "url", p.d.Issuer.VerifyURL, "service", p.d.Issuer.ServiceName), w-22)
		items = append(items, lines)
		total += height(lines) + 5
	}
	total = max(total, side+14)
	p.section("verify", total+4)
	p.y -= 8
	top := p.y
	list := p.root.add("L")
	list.attr = "/O /List /ListNumbering /Decimal"
	for i, lines := range items {
		li := list.add("LI")
		p.mark(li.add("Lbl"), func() { p.draw(marginLeft, p.y, []line{{fontBold, fmt.Sprint(i+1) + "."}}) })
		p.put(li.add("LBody"), marginLeft+22, lines)
		p.y -= 5
	}
	if link != "" {
		p.code(link, pageWidth-marginRight-side, top-side, side)
	}
	p.y = min(p.y, top-total)
}

// link is the page where this very document can be checked.
func (p *paper) link() string {
	u, err := url.Parse(p.d.Issuer.VerifyURL)
	if err != nil || u.Host == "" {
		return ""
	}
	q := u.Query()
	q.Set("evidence", p.d.Event.ID)
	u.RawQuery = q.Encode()
	return u.String()
}

// code draws link as a QR code with its lower left corner at (x, y).
func (p *paper) code(link string, x, y, side float64) {
	img, err := qr.Encode(link, qr.M, qr.Unicode)
	if err != nil {
		return // longer than a QR code can be: the address stands in the text
	}
	n := img.Bounds().Dx()
	unit := side / float64(n)
	dark := color.Color(color.Black)
	fig := p.root.add("Figure")
	fig.alt = p.w.fill(p.w.Label["qr_alt"], "url", link)
	fig.attr = fmt.Sprintf("/O /Layout /Placement /Block /BBox [%s %s %s %s]", num(x), num(y), num(x+side), num(y+side))
	p.mark(fig, func() {
		p.setFill(ink)
		b := &p.page().buf
		for row := range n {
			for col := 0; col < n; {
				run := 0
				for col+run < n && img.At(col+run, row) == dark {
					run++
				}
				if run > 0 {
					fmt.Fprintf(b, "%s %s %s %s re ", num(x+float64(col)*unit), num(y+float64(n-1-row)*unit), num(float64(run)*unit), num(unit))
				}
				col += max(run, 1)
			}
		}
		b.WriteString("f\n")
	})
	p.mark(p.root.add("P"), func() {
		s := p.w.Label["scan"]
		p.text(x+(side-p.width(fontNote, s))/2, y-12, fontNote, s)
	})
}

// notes explains characters that had to be printed as codes.
func (p *paper) notes() {
	if !p.escaped {
		return
	}
	p.y -= 10
	p.need(2 * fontNote.lead())
	p.paragraph(p.root, "P", fontNote, p.w.Label["escaped"], marginLeft, frameWidth)
}
