package delivery

import (
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// MaxProposals is how many better addresses can be named for one delivery.
const MaxProposals = 3

// Proposal is a better address that the recipient named. It proves that somebody
// who reads the other channel reads this one too; that it is the addressee's only
// the sender can say, who gave the address that it replaces.
type Proposal struct {
	ID        string
	Delivery  ID
	Channel   notify.Channel
	Address   string
	At        time.Time
	ProvenAt  time.Time // zero until its code was entered
	DecidedAt time.Time // zero until the sender decided
	Agreed    bool
}

// Open reports that the sender is to decide.
func (p Proposal) Open() bool { return !p.ProvenAt.IsZero() && p.DecidedAt.IsZero() }

// choice is the value of the detail "choice" for a better address.
func (p Proposal) choice() string {
	if p.Channel == notify.SMS {
		return "mobile"
	}
	return "email"
}

// old is the address that p would replace.
func (p Proposal) old(r Recipient) string {
	if p.Channel == notify.SMS {
		return r.Mobile
	}
	return r.Email
}

// Propose decides that the recipient named a better address. It changes nothing
// yet; the sender is asked. Errors: ErrNotOpen.
func (d Delivery) Propose(p Proposal, by identity.Actor, at time.Time) (Move, error) {
	if !d.Open(at) || d.Delegate != nil {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	m.Event = d.event(evidence.RecipientChoice, at, append([]evidence.Detail{
		{Key: "choice", Value: p.choice()},
		{Key: "step", Value: "proposed"},
		{Key: "address", Value: mask(p.Address)},
	}, seen(by)...)...)
	m.Notices = d.tellContact(p)
	if d.Message.Sender.Email != "" {
		m.Notices = append(m.Notices, notify.Notice{Account: d.Message.Account, Delivery: string(d.ID), Kind: notify.ContactProposed,
			Channel: notify.Email, To: d.Message.Sender.Email, Language: d.Message.Language, Ref: p.choice()})
	}
	return m, nil
}

// tellContact tells every address of the recipient, the new one too, that it was
// named: whoever was not meant learns of it.
func (d Delivery) tellContact(p Proposal) []notify.Notice {
	email, sms := d.tell(notify.ContactNamed, notify.Email), d.tell(notify.ContactNamed, notify.SMS)
	fresh := d.tell(notify.ContactNamed, p.Channel)
	fresh.To = p.Address
	out := []notify.Notice{email, sms, fresh}
	for i := range out {
		out[i].Ref = p.choice()
	}
	return out
}

// AnswerProposal decides what the sender says to a better address. Agreed, it
// replaces the old one, and the recipient is told there that the item waits; under
// is the mandate of a person who acts for a company. Errors: ErrNotOpen.
func (d Delivery) AnswerProposal(p Proposal, agreed bool, by identity.Actor, under identity.Mandate, at time.Time) (Move, error) {
	if !d.Open(at) {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	step := "declined"
	if agreed {
		step = "agreed"
		if p.Channel == notify.SMS {
			m.After.Recipient.Mobile, m.After.SMS = p.Address, ReachOpen
		} else {
			m.After.Recipient.Email, m.After.Email = p.Address, ReachOpen
		}
		m.Notices = []notify.Notice{m.After.tell(notify.Announcement, p.Channel)}
	}
	m.Event = m.After.event(evidence.RecipientChoice, at,
		evidence.Detail{Key: "choice", Value: p.choice()},
		evidence.Detail{Key: "step", Value: step},
		evidence.Detail{Key: "address", Value: mask(p.Address)})
	if by.Method != "" {
		acting := actingParty(by, d.Message.Sender, under)
		m.Event.SentBy = &acting
	}
	return m, nil
}
