package portal

import (
	"crypto/rand"
	"net/url"
	"strconv"
	"strings"

	"github.com/bode-erds/bode/delivery"
)

// maxRecipients bounds a message written by hand; the API takes more.
const maxRecipients = 50

// draft is a message being written. It travels in the fields of its form and is
// what was typed, right or wrong.
type draft struct {
	ID         delivery.ID // of the stored draft that this is; empty: it is kept nowhere yet
	Once       string      // names the attempt to send, so that a second press sends nothing twice
	Subject    string
	Body       string
	Reference  string
	CostCentre string
	Days       string
	Fallback   string
	ServeBy    string
	Rule       string // of terms, for paper
	Class      string
	Documents  []delivery.Document
	Lost       bool // a document that the form named is no longer there
	Recipients []person
	SendDate   string // when it is to go, as typed on the page of its answers
	SendTime   string
}

// person is a recipient being described.
type person struct {
	N                                      int // from 0
	Given, Family, Email, Mobile, Language string
	Line1, Line2, Postcode, City, Country  string
	BirthDate, NationalNumber              string
	OrgName, OrgNumber                     string // of a company that is addressed
	Focus                                  bool   // was added just now
}

// fields are the names of a recipient's fields with where they are kept.
func (r *person) fields() map[string]*string {
	return map[string]*string{
		"given": &r.Given, "family": &r.Family, "email": &r.Email, "mobile": &r.Mobile, "language": &r.Language,
		"line1": &r.Line1, "line2": &r.Line2, "postcode": &r.Postcode, "city": &r.City, "country": &r.Country,
		"birth_date": &r.BirthDate, "national_number": &r.NationalNumber,
		"org_name": &r.OrgName, "org_number": &r.OrgNumber,
	}
}

// empty reports that nothing but what was filled in for them is there.
func (r person) empty() bool {
	return r.Given+r.Family+r.Email+r.Mobile+r.Line1+r.Line2+r.Postcode+r.City+r.BirthDate+r.NationalNumber+r.OrgName+r.OrgNumber == ""
}

// Address reports whether some of a postal address was given.
func (r person) Address() bool { return r.Line1+r.Line2+r.Postcode+r.City != "" }

// Extra reports whether something to recognise the recipient by was given.
func (r person) Extra() bool { return r.BirthDate+r.NationalNumber != "" }

// Organisation reports whether the recipient is a company.
func (r person) Organisation() bool { return strings.TrimSpace(r.OrgName+r.OrgNumber) != "" }

// E164 is the mobile number as it will be used.
func (r person) E164() string { return international(r.Mobile) }

// newDraft is an empty message with one recipient to fill in.
func newDraft(policy delivery.Policy, lang string) draft {
	return draft{Once: rand.Text(), Days: strconv.Itoa(policy.CollectDays), Fallback: string(policy.Fallback),
		Recipients: []person{newPerson(0, lang)}}
}

func newPerson(n int, lang string) person { return person{N: n, Language: lang, Country: "BE"} }

// parseDraft reads a form back. Documents are only named in it.
func parseDraft(f url.Values) (d draft, documents []delivery.ID) {
	d = draft{ID: delivery.ID(f.Get("draft")), Once: f.Get("once"), Subject: f.Get("subject"), Body: strings.ReplaceAll(f.Get("body"), "\r\n", "\n"),
		Reference: f.Get("reference"), CostCentre: f.Get("cost_centre"), Days: f.Get("days"), Fallback: f.Get("fallback"),
		ServeBy: f.Get("serve_by"), Rule: f.Get("term_rule"), Class: f.Get("class")}
	if len(d.Once) != 26 {
		d.Once = rand.Text()
	}
	for n := range maxRecipients {
		if !f.Has(fieldName(n, "given")) {
			break
		}
		r := person{N: n}
		for name, at := range r.fields() {
			*at = f.Get(fieldName(n, name))
		}
		d.Recipients = append(d.Recipients, r)
	}
	for _, id := range f["document"] {
		if len(documents) < delivery.MaxDocuments {
			documents = append(documents, delivery.ID(id))
		}
	}
	return d, documents
}

// fieldName is the name and id of a field of recipient n.
func fieldName(n int, name string) string { return "r" + strconv.Itoa(n) + "-" + name }

// Hidden writes the draft as hidden fields.
func (d draft) Hidden() []pair {
	f := url.Values{"draft": {string(d.ID)}, "once": {d.Once}, "subject": {d.Subject}, "body": {d.Body}, "reference": {d.Reference}, "cost_centre": {d.CostCentre},
		"days": {d.Days}, "fallback": {d.Fallback}, "serve_by": {d.ServeBy}, "term_rule": {d.Rule},
		"class": {d.Class}}
	for _, r := range d.Recipients {
		for name, at := range r.fields() {
			f.Set(fieldName(r.N, name), *at)
		}
	}
	for _, doc := range d.Documents {
		f.Add("document", string(doc.ID))
	}
	return hidden("", f)
}

// add appends a recipient to fill in.
func (d *draft) add(lang string) {
	if len(d.Recipients) < maxRecipients {
		r := newPerson(len(d.Recipients), lang)
		r.Focus = true
		d.Recipients = append(d.Recipients, r)
	}
}

// remove takes recipient n out; the others move up. One always stays.
func (d *draft) remove(n int, lang string) {
	if n < 0 || n >= len(d.Recipients) {
		return
	}
	d.Recipients = append(d.Recipients[:n], d.Recipients[n+1:]...)
	if len(d.Recipients) == 0 {
		d.Recipients = []person{newPerson(0, lang)}
	}
	for i := range d.Recipients {
		d.Recipients[i].N = i
	}
}

// submission is the draft as it would be submitted.
func (d draft) submission(policy delivery.Policy, lang string) delivery.Submission {
	s := delivery.Submission{Subject: d.Subject, Body: d.Body, Reference: d.Reference, CostCentre: d.CostCentre, Language: lang, Policy: policy}
	days, err := strconv.Atoi(strings.TrimSpace(d.Days))
	if err != nil {
		days = 0 // out of range, and so a fault of its field
	}
	s.Policy.CollectDays = days
	s.Policy.Fallback = delivery.Fallback(d.Fallback)
	if s.Policy.ServeBy = strings.TrimSpace(d.ServeBy); s.Policy.Fallback == delivery.FallbackPost {
		s.Policy.TermRule = d.Rule
	}
	s.Policy.Class = strings.ToLower(strings.TrimSpace(d.Class))
	s.Policy.PostAtOnce = s.Policy.Fallback == delivery.FallbackPost
	for _, doc := range d.Documents {
		s.Documents = append(s.Documents, string(doc.ID))
	}
	for _, r := range d.Recipients {
		s.Recipients = append(s.Recipients, r.recipient())
	}
	return s
}

func (r person) recipient() delivery.Recipient {
	out := delivery.Recipient{Given: r.Given, Family: r.Family, Email: r.Email, Mobile: international(r.Mobile), Language: r.Language,
		BirthDate: strings.TrimSpace(r.BirthDate), NationalNumber: r.NationalNumber}
	if r.Address() {
		a := &delivery.PostalAddress{Lines: []string{strings.TrimSpace(r.Line1)}, Postcode: strings.ToUpper(strings.TrimSpace(r.Postcode)),
			City: strings.TrimSpace(r.City), Country: r.Country}
		if l := strings.TrimSpace(r.Line2); l != "" {
			a.Lines = append(a.Lines, l)
		}
		out.Address = a
	}
	if r.Organisation() {
		out.Organisation = &delivery.Organisation{Name: strings.TrimSpace(r.OrgName), EnterpriseNumber: strings.TrimSpace(r.OrgNumber)}
	}
	return out
}

// international turns a number as Belgians write it into E.164; others stay.
func international(s string) string { return delivery.Mobile(s) }
