package pades

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"rsc.io/qr"

	"github.com/bode-erds/bode/evidence"
)

// issuer says who answers for this document and how it is chained.
func (p *paper) issuer() {
	const w = frameWidth - facing
	i := p.d.Issuer
	var rows []pair
	add := func(key, v string, f font) {
		if v != "" {
			rows = append(rows, pair{p.w.Label[key], p.set(f, v, w)})
		}
	}
	add("issuer", strings.TrimSuffix(i.Name+", "+i.Country, ", "), fontBold)
	add("identifier", strings.TrimSpace(p.w.scheme(i.Identifier.Scheme)+" "+i.Identifier.Value), fontText)
	add("policy", strings.Join(i.PolicyOIDs, ", "), fontText)
	if p.d.Claim() == evidence.ClaimQualified {
		add("trusted_list", i.TrustedListEntry, fontText)
		add("qualified_seal", i.QualifiedSeal, fontText)
		add("qualified_stamp", i.QualifiedTimeStamp, fontText)
	}
	if p.source.signer != "" {
		rows = append(rows, pair{p.w.Label["seal"], append(p.set(fontText, p.source.signer, w),
			p.set(fontNote, p.w.Label["seal_serial"]+" "+p.source.signerSerial, w)...)})
	}
	add("hash", p.d.Hash, fontMono)
	if p.d.Event.Prev == "" {
		add("prev", p.w.Label["first"], fontText)
	}
	add("prev", p.d.Event.Prev, fontMono)
	add("xml_hash", p.xmlSum, fontMono)
	p.list("issuer", rows)
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
		p.mark(li.add("Lbl"), func() { p.draw(marginLeft, p.y, []line{{f: fontBold, s: strconv.Itoa(i+1) + "."}}) })
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
	img, err := qr.Encode(link, qr.M)
	if err != nil {
		return // longer than a QR code can be: the address stands in the text
	}
	fig := p.root.add("Figure")
	fig.alt = p.w.fill(p.w.Label["qr_alt"], "url", link)
	fig.attr = fmt.Sprintf("/O /Layout /Placement /Block /BBox [%s %s %s %s]", num(x), num(y), num(x+side), num(y+side))
	p.mark(fig, func() {
		p.setFill(ink)
		pg := p.page()
		unit := side / float64(img.Size)
		pg.buf = fmt.Appendf(pg.buf, "q %.4f 0 0 %.4f %s %s cm\n", unit, unit, num(x), num(y))
		for row := range img.Size {
			for col := 0; col < img.Size; col++ {
				run := 0
				for col+run < img.Size && img.Black(col+run, row) {
					run++
				}
				if run > 0 {
					pg.ops(col, img.Size-1-row, run, 1, "re")
				}
				col += run
			}
		}
		pg.ops("f Q")
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
