package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bode-erds/bode/identity"
)

// Seller is who issues invoices: the operator of the service.
type Seller struct {
	Name     string   `json:"name"`
	Number   string   `json:"number"` // enterprise number, ten digits
	VAT      string   `json:"vat"`    // with the letters of its country
	Lines    []string `json:"lines"`
	Postcode string   `json:"postcode"`
	City     string   `json:"city"`
	Country  string   `json:"country"`
	Email    string   `json:"email"`
	Phone    string   `json:"phone,omitempty"`
	IBAN     string   `json:"iban"`
	BIC      string   `json:"bic,omitempty"`
}

func (s Seller) validate() error {
	switch {
	case s.Name == "" || len(s.Lines) == 0 || s.Postcode == "" || s.City == "" || s.Email == "" || s.IBAN == "":
		return errors.New("delivery: seller lacks name, address, e-mail address or IBAN")
	case s.Country == "" || identity.VATNumber(s.Country, s.VAT) != s.VAT || s.VAT == "":
		return fmt.Errorf("delivery: seller's VAT number %q is none of %q", s.VAT, s.Country)
	case s.Country == "BE" && !identity.ValidEnterpriseNumber(s.Number):
		return fmt.Errorf("delivery: seller's enterprise number %q", s.Number)
	}
	return nil
}

// Buyer is whom an invoice is to, as it was when it was issued.
type Buyer struct {
	Name     string   `json:"name"`
	Company  bool     `json:"company"`
	Number   string   `json:"number,omitempty"` // enterprise number
	VAT      string   `json:"vat,omitempty"`
	Lines    []string `json:"lines,omitempty"`
	Postcode string   `json:"postcode,omitempty"`
	City     string   `json:"city,omitempty"`
	Country  string   `json:"country"`
	Email    string   `json:"email"`
}

// TaxKind is a category of VAT, in the codes of UNCL 5305.
type TaxKind string

const (
	TaxStandard TaxKind = "S"
	TaxReverse  TaxKind = "AE" // the buyer, a company of another member state, owes it
	TaxOutside  TaxKind = "O"  // not in the Union
)

// Tax is what VAT there is on something.
type Tax struct {
	Kind TaxKind
	Rate int // percent
}

// on is the VAT on so many cents.
func (t Tax) on(cents int64) int64 { return (cents*int64(t.Rate) + 50) / 100 }

// members are the states of the Union.
const members = " AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK "

// taxOf is the VAT on services to a buyer: that of the seller's country for
// whoever is there and for private people of the Union, none for companies of
// other member states that gave a VAT number, none outside of the Union.
//
// Directive 2006/112/EC art. 44, art. 45, art. 59, art. 196
func (s Seller) taxOf(b identity.AccountProfile, rate int) Tax {
	member := strings.Contains(members, " "+b.Country+" ")
	switch {
	case b.Country == s.Country:
	case !member:
		return Tax{Kind: TaxOutside}
	case b.Kind == identity.Company && b.VATNumber != "" && identity.VATNumber(b.Country, b.VATNumber) == b.VATNumber:
		return Tax{Kind: TaxReverse}
	}
	return Tax{Kind: TaxStandard, Rate: rate}
}

// InvoiceKind tells invoices from what corrects them.
type InvoiceKind string

const (
	Invoiced   InvoiceKind = "invoice"
	CreditNote InvoiceKind = "credit_note"
)

// LineKind is what a line of an invoice is about: a key of its words.
type LineKind string

const (
	LineCredit LineKind = "credit" // a top-up
	LineOnline LineKind = "online" // deliveries
	LineSMS    LineKind = "sms"
	LineLetter LineKind = "letter" // postage
)

// InvoiceLine is one line of an invoice, in cents without VAT. Quantity is 1, or
// -1 for what comes back.
type InvoiceLine struct {
	Kind     LineKind `json:"kind"`
	Quantity int64    `json:"quantity"`
	Net      int64    `json:"net"`
}

// Invoice is an invoice or a credit note as it was issued; amounts are cents of a
// euro and above zero on both.
type Invoice struct {
	ID       string
	Account  string
	Year     int
	Seq      int // in its year, from 1, without gaps
	Kind     InvoiceKind
	Corrects string // number of the invoice that a credit note corrects
	IssuedAt time.Time
	Date     string // civil date of issue
	DueOn    string // civil date
	Period   string // month YYYY-MM of a monthly invoice
	Language string
	Seller   Seller
	Buyer    Buyer
	Lines    []InvoiceLine
	Net      int64
	VAT      int64
	Gross    int64
	Tax      Tax
	OGM      string    // structured communication, twelve digits
	PaidAt   time.Time // zero until it is paid
}

// Number is how people call it: "2026-000017".
func (i Invoice) Number() string {
	if i.Seq == 0 {
		return ""
	}
	return fmt.Sprintf("%d-%06d", i.Year, i.Seq)
}

// Structured is the structured communication as it is printed: +++202/6000/01797+++.
func (i Invoice) Structured() string {
	if len(i.OGM) != 12 {
		return ""
	}
	return "+++" + i.OGM[:3] + "/" + i.OGM[3:7] + "/" + i.OGM[7:] + "+++"
}

// ogm is the structured communication of an invoice: year and number, and the
// remainder by 97 of the ten digits, 97 where that is 0.
func ogm(year, seq int) string {
	n := year*1_000_000 + seq
	check := n % 97
	if check == 0 {
		check = 97
	}
	return fmt.Sprintf("%010d%02d", n, check)
}

// InvoicePapers makes documents of invoices. The same invoice gives the same
// octets.
type InvoicePapers interface {
	PDF(i Invoice) ([]byte, error)
	// UBL is Peppol BIS Billing 3.0. Errors: ErrNotFound for a buyer who has no
	// place in the network, as private people.
	UBL(i Invoice) ([]byte, error)
}

// InvoiceNetwork takes invoices to send them to buyers, over the Peppol network
// for one.
type InvoiceNetwork interface {
	// Send takes an invoice under its number. Repeating it is harmless.
	Send(ctx context.Context, number string, ubl []byte) error
}

// address splits lines as on an envelope: the last is postcode and city.
func (b *Buyer) address(lines []string) {
	if len(lines) == 0 {
		return
	}
	b.Lines = slices.Clone(lines[:len(lines)-1])
	postcode, city, ok := strings.Cut(lines[len(lines)-1], " ")
	if !ok {
		b.Lines = slices.Clone(lines)
		return
	}
	b.Postcode, b.City = postcode, strings.TrimSpace(city)
}
