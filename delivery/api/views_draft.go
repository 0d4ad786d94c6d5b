package api

import (
	"github.com/bode-erds/bode/delivery"
)

type draftView struct {
	ID        string        `json:"id"`
	State     string        `json:"state"`
	Test      bool          `json:"test"`
	Author    draftAuthor   `json:"author"`
	Message   draftMessage  `json:"message"`
	SendAt    string        `json:"send_at,omitempty"`
	Fault     string        `json:"fault,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Errors    []fieldDetail `json:"errors,omitempty"` // of one draft, not of lists
	CreatedAt string        `json:"created_at"`
	ChangedAt string        `json:"changed_at"`
	RemovedAt string        `json:"removed_at,omitempty"`
}

type draftAuthor struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// draftMessage is what a draft holds, so that it can be sent back changed.
type draftMessage struct {
	Subject    string           `json:"subject"`
	Body       string           `json:"body"`
	Reference  string           `json:"reference"`
	CostCentre string           `json:"cost_centre"`
	Language   string           `json:"language"`
	Documents  []string         `json:"documents"`
	Recipients []draftRecipient `json:"recipients"`
	Policy     policy           `json:"policy"`
}

type draftRecipient struct {
	Name           name                `json:"name"`
	Email          string              `json:"email"`
	Mobile         string              `json:"mobile"`
	Language       string              `json:"language"`
	PostalAddress  *postalAddress      `json:"postal_address,omitempty"`
	Organisation   *organisation       `json:"organisation,omitempty"`
	Identification draftIdentification `json:"identification"`
}

type draftIdentification struct {
	BirthDate      string `json:"birth_date"`
	NationalNumber string `json:"national_number"`
}

func draftOf(d delivery.Draft) draftView {
	return draftView{ID: string(d.ID), State: string(d.State), Test: d.Test, Author: draftAuthor{string(d.Author.Kind), d.Author.Name},
		Message: draftMessageOf(d.Content.Submission), SendAt: instant(d.SendAt), Fault: d.Fault, Reason: d.Reason,
		CreatedAt: instant(d.CreatedAt), ChangedAt: instant(d.ChangedAt), RemovedAt: instant(d.Removal())}
}

func draftMessageOf(s delivery.Submission) draftMessage {
	out := draftMessage{Subject: s.Subject, Body: s.Body, Reference: s.Reference, CostCentre: s.CostCentre, Language: s.Language,
		Documents: append([]string{}, s.Documents...), Recipients: make([]draftRecipient, len(s.Recipients)), Policy: policyOf(s.Policy)}
	for i, r := range s.Recipients {
		x := draftRecipient{Name: name{r.Given, r.Family}, Email: r.Email, Mobile: r.Mobile, Language: r.Language,
			Identification: draftIdentification{r.BirthDate, r.NationalNumber}}
		if p := r.Address; p != nil {
			x.PostalAddress = &postalAddress{append([]string{}, p.Lines...), p.Postcode, p.City, p.Country}
		}
		if o := r.Organisation; o != nil {
			x.Organisation = &organisation{o.Name, o.EnterpriseNumber}
		}
		out.Recipients[i] = x
	}
	return out
}

// answerDraft sends a draft with what would keep it from being sent.
func (a *API) answerDraft(c *call, status int, d delivery.Draft) error {
	v := draftOf(d)
	for _, f := range a.Deliveries.Check(d.Content.Submission) {
		v.Errors = append(v.Errors, fieldDetail{f.Pointer, f.Code, a.words.text(c.lang, "field."+f.Code, f.Args)})
	}
	return writeJSON(c, status, v)
}
