package invoice

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// What a document says it follows.
//
// Peppol BIS Billing 3.0, BT-23 and BT-24
const (
	customization = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
	profile       = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
)

// endpoints are the codes of addresses in the Peppol network that are VAT
// numbers, by country.
//
// Peppol BIS Billing 3.0, code list EAS
var endpoints = map[string]string{
	"AT": "9914", "BG": "9926", "CY": "9928", "CZ": "9929", "DE": "9930", "EE": "9931", "ES": "9920", "FR": "9957", "GR": "9933", "HR": "9934",
	"HU": "9910", "IE": "9935", "LT": "9937", "LU": "9938", "LV": "9939", "MT": "9943", "NL": "9944", "PL": "9945", "PT": "9946", "RO": "9947",
	"SI": "9949", "SK": "9950", "CH": "9927", "GB": "9932", "BE": "9925",
}

// UBL implements delivery.InvoicePapers. PEPPOL-EN16931-R010
func (p *Papers) UBL(i delivery.Invoice) ([]byte, error) {
	if endpoint(i.Buyer.Country, i.Buyer.Number, i.Buyer.VAT).Scheme == "" {
		return nil, delivery.ErrNotFound
	}
	w := p.of(i.Language)
	d := document{CAC: "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
		CBC: "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2", Customization: customization, Profile: profile,
		ID: i.Number(), IssueDate: i.Date, Note: w("note." + string(i.Kind)), Currency: "EUR", BuyerRef: i.Account,
		Supplier: supplier(i), Customer: customer(i)}
	if i.Tax.Kind == delivery.TaxOutside { // BR-O-02: no VAT numbers at all
		d.Supplier.Tax, d.Customer.Tax = nil, nil
	}
	d.Tax.Amount, d.Tax.Subtotal.Base, d.Tax.Subtotal.Amount = euro(i.VAT), euro(i.Net), euro(i.VAT)
	d.Tax.Subtotal.Category = taxCategory(i.Tax, w)
	d.Total = total{Lines: euro(i.Net), Net: euro(i.Net), Gross: euro(i.Gross), Payable: euro(i.Gross)}
	if !i.PaidAt.IsZero() {
		paid := euro(i.Gross)
		d.Total.Prepaid, d.Total.Payable = &paid, euro(0)
	}
	if i.Period != "" {
		d.Period = month(i.Period)
	}
	root, lines := "Invoice", &d.InvoiceLines
	if i.Kind == delivery.CreditNote {
		root, lines, d.CreditType, d.Corrects = "CreditNote", &d.CreditLines, "381", &reference{ID: i.Corrects}
	} else {
		d.InvoiceType, d.DueDate = "380", i.DueOn
		if i.PaidAt.IsZero() {
			d.Means = &means{Code: "30", ID: i.Structured(), Account: payee{IBAN: i.Seller.IBAN, Name: i.Seller.Name}}
			if i.Seller.BIC != "" {
				d.Means.Account.BIC = &bank{i.Seller.BIC}
			}
		}
	}
	d.XMLName.Local = root
	d.Xmlns = "urn:oasis:names:specification:ubl:schema:xsd:" + root + "-2"
	for n, l := range i.Lines {
		*lines = append(*lines, ublLine(i, n, l, w))
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	e := xml.NewEncoder(&out)
	e.Indent("", " ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("invoice: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func ublLine(i delivery.Invoice, n int, l delivery.InvoiceLine, w func(string, ...string) string) line {
	q := &quantity{"C62", strconv.FormatInt(l.Quantity, 10)}
	out := line{ID: strconv.Itoa(n + 1), Net: euro(l.Net), Name: w("line." + string(l.Kind)), Price: euro(l.Net * l.Quantity)}
	out.Category = taxCategory(i.Tax, w)
	out.Category.Code, out.Category.Reason = "", "" // said once, with the total
	if i.Kind == delivery.CreditNote {
		out.Credited = q
	} else {
		out.Invoiced = q
	}
	return out
}

func taxCategory(t delivery.Tax, w func(string, ...string) string) category {
	c := category{ID: string(t.Kind), Percent: strconv.Itoa(t.Rate), Scheme: "VAT"}
	switch t.Kind {
	case delivery.TaxReverse:
		c.Code, c.Reason = "VATEX-EU-AE", w("tax.AE")
	case delivery.TaxOutside:
		c.Percent, c.Code, c.Reason = "", "VATEX-EU-O", w("tax.O")
	}
	return c
}

func supplier(i delivery.Invoice) party {
	s := i.Seller
	p := party{Endpoint: endpoint(s.Country, s.Number, s.VAT), Name: s.Name, Address: at(s.Lines, s.Postcode, s.City, s.Country),
		Tax: &partyTax{s.VAT, "VAT"}, Legal: legal{s.Name, legalID(s.Country, s.Number)}, Contact: &ublPerson{s.Phone, s.Email}}
	if p.Legal.ID == nil && i.Tax.Kind == delivery.TaxOutside {
		p.Legal.ID = &schemed{Value: s.VAT} // BR-CO-26: some identifier of the seller
	}
	return p
}

func customer(i delivery.Invoice) party {
	b := i.Buyer
	p := party{Endpoint: endpoint(b.Country, b.Number, b.VAT), Name: b.Name, Address: at(b.Lines, b.Postcode, b.City, b.Country),
		Legal: legal{b.Name, legalID(b.Country, b.Number)}}
	if b.VAT != "" {
		p.Tax = &partyTax{b.VAT, "VAT"}
	}
	if b.Email != "" {
		p.Contact = &ublPerson{Email: b.Email}
	}
	return p
}

// endpoint is where somebody is in the network: by enterprise number in Belgium,
// elsewhere by VAT number. Who has neither, a private person for one, is not in
// the network: the zero scheme.
func endpoint(country, number, vat string) schemed {
	if country == "BE" && number != "" {
		return schemed{"0208", number}
	}
	if code := endpoints[country]; code != "" && vat != "" {
		return schemed{code, vat}
	}
	return schemed{}
}

func legalID(country, number string) *schemed {
	switch {
	case number == "":
		return nil
	case country == "BE":
		return &schemed{"0208", number}
	}
	return &schemed{Value: number}
}

func at(lines []string, postcode, city, country string) address {
	a := address{City: city, Zone: postcode, Country: country}
	if len(lines) > 0 {
		a.Street = lines[0]
	}
	if len(lines) > 1 {
		a.More = lines[1]
	}
	return a
}

func month(s string) *period {
	t, err := time.Parse("2006-01", s)
	if err != nil {
		return nil
	}
	return &period{t.Format(time.DateOnly), t.AddDate(0, 1, -1).Format(time.DateOnly)}
}

func euro(cents int64) amount {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return amount{"EUR", fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)}
}
