package delivery

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
)

// Prices says what deliveries cost.
type Prices interface {
	// At is what counts on a day; false before the first version.
	At(d Date) (Price, bool)
	// Version is what a version says, for what was submitted under it.
	Version(id string) (Price, bool)
}

//go:embed prices.json
var pricesFile []byte

// PriceList is a list of prices as data. It implements [Prices].
type PriceList struct {
	Remark   string  `json:"remark,omitempty"`
	Currency string  `json:"currency"`         // "EUR"
	Product  string  `json:"product"`          // of letters
	Colour   bool    `json:"colour,omitempty"` // letters are printed in colour
	Versions []Price `json:"versions"`         // from old to new
}

// Price is one version of a price list: cents of a euro, without VAT.
type Price struct {
	ID       string        `json:"id"`
	From     string        `json:"from"`           // civil date from which it counts
	VAT      int           `json:"vat"`            // percent, at home
	Online   int           `json:"online"`         // of every delivery
	SMS      int           `json:"sms"`            // of a segment of the announcement by SMS
	Segments int           `json:"segments"`       // that an announcement has
	Reserve  int           `json:"reserve"`        // sheets for which postage is reserved
	Sheet    int           `json:"sheet_grams"`    // weight of a sheet
	Envelope int           `json:"envelope_grams"` // and of what is around it
	Letters  []LetterPrice `json:"letters"`        // the first that fits counts

	product string
	colour  bool
	from    Date
}

// LetterPrice is what a letter of one product costs to some countries: Letter for
// making it, Page and Colour for every page, and the first of Steps that its
// weight does not exceed, or the last.
type LetterPrice struct {
	Product   string      `json:"product"`
	Countries []string    `json:"countries"` // ISO 3166-1 alpha-2; "*" is everywhere
	Letter    int         `json:"letter"`
	Page      int         `json:"page"`
	Colour    int         `json:"colour"` // more for a page in colour
	Steps     []PriceStep `json:"steps"`  // from light to heavy
}

// PriceStep is the postage up to a weight.
type PriceStep struct {
	Grams int `json:"grams"`
	Cents int `json:"cents"`
}

// ExamplePrices is prices.json: of the right shape, with nobody's prices.
func ExamplePrices() (*PriceList, error) { return ParsePrices(pricesFile) }

// ParsePrices reads a price list as in prices.json and refuses one by which
// something has no price, or two.
func ParsePrices(raw []byte) (*PriceList, error) {
	var l PriceList
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf("delivery: prices: %w", err)
	}
	if l.Currency != "EUR" || len(l.Versions) == 0 || l.Product == "" {
		return nil, fmt.Errorf("delivery: prices: cents of EUR, a product, and a version are needed")
	}
	seen := map[string]bool{}
	for i := range l.Versions {
		v := &l.Versions[i]
		v.product, v.colour = l.Product, l.Colour
		if err := v.check(); err != nil {
			return nil, fmt.Errorf("delivery: prices: version %q: %w", v.ID, err)
		}
		if seen[v.ID] || i > 0 && !l.Versions[i-1].from.Before(v.from) {
			return nil, fmt.Errorf("delivery: prices: version %q is there already, or not later than the one before", v.ID)
		}
		seen[v.ID] = true
	}
	return &l, nil
}

func (p *Price) check() (err error) {
	if p.from, err = ParseDate(p.From); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	if p.ID == "" || len(p.ID) > 40 || p.VAT < 0 || p.VAT > 100 || min(p.Online, p.SMS, p.Segments) < 0 || min(p.Reserve, p.Sheet) < 1 || p.Envelope < 0 {
		return fmt.Errorf("lacks something, or is below zero")
	}
	everywhere := false
	for i, r := range p.Letters {
		if r.Product == "" || len(r.Countries) == 0 || len(r.Steps) == 0 || min(r.Letter, r.Page, r.Colour) < 0 {
			return fmt.Errorf("letter %d lacks product, countries or steps, or is below zero", i+1)
		}
		last := PriceStep{}
		for _, s := range r.Steps {
			if s.Grams <= last.Grams || s.Cents < last.Cents {
				return fmt.Errorf("letter %d: steps must go up", i+1)
			}
			last = s
		}
		everywhere = everywhere || r.Product == p.product && slices.Contains(r.Countries, "*")
	}
	if !everywhere {
		return fmt.Errorf("no price of %q for countries that are not named", p.product)
	}
	return nil
}

// At implements [Prices].
func (l *PriceList) At(d Date) (Price, bool) {
	for _, v := range slices.Backward(l.Versions) {
		if !d.Before(v.from) {
			return v, true
		}
	}
	return Price{}, false
}

// Version implements [Prices].
func (l *PriceList) Version(id string) (Price, bool) {
	for _, v := range l.Versions {
		if v.ID == id {
			return v, true
		}
	}
	return Price{}, false
}

// Announce is what telling r by SMS costs.
func (p Price) Announce(r Recipient) int {
	if r.Mobile == "" {
		return 0
	}
	return p.SMS * p.Segments
}

// Postage is what a letter of so many pages, two on a sheet, costs.
func (p Price) Postage(country string, pages int) int {
	sheets := (pages + 1) / 2
	grams := p.Envelope + sheets*p.Sheet
	for _, r := range p.Letters {
		if r.Product != p.product || !slices.Contains(r.Countries, country) && !slices.Contains(r.Countries, "*") {
			continue
		}
		page := r.Page
		if p.colour {
			page += r.Colour
		}
		i := slices.IndexFunc(r.Steps, func(s PriceStep) bool { return grams <= s.Grams })
		if i < 0 {
			i = len(r.Steps) - 1
		}
		return r.Letter + page*pages + r.Steps[i].Cents
	}
	return 0 // not reached: a list has a price for everywhere
}

// Reserved is the postage that is put aside when nobody knows the pages yet.
func (p Price) Reserved(country string) int { return p.Postage(country, 2*p.Reserve) }
