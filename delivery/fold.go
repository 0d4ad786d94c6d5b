package delivery

import (
	"fmt"
	"slices"

	"github.com/bode-erds/bode/evidence"
)

// moves is the state machine as events see it: from which states an event may
// come and where it leads; an event that is not here never changes the state.
var moves = map[evidence.Name]struct {
	from []State
	to   State
}{
	evidence.NotificationForAcceptance: {[]State{Submitted}, Notified},
	evidence.ConsignmentAcceptance:     {[]State{Notified, Expired, Posting, Posted}, Accepted},
	evidence.ContentConsignment:        {[]State{Accepted}, Consigned},
	evidence.ContentHandover:           {[]State{Consigned}, HandedOver},
	evidence.ConsignmentRejection:      {[]State{Notified}, Rejected},
	evidence.AcceptanceRejectionExpiry: {[]State{Notified, Submitted}, Expired},
	evidence.RelayToNonERDS:            {[]State{Expired, Submitted, Notified}, Posting},
	evidence.PostalItemPosted:          {[]State{Posting}, Posted},
	evidence.PostalItemDelivered:       {[]State{Posting, Posted}, DeliveredByPost},
	evidence.PostalItemReturned:        {[]State{Posting, Posted}, Returned},
	evidence.SubmissionCancelled:       {[]State{Submitted, Notified}, Cancelled},
}

// stays lists the events that may be recorded without a change of state in the
// states given; where none are given, in every one after submission.
var stays = map[evidence.Name][]State{
	evidence.NotificationForAcceptance:        nil, // a reminder, or the second channel
	evidence.NotificationForAcceptanceFailure: nil,
	evidence.NotificationDelivered:            nil,
	evidence.NotificationAccessTracking:       {Notified, Accepted, Consigned, HandedOver, Expired, Posting, Posted},
	evidence.RecipientIdentification:          {Notified, Accepted, Consigned, HandedOver, Expired, Posting, Posted},
	evidence.RecipientChoice:                  {Notified, Accepted, Consigned, HandedOver},
	evidence.DelegateNamed:                    {Notified},
	evidence.DelegateWithdrawn:                {Notified},
	evidence.ContentAccessTracking:            {Consigned, HandedOver},
	evidence.ContentHandoverFailure:           {Consigned, HandedOver},
	evidence.RelayToNonERDSFailure:            {Submitted, Notified, Expired, Accepted, Consigned, HandedOver},
	// Of a letter that was on its way when the recipient collected online.
	evidence.RelayToNonERDS:      collected,
	evidence.PostalItemPosted:    collected,
	evidence.PostalItemDelivered: collected,
	evidence.PostalItemReturned:  collected,
	evidence.PostalItemCancelled: collected,
	evidence.PostalItemTracked:   append([]State{Posting, Posted, DeliveredByPost, Returned}, collected...),
}

// collected are the states of a delivery that the recipient took online.
var collected = []State{Accepted, Consigned, HandedOver}

// Fold derives the state of a delivery from its events alone, in order. An
// event where none may be is an error. What it returns must be the stored state.
func Fold(events []evidence.Event) (State, error) {
	var at State
	for _, e := range events {
		next, err := step(at, e)
		if err != nil {
			return at, fmt.Errorf("delivery %s: event %d: %w", e.Delivery, e.Seq, err)
		}
		at = next
	}
	return at, nil
}

func step(at State, e evidence.Event) (State, error) {
	if at == "" {
		if e.Name != evidence.SubmissionAcceptance {
			return at, fmt.Errorf("%s before %s", e.Name, evidence.SubmissionAcceptance)
		}
		return Submitted, nil
	}
	if refusedByPartner(e) && (at == Posting || at == Posted) {
		return Returned, nil
	}
	if m, ok := moves[e.Name]; ok && slices.Contains(m.from, at) {
		return m.to, nil
	}
	if in, ok := stays[e.Name]; ok && (in == nil || slices.Contains(in, at)) {
		return at, nil
	}
	return at, fmt.Errorf("%s in state %s", e.Name, at)
}

// refusedByPartner tells the end of a letter that the partner already had, by
// refusal or loss, from a failed hand-over: all are F.2.
func refusedByPartner(e evidence.Event) bool {
	return e.Name == evidence.RelayToNonERDSFailure &&
		slices.ContainsFunc(e.Reasons, func(r evidence.Reason) bool { return r.Code == "print_refused" || r.Code == "letter_lost" })
}
