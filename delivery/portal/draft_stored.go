package portal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/bode-erds/bode/delivery"
)

// values are the fields of the form of a draft.
func (d draft) values() url.Values {
	f := url.Values{}
	for _, x := range d.Hidden() {
		f.Add(x.Name, x.Value)
	}
	f.Del("once")
	f.Del("draft")
	return f
}

// content is what is kept of a draft: what it would send and what was typed.
func (d draft) content(sub delivery.Submission) delivery.DraftContent {
	return delivery.DraftContent{Submission: sub, Form: d.values()}
}

// draftOf is a stored draft as a form. Whole says that the form holds all of it:
// what a program prepared may be more than a form can show.
func draftOf(stored delivery.Draft) (d draft, whole bool) {
	sub := stored.Content.Submission
	if stored.Content.Form != nil {
		d, _ = parseDraft(url.Values(stored.Content.Form))
		whole = true
	} else {
		d = draftFrom(sub)
		whole = len(d.Recipients) <= maxRecipients && same(d.submission(sub.Policy, sub.Language), sub)
	}
	d.ID = stored.ID
	for _, id := range sub.Documents {
		d.Documents = append(d.Documents, delivery.Document{ID: delivery.ID(id)})
	}
	return d, whole
}

// same compares what two submissions would send; documents are not the form's.
func same(a, b delivery.Submission) bool {
	a.Documents, b.Documents = nil, nil
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return errors.Join(err, err2) == nil && string(x) == string(y)
}

// draftFrom writes a submission into a form.
func draftFrom(s delivery.Submission) draft {
	rule, _, _ := strings.Cut(s.Policy.TermRule, "@")
	d := draft{Once: rand.Text(), Subject: s.Subject, Body: s.Body, Reference: s.Reference, CostCentre: s.CostCentre, Days: strconv.Itoa(s.Policy.CollectDays),
		Fallback: string(s.Policy.Fallback), ServeBy: s.Policy.ServeBy, Rule: rule, Class: s.Policy.Class}
	for i, r := range s.Recipients {
		p := person{N: i, Given: r.Given, Family: r.Family, Email: r.Email, Mobile: r.Mobile, Language: r.Language, Country: "BE",
			BirthDate: r.BirthDate, NationalNumber: r.NationalNumber}
		if a := r.Address; a != nil {
			p.Line1, p.Line2 = lineAt(a.Lines, 0), lineAt(a.Lines, 1)
			p.Postcode, p.City, p.Country = a.Postcode, a.City, a.Country
		}
		if o := r.Organisation; o != nil {
			p.OrgName, p.OrgNumber = o.Name, o.EnterpriseNumber
		}
		d.Recipients = append(d.Recipients, p)
	}
	return d
}

func lineAt(lines []string, n int) string {
	if n < len(lines) {
		return lines[n]
	}
	return ""
}

// documents finds those of a draft that are still there.
func (p *Portal) documents(v *visitor, ids []delivery.ID) (out []delivery.Document) {
	for _, id := range ids {
		doc, err := p.Deliveries.Document(v.ctx(), v.session.Account, id)
		if err == nil {
			out = append(out, doc)
		} else if !errors.Is(err, delivery.ErrNotFound) {
			p.Log.ErrorContext(v.ctx(), "document not read", "document", id, "error", err)
		}
	}
	return out
}

// store keeps what was typed: over the draft it came from, or as a new one. once
// makes two presses of one button one draft.
func (p *Portal) store(v *visitor, d draft) (delivery.Draft, error) {
	content := d.content(p.submission(v, d))
	if d.ID != "" {
		stored, err := p.Deliveries.ReplaceDraft(v.ctx(), v.actor(), d.ID, content)
		stored.ID = d.ID
		return stored, err
	}
	once, err := onceOf("draft "+d.Once, delivery.Submission{})
	if err != nil {
		return delivery.Draft{}, err
	}
	stored, replayed, err := p.Deliveries.CreateDraft(v.ctx(), v.actor(), false, content, once)
	if err == nil && replayed {
		id := stored.ID
		stored, err = p.Deliveries.ReplaceDraft(v.ctx(), v.actor(), id, content)
		stored.ID = id
	}
	return stored, err
}
