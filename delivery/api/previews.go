package api

import (
	"net/http"
	"time"

	"github.com/bode-erds/bode/delivery"
)

type previewView struct {
	Recipients []previewedRecipient `json:"recipients"`
	Total      previewTotal         `json:"total"`
	Plan       *planView            `json:"plan"`
}

type previewTotal struct {
	Recipients  int  `json:"recipients"`
	Letters     int  `json:"letters"`
	Pages       int  `json:"pages"`
	Sheets      int  `json:"sheets"`
	Grams       int  `json:"grams"`
	PriceOnline *int `json:"price_online,omitempty"`
	PricePosted *int `json:"price_posted,omitempty"`
}

type previewedRecipient struct {
	Position int              `json:"position"`
	Paper    bool             `json:"paper"`
	Letter   *previewedLetter `json:"letter,omitempty"`
}

type previewedLetter struct {
	Pages       int             `json:"pages"`
	Sheets      int             `json:"sheets"`
	Grams       int             `json:"grams"`
	Envelope    string          `json:"envelope"`
	Country     string          `json:"country"`
	Product     string          `json:"product"`
	PriceOnline *int            `json:"price_online,omitempty"`
	PricePosted *int            `json:"price_posted,omitempty"`
	Notes       []string        `json:"notes,omitempty"`
	Parts       []previewedPart `json:"parts"`
}

type previewedPart struct {
	Name    string   `json:"name"`
	SHA256  string   `json:"sha256"`
	Printed bool     `json:"printed"`
	Pages   int      `json:"pages"`
	Cause   string   `json:"cause,omitempty"`
	Notes   []string `json:"notes,omitempty"`
}

// createPreview says what a message would become, and keeps nothing.
func (a *API) createPreview(c *call) error {
	in := newMessage{Policy: policyOf(a.Deliveries.DefaultPolicy())}
	raw, faults, err := a.readJSON(c, "NewMessage", &in)
	if err != nil {
		return err
	}
	if in, err = a.fillIn(c, raw, in); err != nil {
		return err
	}
	sub := in.submission()
	if all := merge(faults, a.Deliveries.Check(sub)); len(all) > 0 {
		return all
	}
	if _, err := c.once(digestOf(raw)); err != nil {
		return err
	}
	by := delivery.Submitter{By: c.actor(a.Now()), Sender: delivery.SenderParty(c.sender), Test: c.key.Test}
	p, err := a.Deliveries.Preview(c.ctx(), by, sub)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, previewOf(p, a.Deliveries.Zone))
}

func previewOf(p delivery.Preview, zone *time.Location) previewView {
	v := previewView{Recipients: []previewedRecipient{}, Plan: planOf(p.Plan, zone)}
	t := p.Total()
	v.Total = previewTotal{t.Recipients, t.Letters, t.Pages, t.Sheets, t.Grams, price(t.Online), price(t.Posted)}
	for i, r := range p.Recipients[:min(len(p.Recipients), delivery.MaxPage)] {
		x := previewedRecipient{Position: i + 1, Paper: r.Paper}
		if l := r.Letter; l != nil {
			x.Letter = &previewedLetter{l.Pages, l.Sheets, l.Grams, l.Envelope, l.Country, l.Product, price(l.Online), price(l.Price), l.Notes, previewedParts(l.Parts)}
		}
		v.Recipients = append(v.Recipients, x)
	}
	return v
}

func previewedParts(parts []delivery.PartPreview) []previewedPart {
	out := make([]previewedPart, len(parts))
	for i, p := range parts {
		out[i] = previewedPart{p.Name, p.SHA256, p.Cause == "", p.Pages, p.Cause, p.Notes}
	}
	return out
}

// price leaves out what no tariff says.
func price(cents int) *int {
	if cents < 0 {
		return nil
	}
	return &cents
}
