package invoice

import (
	"strconv"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// Places on the page, in points.
const (
	left  = 57.0
	right = 538.0
	half  = 310.0
	step  = 14.0
)

// PDF implements delivery.InvoicePapers.
func (p *Papers) PDF(i delivery.Invoice) ([]byte, error) {
	w, g := p.of(i.Language), newPage(p.fonts)
	title := w("title."+string(i.Kind)) + " " + i.Number()
	h := g.add("H1")
	g.text(h, strong, 20, left, 770, false, title)
	g.tree = append(g.tree, h)
	y := 738.0
	for _, f := range facts(i, w) {
		n := g.add("P")
		g.text(n, plain, 10, left, y, false, f[0]+": "+f[1])
		g.tree, y = append(g.tree, n), y-step
	}
	y -= step
	end := min(g.party(w("seller"), sellerLines(i.Seller, w), left, y), g.party(w("buyer"), buyerLines(i.Buyer, w), half, y))
	y = g.table(i, w, end-2*step)
	for _, s := range closing(i, w) {
		for _, l := range g.wrap(plain, 10, right-left, s) {
			n := g.add("P")
			g.text(n, plain, 10, left, y, false, l)
			g.tree, y = append(g.tree, n), y-step
		}
	}
	return g.file(i.Language, title, strings.ReplaceAll(i.ID, "-", "")), nil
}

// facts are what stands at the top, name and value.
func facts(i delivery.Invoice, w func(string, ...string) string) [][2]string {
	out := [][2]string{{w("date"), day(i.Date, i.Language)}}
	if i.Corrects != "" {
		out = append(out, [2]string{w("corrects"), i.Corrects})
	}
	if i.Period != "" {
		out = append(out, [2]string{w("period"), i.Period[5:] + "/" + i.Period[:4]})
	}
	if i.PaidAt.IsZero() && i.Kind == delivery.Invoiced {
		out = append(out, [2]string{w("due"), day(i.DueOn, i.Language)})
	}
	return out
}

func (p *page) party(title string, lines []string, x, y float64) float64 {
	h := p.add("H2")
	p.text(h, strong, 11, x, y, false, title)
	p.tree = append(p.tree, h)
	for _, l := range lines {
		for _, part := range p.wrap(plain, 10, right-half, l) {
			y -= step
			n := p.add("P")
			p.text(n, plain, 10, x, y, false, part)
			p.tree = append(p.tree, n)
		}
	}
	return y
}

// table puts lines and totals on the page and returns where it ends.
func (p *page) table(i delivery.Invoice, w func(string, ...string) string, y float64) float64 {
	t := p.add("Table")
	row := func(face int, what, amount, kind, scope string) {
		a, b := p.add(kind), p.add("TD")
		if kind == "TH" && scope == "Column" {
			b = p.add("TH")
			b.scope = scope
		}
		if kind == "TH" {
			a.scope = scope
		}
		p.text(a, face, 10, left, y, false, what)
		p.text(b, face, 10, right, y, true, amount)
		t.kids, y = append(t.kids, p.add("TR", a, b)), y-step-4
	}
	row(strong, w("what"), w("amount"), "TH", "Column")
	p.rule(left, right, y+step)
	for _, l := range i.Lines {
		row(plain, w("line."+string(l.Kind)), sum(l.Net, i.Language), "TH", "Row")
	}
	p.rule(left, right, y+step)
	row(plain, w("net"), sum(i.Net, i.Language), "TH", "Row")
	row(plain, w("vat", "rate", strconv.Itoa(i.Tax.Rate)), sum(i.VAT, i.Language), "TH", "Row")
	row(strong, w("gross"), sum(i.Gross, i.Language), "TH", "Row")
	p.tree = append(p.tree, t)
	return y - step
}

// closing is what there is to know and to do.
func closing(i delivery.Invoice, w func(string, ...string) string) []string {
	out := []string{w("note." + string(i.Kind))}
	if i.Tax.Kind != delivery.TaxStandard {
		out = append(out, w("tax."+string(i.Tax.Kind)))
	}
	switch {
	case i.Kind == delivery.CreditNote:
		out = append(out, w("back"))
	case i.PaidAt.IsZero():
		out = append(out, w("pay", "iban", i.Seller.IBAN, "ogm", i.Structured()))
	default:
		out = append(out, w("paid"))
	}
	return out
}

func sellerLines(s delivery.Seller, w func(string, ...string) string) []string {
	out := append([]string{s.Name}, s.Lines...)
	out = append(out, s.Postcode+" "+s.City+" ("+s.Country+")", w("vat_number")+": "+s.VAT)
	if s.Number != "" {
		out = append(out, w("enterprise_number")+": "+s.Number)
	}
	return append(out, s.Email)
}

func buyerLines(b delivery.Buyer, w func(string, ...string) string) []string {
	out := append([]string{b.Name}, b.Lines...)
	out = append(out, strings.TrimSpace(b.Postcode+" "+b.City+" ("+b.Country+")"))
	if b.VAT != "" {
		out = append(out, w("vat_number")+": "+b.VAT)
	}
	if b.Number != "" {
		out = append(out, w("enterprise_number")+": "+b.Number)
	}
	return out
}

// day writes a civil date as a language does.
func day(s, language string) string {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return s
	}
	switch language {
	case "de":
		return t.Format("02.01.2006")
	case "nl":
		return t.Format("02-01-2006")
	}
	return t.Format("02/01/2006")
}

// sum writes cents of a euro as a language does.
func sum(cents int64, language string) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	whole, point, group := strconv.FormatInt(cents/100, 10), ",", "."
	switch language {
	case "en":
		point, group = ".", ","
	case "fr":
		group = "\u00a0"
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + group + whole[i:]
	}
	return sign + whole + point + strconv.FormatInt(100+cents%100, 10)[1:] + " EUR"
}
