package evidence

import (
	"slices"
	"uuid"
)

// Prefixes of event URIs. The first belongs to ETSI and only ever carries
// ETSI's own names. EN 319 522-3 Table 2
const (
	etsiEvent = "http://uri.etsi.org/19522/Event/"
	ownEvent  = "urn:bode-erds:event:"
)

// etsiNames returns the 22 names of EN 319 522-1 §6, in the order of its groups.
func etsiNames() []Name {
	return []Name{
		SubmissionAcceptance, SubmissionRejection,
		RelayAcceptance, RelayRejection, RelayFailure,
		NotificationForAcceptance, NotificationForAcceptanceFailure,
		ConsignmentAcceptance, ConsignmentRejection, AcceptanceRejectionExpiry, NotificationDelivered,
		ContentConsignment, ContentConsignmentFailure,
		ConsignmentNotification, ConsignmentNotificationFailure,
		NotificationAccessTracking, ContentAccessTracking,
		ContentHandover, ContentHandoverFailure,
		RelayToNonERDS, RelayToNonERDSFailure, ReceivedFromNonERDS,
	}
}

// ownNames returns the names for which ETSI has none.
func ownNames() []Name {
	return []Name{
		SubmissionCancelled, RecipientIdentification,
		PostalItemPosted, PostalItemDelivered, PostalItemReturned, PostalItemTracked, PostalItemCancelled,
		DelegateNamed, DelegateWithdrawn, RecipientChoice,
	}
}

// Names returns every event name: ETSI's first, then our own.
func Names() []Name { return append(etsiNames(), ownNames()...) }

// Valid reports whether n is a known event.
func (n Name) Valid() bool { return n.etsi() || slices.Contains(ownNames(), n) }

func (n Name) etsi() bool { return slices.Contains(etsiNames(), n) }

// URI is the event identifier as it stands in evidence (EN 319 522-2 §8.2 G03):
// ETSI's own where there is one, ours otherwise, and "" for an unknown name.
func (n Name) URI() string {
	switch {
	case n.etsi():
		return etsiEvent + string(n)
	case n.Valid():
		return ownEvent + string(n)
	}
	return ""
}

// NameOf is the name behind an event URI, or "" when it is none of ours.
func NameOf(uri string) Name {
	for _, n := range Names() {
		if n.URI() == uri {
			return n
		}
	}
	return ""
}

// NewID returns a fresh UUIDv7, as used for events, deliveries and messages.
func NewID() string { return uuid.NewV7().String() }
