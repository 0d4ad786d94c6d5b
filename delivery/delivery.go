package delivery

import (
	"time"

	"github.com/bode-erds/bode/evidence"
)

// ID identifies a message, a delivery or a document: a UUIDv7 in its canonical
// form.
type ID string

// State is where a delivery is. The zero value is not a state.
type State string

// The states of a delivery, and who acts next.
const (
	Submitted       State = "submitted"         // we: notify. Proves that we have it, not that anybody was told
	Notified        State = "notified"          // the recipient: decide. Not: that the recipient knows
	Accepted        State = "accepted"          // we: open the content
	Consigned       State = "consigned"         // the recipient: read. Not: received
	HandedOver      State = "handed_over"       // nobody: received by the identified addressee
	Rejected        State = "rejected"          // nobody
	Expired         State = "expired"           // we: post, or nobody when the policy has no fallback
	Posting         State = "posting"           // the print and post partner
	Posted          State = "posted"            // the postal operator
	DeliveredByPost State = "delivered_by_post" // nobody
	Returned        State = "returned"          // nobody
	Cancelled       State = "cancelled"         // nobody
)

// States lists every state, in the order of a life.
var States = []State{Submitted, Notified, Accepted, Consigned, HandedOver, Rejected, Expired,
	Posting, Posted, DeliveredByPost, Returned, Cancelled}

// Message is one registered message as it was submitted.
type Message struct {
	ID          ID
	Account     string
	Number      string // what people type: XXXX-XXXX-XXXX
	Test        bool
	Subject     string
	Reference   string
	CostCentre  string // who bears the cost in the sender's house
	Language    string
	Sender      evidence.Party
	SentBy      evidence.Party
	Parts       []evidence.Part
	Policy      Policy
	Deliveries  int
	SubmittedAt time.Time
	RetainUntil time.Time
	Held        bool
	PurgedAt    time.Time // zero while it is kept

	ContentsGoneAt time.Time // before the rest; zero while its contents are kept
}

// Recipient is the addressee as the sender described them (R10).
type Recipient struct {
	Given          string         `json:"given"`
	Family         string         `json:"family"`
	Email          string         `json:"email"`
	Mobile         string         `json:"mobile"` // E.164
	Language       string         `json:"language"`
	Address        *PostalAddress `json:"address,omitempty"`
	BirthDate      string         `json:"birth_date,omitempty"`      // YYYY-MM-DD
	NationalNumber string         `json:"national_number,omitempty"` // keyed digest, never the number
	Organisation   *Organisation  `json:"organisation,omitempty"`    // addressed to it: who receives needs its mandate
}

// Organisation is a company that is written to. Given and Family are then for
// whose attention it is.
type Organisation struct {
	Name             string `json:"name"`
	EnterpriseNumber string `json:"enterprise_number"` // ten digits
}

// PostalAddress is where the letter goes.
type PostalAddress struct {
	Lines    []string `json:"lines"`
	Postcode string   `json:"postcode"`
	City     string   `json:"city"`
	Country  string   `json:"country"` // ISO 3166-1 alpha-2
}

// Reach is what became of the announcement on one channel.
type Reach string

const (
	ReachOpen   Reach = ""       // not settled yet
	ReachSent   Reach = "sent"   // the next system took it
	ReachFailed Reach = "failed" // it will not work
)

// PostItem is the letter that a delivery became.
type PostItem struct {
	Partner string    `json:"partner"`
	Item    string    `json:"item"`
	Pages   int       `json:"pages"`
	SHA256  string    `json:"sha256"`
	At      time.Time `json:"at"`

	Tracking string       `json:"tracking,omitempty"` // the postal operator's number, once known
	Status   PostStatus   `json:"status,omitempty"`   // the furthest that was reported
	Seen     []PostStatus `json:"seen,omitempty"`     // everything that was reported, once each, in order
}

// Ended reports that nothing more is to happen to the letter.
func (p PostItem) Ended() bool { return postRank(p.Status) >= postRank(PostDelivered) }

// Delivery is one message on its way to one recipient, with what its rules need
// to decide. It is a value: its methods read no clock and touch no database.
type Delivery struct {
	ID         ID
	Message    Message
	Position   int // 1-based among the message's recipients
	State      State
	Seq        int    // of the newest event
	Hash       string // hex, of the newest event
	LastAt     time.Time
	MovedAt    time.Time
	Recipient  Recipient
	NoticeCode string

	Email, SMS Reach
	NotifiedAt time.Time
	RespondBy  time.Time // first instant at which it is too late; zero before notification

	DecidedAt    time.Time
	HandedOverAt time.Time
	Identified   *evidence.Proof // the addressee, once proven
	ReceivedBy   *evidence.Party // who decided for the addressee; nil when nobody did, or the addressee
	Delegate     *Delegate       // as whose delegate somebody came here; not a part of what is kept
	Taken        []int           // positions of the parts already transferred
	Post         *PostItem
	Choices      Choices
}

// Undeliverable reports that every electronic channel failed for good.
func (d Delivery) Undeliverable() bool { return d.Email == ReachFailed && d.SMS == ReachFailed }

// Open reports that the recipient may still decide at the given time, as far as
// state and window go.
func (d Delivery) Open(at time.Time) bool { return d.State == Notified && at.Before(d.RespondBy) }

// event begins the event that a move of d records at the given time. Identity,
// sequence and the link to the previous event come from the door.
func (d Delivery) event(name evidence.Name, at time.Time, details ...evidence.Detail) evidence.Event {
	recipient := d.party()
	if !name.MayIdentify() {
		recipient.Proof = nil
	}
	e := evidence.Event{
		Delivery:  string(d.ID),
		Name:      name,
		At:        at,
		Message:   string(d.Message.ID),
		Number:    d.Message.Number,
		Reference: d.Message.Reference,
		Subject:   d.Message.Subject,
		Submitted: d.Message.SubmittedAt,
		Sender:    d.Message.Sender,
		SentBy:    &d.Message.SentBy,
		Recipient: recipient,
		Parts:     d.Message.Parts,
		Details:   details,
		Language:  d.Recipient.Language,
		Test:      d.Message.Test,
	}
	if name.MayIdentify() {
		e.ReceivedBy = d.ReceivedBy
	}
	return e
}

// party is the recipient as evidence shows them.
func (d Delivery) party() evidence.Party {
	r := d.Recipient
	p := evidence.Party{
		Kind: evidence.NaturalPerson, Given: r.Given, Family: r.Family,
		Identifier: evidence.Identifier{Scheme: "mailto", Value: r.Email},
		Email:      r.Email, Mobile: r.Mobile, Proof: d.Identified,
	}
	if o := r.Organisation; o != nil {
		p.Kind, p.Name, p.Identifier = evidence.LegalPerson, o.Name, evidence.Identifier{Scheme: "BE:KBO", Value: o.EnterpriseNumber}
	}
	if r.Address != nil {
		p.Address = r.Address.Block()
	}
	return p
}

// block is what stands on an envelope: of a company its name first.
func (r Recipient) block() []string {
	lines := []string{r.Given + " " + r.Family}
	if r.Organisation != nil {
		lines = append([]string{r.Organisation.Name}, lines...)
	}
	return append(lines, r.Address.Block()...)
}

// Block is the address as lines on an envelope, without the name.
func (a PostalAddress) Block() []string {
	lines := append([]string{}, a.Lines...)
	return append(lines, a.Postcode+" "+a.City, a.Country)
}
