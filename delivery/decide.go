package delivery

import (
	"fmt"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// Move is what a rule decided: the delivery as it will be, the event that
// proves it, who is to be told, and what is due. The zero Move is not a move.
type Move struct {
	After     Delivery // After.State is where it goes; it may be where it was
	Event     evidence.Event
	Notices   []notify.Notice // without ids
	Deadlines []Deadline      // set
	Settle    []DeadlineKind  // no longer needed
	Job       Job             // work that must follow, if any
}

// Job is work that must follow a move, outside of its transaction.
type Job string

const (
	NoJob      Job = ""
	ConsignJob Job = "consign" // open the content
	PostJob    Job = "post"    // print and post

	CancelPostJob Job = "cancel_post" // ask the partner not to post the letter
)

var allDeadlines = []DeadlineKind{Remind1, Remind2, Remind3, Expiry}

// Identify records that somebody identified, and whether that is the addressee.
// A mismatch is an outcome: it is recorded, opens nothing, and names nobody.
// Errors: ErrUnidentified, ErrNotOpen.
//
// EN 319 521 REQ-QERDS-5.2.1.1-01
func (d Delivery) Identify(by identity.Actor, match identity.MatchResult, at time.Time) (Move, error) {
	if by.Kind != identity.ActorRecipient || by.Record == "" {
		return Move{}, ErrUnidentified
	}
	switch d.State {
	case Notified, Expired, Posting, Posted:
		if err := d.mayCollect(at); err != nil {
			return Move{}, err
		}
	case Accepted, Consigned, HandedOver: // coming back to read
	default:
		return Move{}, ErrNotOpen
	}
	if err := d.DelegateMay(); err != nil {
		return Move{}, err
	}
	m := Move{After: d}
	if !match.OK {
		m.Event = d.event(evidence.RecipientIdentification, at,
			evidence.Detail{Key: "identification", Value: "mismatch"},
			evidence.Detail{Key: "method", Value: by.Method})
		m.Event.Details = append(m.Event.Details, d.whose()...)
		m.Event.Reasons = []evidence.Reason{{Code: "identity_mismatch"}}
		m.Event.Recipient.Proof, m.Event.ReceivedBy = nil, nil // this was somebody else
		return m, nil
	}
	if err := d.mayAct(by); err != nil {
		return Move{}, err
	}
	if !d.Message.Policy.allows(by) {
		return Move{}, fmt.Errorf("%w: level %q, asked %q", ErrUnidentified, by.Level, d.Message.Policy.Level)
	}
	if by.Mandate == "" {
		m.After.Identified = proofOf(by)
	}
	m.Event = m.After.as(by).event(evidence.RecipientIdentification, at, append([]evidence.Detail{
		{Key: "identification", Value: "matched"},
		{Key: "matched_by", Value: match.Basis},
	}, seen(by)...)...)
	return m, nil
}

// Accept decides that the identified addressee takes the message, or a delegate
// for the addressee. Where the message goes by post, that is possible after the
// window too, until the letter has arrived: the letter is then cancelled if it
// still can be, else both ways stand, in the order of their events. Errors: ErrUnidentified, ErrDecided, ErrWindowClosed,
// ErrNotOpen, ErrWithdrawn.
//
// EN 319 522-1 §6.2.4 C.3
func (d Delivery) Accept(by identity.Actor, at time.Time) (Move, error) {
	if err := d.mayCollect(at); err != nil {
		return Move{}, err
	}
	m, err := d.decide(by, at, Accepted, evidence.ConsignmentAcceptance)
	if err != nil {
		return Move{}, err
	}
	if d.State != Notified {
		m.Event.Details = append(m.Event.Details, evidence.Detail{Key: "window_end", Value: d.RespondBy.Format(time.RFC3339)})
		m.Notices = d.receipt(Accepted)
	}
	m.Job = ConsignJob
	m.Notices = append(m.Notices, d.tellBoth(by, notify.Accepted)...)
	return m, nil
}

// Reject decides that the identified addressee, or a delegate, refuses the
// message. It ends the delivery. Errors as Accept.
//
// EN 319 522-1 §6.2.4 C.4
func (d Delivery) Reject(by identity.Actor, at time.Time) (Move, error) {
	if err := d.mayDecide(at); err != nil {
		return Move{}, err
	}
	m, err := d.decide(by, at, Rejected, evidence.ConsignmentRejection)
	if err != nil {
		return Move{}, err
	}
	m.Event.Reasons = []evidence.Reason{{Code: "rejected_by_recipient"}}
	m.Notices = append(d.receipt(Rejected), d.tellBoth(by, notify.Rejected)...)
	return m, nil
}

func (d Delivery) decide(by identity.Actor, at time.Time, to State, name evidence.Name) (Move, error) {
	if !d.Message.Policy.allows(by) || d.Identified == nil && by.Mandate == "" {
		return Move{}, ErrUnidentified
	}
	if err := d.mayAct(by); err != nil {
		return Move{}, err
	}
	m := Move{After: d.as(by), Settle: allDeadlines}
	m.After.State, m.After.DecidedAt = to, at
	if by.Mandate == "" {
		m.After.Identified = proofOf(by)
	}
	m.Event = m.After.event(name, at, seen(by)...)
	return m, nil
}

// Late reports that the window is over and the message can still be collected,
// because it goes by post and has not arrived yet.
func (d Delivery) Late() bool {
	onItsWay := d.State == Expired || d.State == Posting || d.State == Posted
	return onItsWay && d.Message.Policy.Fallback == FallbackPost && d.Recipient.Address != nil && !d.NotifiedAt.IsZero()
}

// mayCollect reports why the message cannot be accepted, if it cannot.
func (d Delivery) mayCollect(at time.Time) error {
	if d.Late() {
		return nil
	}
	return d.mayDecide(at)
}

// mayDecide reports why the message can neither be accepted nor refused in the
// window, if it cannot.
func (d Delivery) mayDecide(at time.Time) error {
	switch d.State {
	case Notified:
		if !at.Before(d.RespondBy) {
			return fmt.Errorf("%w: until %s", ErrWindowClosed, d.RespondBy.Format(time.RFC3339))
		}
		return nil
	case Submitted:
		return ErrNotOpen
	case Expired, Posting, Posted, DeliveredByPost, Returned:
		return ErrWindowClosed
	}
	return ErrDecided
}

// Expire decides that the window closed with neither acceptance nor refusal, or
// that nobody was told by the last moment for a letter that has a date to keep.
// Errors: ErrNotOpen before the end of the window or in another state.
//
// EN 319 522-1 §6.2.4 C.5
func (d Delivery) Expire(at time.Time) (Move, error) {
	end, why := d.RespondBy, "not_accepted_in_time"
	waiting := d.State == Notified || d.State == Submitted && d.Undeliverable()
	if d.State == Submitted && !waiting {
		end, why = d.Message.Policy.lastTry(), "gave_up"
		waiting = true
	}
	if !waiting || end.IsZero() || at.Before(end) {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d, Settle: allDeadlines}
	m.After.State, m.After.DecidedAt = Expired, at
	m.Event = d.event(evidence.AcceptanceRejectionExpiry, at,
		evidence.Detail{Key: "window_end", Value: end.Format(time.RFC3339)})
	m.Event.Reasons = []evidence.Reason{{Code: why}}
	m.Notices = d.receipt(Expired)
	if d.Message.Policy.Fallback == FallbackPost {
		m.Job = PostJob
	}
	return m, nil
}

// Cancel decides that the sender withdraws what nobody has decided on; under is
// the mandate of a person who acts for a company. Errors: ErrDecided,
// ErrWindowClosed.
func (d Delivery) Cancel(by identity.Actor, under identity.Mandate, at time.Time) (Move, error) {
	switch d.State {
	case Submitted, Notified:
	case Expired, Posting, Posted, DeliveredByPost, Returned:
		return Move{}, ErrWindowClosed
	default:
		return Move{}, ErrDecided
	}
	m := Move{After: d, Settle: allDeadlines}
	m.After.State, m.After.DecidedAt = Cancelled, at
	m.Event = d.event(evidence.SubmissionCancelled, at) // not seen(by): of the sender's people nothing goes to correspondents (R5)
	if by.Method != "" {
		acting := actingParty(by, d.Message.Sender, under)
		m.Event.SentBy = &acting
	}
	if d.State == Notified {
		m.Notices = []notify.Notice{d.tell(notify.Cancelled, notify.Email)}
	}
	return m, nil
}

// tell is a notice to the recipient of d.
func (d Delivery) tell(kind notify.Kind, ch notify.Channel) notify.Notice {
	n := notify.Notice{Account: d.Message.Account, Delivery: string(d.ID), Kind: kind, Channel: ch,
		To: d.Recipient.Email, Language: d.Recipient.Language}
	if ch == notify.SMS {
		n.To = d.Recipient.Mobile
	}
	return n
}

// tellBoth is a notice to the recipient and to the delegate who acted.
func (d Delivery) tellBoth(by identity.Actor, kind notify.Kind) []notify.Notice {
	out := []notify.Notice{d.tell(kind, notify.Email)}
	if by.Mandate != "" {
		out = append(out, d.tellDelegate(*d.Delegate, kind, notify.Email))
	}
	return out
}

// receipt is a notice to the sender about what became of d.
func (d Delivery) receipt(to State) []notify.Notice {
	if !d.Message.Policy.Receipts || d.Message.Sender.Email == "" {
		return nil
	}
	return []notify.Notice{{Account: d.Message.Account, Delivery: string(d.ID), Kind: notify.Receipt, Channel: notify.Email,
		To: d.Message.Sender.Email, Language: d.Message.Language, Ref: string(to)}}
}

// maxForeign bounds what others said and evidence repeats, in octets.
const maxForeign = 500

func proofOf(a identity.Actor) *evidence.Proof {
	return &evidence.Proof{Given: evidence.Text(a.Given, maxForeign), Family: evidence.Text(a.Family, maxForeign), Method: a.Method, Provider: a.Provider,
		Level: a.Level.URI(), At: a.ProvenAt.UTC().Truncate(time.Microsecond), Record: a.Record}
}

// seen is what R16 asks to keep of an act: address and browser.
func seen(by identity.Actor) []evidence.Detail {
	var out []evidence.Detail
	if by.IP != "" {
		out = append(out, evidence.Detail{Key: "ip", Value: by.IP})
	}
	if by.UserAgent != "" {
		out = append(out, evidence.Detail{Key: "user_agent", Value: evidence.Text(by.UserAgent, maxForeign)})
	}
	return out
}
