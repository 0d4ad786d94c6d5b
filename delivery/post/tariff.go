package post

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed tariff.json
var tariffFile []byte

// Tariff is what a delivery costs, in cents of a euro.
type Tariff struct {
	Remark   string `json:"remark,omitempty"`
	Currency string `json:"currency"` // "EUR"
	Online   int    `json:"online"`   // of a delivery that is collected online
	Rates    []Rate `json:"rates"`    // the first that fits counts
}

// Rate is what a letter of one product costs to some countries: Letter and Sheet
// for making it, and the first of Steps that its weight does not exceed.
type Rate struct {
	Product   string   `json:"product"`
	Countries []string `json:"countries"` // ISO 3166-1 alpha-2; "*" is everywhere
	Letter    int      `json:"letter"`
	Sheet     int      `json:"sheet"`
	Steps     []Step   `json:"steps"` // from light to heavy
}

// Step is the postage up to a weight.
type Step struct {
	Grams int `json:"grams"`
	Cents int `json:"cents"`
}

// noPrice says that a tariff has no price for a letter.
const noPrice = -1

// ExampleTariff is tariff.json: of the right shape, with nobody's prices.
func ExampleTariff() (Tariff, error) { return ParseTariff(tariffFile) }

// ParseTariff reads a tariff as in tariff.json and refuses one with which two
// people could come to different prices.
func ParseTariff(raw []byte) (Tariff, error) {
	var t Tariff
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return Tariff{}, fmt.Errorf("post: tariff: %w", err)
	}
	if t.Currency != "EUR" || t.Online < 0 {
		return Tariff{}, fmt.Errorf("post: tariff: prices are cents of EUR, none below zero")
	}
	for i, r := range t.Rates {
		if r.Product == "" || len(r.Countries) == 0 || len(r.Steps) == 0 || r.Letter < 0 || r.Sheet < 0 {
			return Tariff{}, fmt.Errorf("post: tariff: rate %d lacks product, countries or steps, or is below zero", i+1)
		}
		last := Step{}
		for _, s := range r.Steps {
			if s.Grams <= last.Grams || s.Cents < last.Cents {
				return Tariff{}, fmt.Errorf("post: tariff: rate %d: steps must go up", i+1)
			}
			last = s
		}
	}
	return t, nil
}

// price is what a letter costs, or noPrice.
func (t Tariff) price(product, country string, sheets, grams int) int {
	for _, r := range t.Rates {
		if r.Product != product || !slices.Contains(r.Countries, country) && !slices.Contains(r.Countries, "*") {
			continue
		}
		for _, s := range r.Steps {
			if grams <= s.Grams {
				return r.Letter + r.Sheet*sheets + s.Cents
			}
		}
		return noPrice
	}
	return noPrice
}
