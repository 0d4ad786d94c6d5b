package delivery

import (
	"fmt"
	"slices"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// Delegate is somebody who may receive one delivery for its recipient: named by
// the identified recipient for this item, or an account holder who acts under a
// mandate of the recipient. The two are told apart by Mandate.
type Delegate struct {
	ID             string
	Given          string
	Family         string
	Email          string
	Mobile         string // E.164
	Language       string
	BirthDate      string // YYYY-MM-DD; empty when not given
	NationalNumber string // keyed digest; of an account holder
	Person         string // account holder; empty when named for this item
	Mandate        string // standing mandate; empty when named for this item
	NamedAt        time.Time
	Record         string    // identification of who named, or of the account holder
	WithdrawnAt    time.Time // zero while it holds

	under *evidence.Mandate // as found in force, in the transaction that asks
}

// expected is whom a delegate has to prove to be.
func (g Delegate) expected() identity.Expected {
	return identity.Expected{Given: g.Given, Family: g.Family, BirthDate: g.BirthDate, NationalNumber: g.NationalNumber}
}

// mandate is what g acts under, as evidence cites it.
func (g Delegate) mandate() *evidence.Mandate {
	if g.Mandate != "" {
		return g.under
	}
	return &evidence.Mandate{ID: g.ID, Given: "naming", At: g.NamedAt, Record: g.Record}
}

// delegateParty is a delegate of d as evidence shows it. Of a company it shows
// that somebody with a mandate acted, and not who (R5).
func (d Delivery) delegateParty(g Delegate, proof *evidence.Proof) *evidence.Party {
	p := &evidence.Party{Kind: evidence.NaturalPerson, Given: g.Given, Family: g.Family, Proof: proof, Mandate: g.mandate(),
		Identifier: evidence.Identifier{Scheme: "bode:delegate", Value: g.ID}}
	if o := d.Recipient.Organisation; o != nil && g.Mandate != "" {
		p.Kind, p.Name, p.Given, p.Family = evidence.LegalPerson, o.Name, "", ""
		if proof != nil {
			p.Proof.Given, p.Proof.Family = "", ""
		}
	}
	return p
}

// as is d with whoever acts now where evidence looks for it.
func (d Delivery) as(by identity.Actor) Delivery {
	d.ReceivedBy = nil
	switch {
	case by.Mandate != "" && d.Delegate != nil:
		d.ReceivedBy = d.delegateParty(*d.Delegate, proofOf(by))
	case d.Identified == nil: // reads what a delegate under a mandate accepted
		d.Identified = proofOf(by)
	}
	return d
}

// mayAct holds an actor against the delegate that d was read with: nobody acts
// for the recipient who was withdrawn, or is another's delegate.
func (d Delivery) mayAct(by identity.Actor) error {
	switch {
	case by.Mandate == "" && d.Recipient.Organisation != nil:
		return fmt.Errorf("%w: nobody is a company", ErrUnidentified)
	case by.Mandate == "":
		return nil
	case d.Delegate == nil || d.Delegate.ID != by.Mandate:
		return ErrUnidentified
	}
	return d.DelegateMay()
}

// DelegateMay reports whether the delegate that d was read with, if any, may go
// on: not when withdrawn, and, when named for this item, not after somebody else
// decided. Errors: ErrWithdrawn, ErrDecided.
func (d Delivery) DelegateMay() error {
	g := d.Delegate
	switch {
	case g == nil:
		return nil
	case !g.WithdrawnAt.IsZero():
		return ErrWithdrawn
	case g.Mandate == "" && slices.Contains([]State{Accepted, Consigned, HandedOver, Rejected}, d.State) && (d.ReceivedBy == nil || d.ReceivedBy.Identifier.Value != g.ID):
		return ErrDecided
	}
	return nil
}

// whose says on whose link something happened, when it is a delegate's.
func (d Delivery) whose() []evidence.Detail {
	if d.Delegate == nil {
		return nil
	}
	return []evidence.Detail{{Key: "delegate", Value: d.Delegate.ID}}
}

// NameDelegate decides that the identified addressee names somebody who may
// collect this one item. Errors: ErrUnidentified, also for a delegate, who
// cannot name another; ErrDecided, ErrWindowClosed, ErrNotOpen.
//
// EN 319 522-2 §8.2 I07
func (d Delivery) NameDelegate(by identity.Actor, g Delegate, at time.Time) (Move, error) {
	if err := d.mayName(by, at); err != nil {
		return Move{}, err
	}
	m := Move{After: d}
	m.After.Identified = proofOf(by)
	m.Event = m.After.event(evidence.DelegateNamed, at, append([]evidence.Detail{
		{Key: "address", Value: mask(g.Email)},
		{Key: "address", Value: mask(g.Mobile)},
	}, seen(by)...)...)
	m.Event.ReceivedBy = d.delegateParty(g, nil)
	for _, ch := range []notify.Channel{notify.Email, notify.SMS} {
		m.Notices = append(m.Notices, d.tellDelegate(g, notify.DelegateNamed, ch))
	}
	m.Notices = append(m.Notices, d.tell(notify.DelegateConfirmed, notify.Email))
	m.Notices[2].Ref = g.ID
	return m, nil
}

// WithdrawDelegate decides that the identified addressee takes back the naming
// of g, which is in force. Errors: as NameDelegate.
func (d Delivery) WithdrawDelegate(by identity.Actor, g Delegate, at time.Time) (Move, error) {
	if err := d.mayName(by, at); err != nil {
		return Move{}, err
	}
	m := Move{After: d}
	m.After.Identified = proofOf(by)
	m.Event = m.After.event(evidence.DelegateWithdrawn, at, seen(by)...)
	m.Event.ReceivedBy = d.delegateParty(g, nil)
	return m, nil
}

func (d Delivery) mayName(by identity.Actor, at time.Time) error {
	if by.Mandate != "" || d.Recipient.Organisation != nil || d.Identified == nil || !d.Message.Policy.allows(by) {
		return ErrUnidentified
	}
	return d.mayDecide(at)
}

// tellDelegate is a notice to a delegate of d.
func (d Delivery) tellDelegate(g Delegate, kind notify.Kind, ch notify.Channel) notify.Notice {
	n := notify.Notice{Account: d.Message.Account, Delivery: string(d.ID), Kind: kind, Channel: ch, To: g.Email, Language: g.Language, Ref: g.ID}
	if ch == notify.SMS {
		n.To = g.Mobile
	}
	return n
}
