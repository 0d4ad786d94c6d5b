package api

import (
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// The shapes on the wire. They are the contract's, not the domain's: a version
// of the API never reaches below this file.

type newMessage struct {
	Subject    string         `json:"subject"`
	Body       string         `json:"body"`
	Reference  string         `json:"reference"`
	CostCentre string         `json:"cost_centre"`
	Language   string         `json:"language"`
	Documents  []string       `json:"documents"`
	Recipients []newRecipient `json:"recipients"`
	Policy     policy         `json:"policy"`
	Template   *templateUse   `json:"template"`
}

type newRecipient struct {
	Name           name           `json:"name"`
	Email          string         `json:"email"`
	Mobile         string         `json:"mobile"`
	Language       string         `json:"language"`
	PostalAddress  *postalAddress `json:"postal_address"`
	Organisation   *organisation  `json:"organisation"`
	Identification struct {
		BirthDate      string `json:"birth_date"`
		NationalNumber string `json:"national_number"`
	} `json:"identification"`
}

type organisation struct {
	Name             string `json:"name"`
	EnterpriseNumber string `json:"enterprise_number"`
}

type name struct {
	Given  string `json:"given"`
	Family string `json:"family"`
}

type postalAddress struct {
	Lines    []string `json:"lines"`
	Postcode string   `json:"postcode"`
	City     string   `json:"city"`
	Country  string   `json:"country"`
}

type policy struct {
	Mode            string   `json:"mode"`
	CollectDays     int      `json:"collect_days"`
	Reminders       bool     `json:"reminders"`
	Level           string   `json:"level"`
	Methods         []string `json:"methods,omitempty"`
	Fallback        string   `json:"fallback"`
	PostAtOnce      bool     `json:"post_at_once"`
	RetentionMonths int      `json:"retention_months"`
	Receipts        bool     `json:"receipts"`
	Class           string   `json:"class,omitempty"`
	ServeBy         string   `json:"serve_by,omitempty"`
	TermRule        string   `json:"term_rule,omitempty"`
}

func policyOf(p delivery.Policy) policy {
	return policy{p.Mode, p.CollectDays, p.Reminders, string(p.Level), p.Methods, string(p.Fallback), p.PostAtOnce, p.RetentionMonths, p.Receipts, p.Class,
		p.ServeBy, p.TermRule}
}

func (p policy) domain() delivery.Policy {
	return delivery.Policy{Mode: p.Mode, CollectDays: p.CollectDays, Reminders: p.Reminders, Level: identity.Level(p.Level),
		Methods: p.Methods, Fallback: delivery.Fallback(p.Fallback), PostAtOnce: p.PostAtOnce,
		RetentionMonths: p.RetentionMonths, Receipts: p.Receipts, Class: p.Class, ServeBy: p.ServeBy, TermRule: p.TermRule}
}

func (in newMessage) submission() delivery.Submission {
	s := delivery.Submission{Subject: in.Subject, Body: in.Body, Reference: in.Reference, CostCentre: in.CostCentre, Language: in.Language,
		Documents: in.Documents, Policy: in.Policy.domain(), Recipients: make([]delivery.Recipient, len(in.Recipients))}
	for i, r := range in.Recipients {
		d := delivery.Recipient{Given: r.Name.Given, Family: r.Name.Family, Email: r.Email, Mobile: r.Mobile, Language: r.Language,
			BirthDate: r.Identification.BirthDate, NationalNumber: r.Identification.NationalNumber}
		if a := r.PostalAddress; a != nil {
			d.Address = &delivery.PostalAddress{Lines: a.Lines, Postcode: a.Postcode, City: a.City, Country: a.Country}
		}
		if o := r.Organisation; o != nil {
			d.Organisation = &delivery.Organisation{Name: o.Name, EnterpriseNumber: o.EnterpriseNumber}
		}
		s.Recipients[i] = d
	}
	return s
}

type documentView struct {
	ID        string `json:"id"`
	Filename  string `json:"filename"`
	MediaType string `json:"media_type"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
	Shared    bool   `json:"shared"`
	CreatedAt string `json:"created_at"`
}

func documentOf(d delivery.Document) documentView {
	return documentView{string(d.ID), d.Filename, d.MediaType, d.Size, d.SHA256, d.Shared, instant(d.CreatedAt)}
}

type message struct {
	ID          string         `json:"id"`
	Number      string         `json:"number"`
	Status      string         `json:"status"` // in_progress, done
	Test        bool           `json:"test"`
	Subject     string         `json:"subject"`
	Reference   string         `json:"reference,omitempty"`
	CostCentre  string         `json:"cost_centre,omitempty"`
	SubmittedAt string         `json:"submitted_at"`
	RetainUntil string         `json:"retain_until"`
	LegalHold   bool           `json:"legal_hold"`
	Gone        string         `json:"contents_removed_at,omitempty"`
	Parts       []part         `json:"parts"`
	Policy      policy         `json:"policy"`
	States      map[string]int `json:"states"`
	Deliveries  []deliveryView `json:"deliveries,omitempty"`
}

type part struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
}

func messageOf(m delivery.Message, counts map[delivery.State]int, list []delivery.Delivery) message {
	out := message{ID: string(m.ID), Number: m.Number, Status: "done", Test: m.Test, Subject: m.Subject, Reference: m.Reference, CostCentre: m.CostCentre,
		SubmittedAt: instant(m.SubmittedAt), RetainUntil: instant(m.RetainUntil), LegalHold: m.Held, Gone: instant(m.ContentsGoneAt), Policy: policyOf(m.Policy),
		Parts: []part{}, States: map[string]int{}}
	for _, p := range m.Parts {
		out.Parts = append(out.Parts, part(p))
	}
	for s, n := range counts {
		out.States[string(s)] = n
		if !s.Final(m.Policy) {
			out.Status = "in_progress"
		}
	}
	for _, d := range list {
		out.Deliveries = append(out.Deliveries, deliveryOf(d))
	}
	return out
}

type deliveryView struct {
	ID           string    `json:"id"`
	MessageID    string    `json:"message_id"`
	Position     int       `json:"position"`
	State        string    `json:"state"`
	StateSince   string    `json:"state_since"`
	Recipient    recipient `json:"recipient"`
	Channels     channels  `json:"channels"`
	NotifiedAt   string    `json:"notified_at,omitempty"`
	RespondBy    string    `json:"respond_by,omitempty"`
	DecidedAt    string    `json:"decided_at,omitempty"`
	HandedOverAt string    `json:"handed_over_at,omitempty"`
	IdentifiedBy *proof    `json:"identified_by,omitempty"`
	ReceivedBy   *receiver `json:"received_by,omitempty"`
	Post         *postView `json:"post,omitempty"`
	Events       int       `json:"events"`
	Plan         *planView `json:"plan,omitempty"` // of one delivery, not of lists
}

type recipient struct {
	Name          name           `json:"name"`
	Email         string         `json:"email"`
	Mobile        string         `json:"mobile"`
	Language      string         `json:"language"`
	PostalAddress *postalAddress `json:"postal_address,omitempty"`
	Organisation  *organisation  `json:"organisation,omitempty"`
}

type channels struct {
	Email string `json:"email"` // open, sent, failed
	SMS   string `json:"sms"`
}

type proof struct {
	Name   name   `json:"name"`
	Method string `json:"method"`
	Level  string `json:"level"`
	At     string `json:"at"`
}

// receiver is who decided for the recipient.
type receiver struct {
	Name    name   `json:"name"` // empty where somebody acted for a company
	Mandate string `json:"mandate"`
	Given   string `json:"mandate_given"` // how: naming, approval, signature, founder, operator
	Method  string `json:"method"`
	Level   string `json:"level"`
	At      string `json:"at"`
}

type postView struct {
	Partner string `json:"partner"`
	Item    string `json:"item"`
	Pages   int    `json:"pages"`
	SHA256  string `json:"sha256"`
	At      string `json:"at"`
}

func deliveryOf(d delivery.Delivery) deliveryView {
	r := d.Recipient
	out := deliveryView{ID: string(d.ID), MessageID: string(d.Message.ID), Position: d.Position, State: string(d.State),
		StateSince: instant(d.MovedAt), Channels: channels{reachOf(d.Email), reachOf(d.SMS)}, NotifiedAt: instant(d.NotifiedAt),
		RespondBy: instant(d.RespondBy), DecidedAt: instant(d.DecidedAt), HandedOverAt: instant(d.HandedOverAt), Events: d.Seq,
		Recipient: recipient{Name: name{r.Given, r.Family}, Email: r.Email, Mobile: r.Mobile, Language: r.Language}}
	if a := r.Address; a != nil {
		out.Recipient.PostalAddress = &postalAddress{a.Lines, a.Postcode, a.City, a.Country}
	}
	if p := d.Identified; p != nil {
		out.IdentifiedBy = &proof{name{p.Given, p.Family}, p.Method, p.Level, instant(p.At)}
	}
	if o := r.Organisation; o != nil {
		out.Recipient.Organisation = &organisation{o.Name, o.EnterpriseNumber}
	}
	if by := d.ReceivedBy; by != nil && by.Proof != nil && by.Mandate != nil {
		out.ReceivedBy = &receiver{name{by.Given, by.Family}, by.Mandate.ID, by.Mandate.Given, by.Proof.Method, by.Proof.Level, instant(by.Proof.At)}
	}
	if p := d.Post; p != nil {
		out.Post = &postView{p.Partner, p.Item, p.Pages, p.SHA256, instant(p.At)}
	}
	return out
}

func reachOf(r delivery.Reach) string {
	if r == delivery.ReachOpen {
		return "open"
	}
	return string(r)
}

// instant is UTC as RFC 3339 with microseconds, and nothing for no time.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
