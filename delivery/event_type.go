package delivery

import (
	"slices"

	"github.com/bode-erds/bode/evidence"
)

// EventType is what integrators call an event, with the version of what is said
// of it. A new version is a new type beside the old one; types are added without
// notice, and never change their meaning.
type EventType string

// typed are the types of the events of deliveries.
var typed = map[evidence.Name]EventType{
	evidence.SubmissionAcceptance:             "delivery.submitted.v1",
	evidence.NotificationForAcceptance:        "delivery.notified.v1",
	evidence.NotificationForAcceptanceFailure: "delivery.notification_failed.v1",
	evidence.NotificationDelivered:            "delivery.notification_delivered.v1",
	evidence.NotificationAccessTracking:       "delivery.visited.v1",
	evidence.RecipientIdentification:          "delivery.identified.v1",
	evidence.RecipientChoice:                  "delivery.choice_made.v1",
	evidence.DelegateNamed:                    "delivery.delegate_named.v1",
	evidence.DelegateWithdrawn:                "delivery.delegate_withdrawn.v1",
	evidence.ConsignmentAcceptance:            "delivery.accepted.v1",
	evidence.ConsignmentRejection:             "delivery.refused.v1",
	evidence.AcceptanceRejectionExpiry:        "delivery.expired.v1",
	evidence.ContentConsignment:               "delivery.opened.v1",
	evidence.ContentAccessTracking:            "delivery.part_taken.v1",
	evidence.ContentHandover:                  "delivery.collected.v1",
	evidence.ContentHandoverFailure:           "delivery.hand_over_failed.v1",
	evidence.RelayToNonERDS:                   "delivery.posting.v1",
	evidence.RelayToNonERDSFailure:            "delivery.posting_failed.v1",
	evidence.PostalItemPosted:                 "delivery.posted.v1",
	evidence.PostalItemDelivered:              "delivery.delivered_by_post.v1",
	evidence.PostalItemReturned:               "delivery.returned.v1",
	evidence.PostalItemTracked:                "delivery.letter_tracked.v1",
	evidence.PostalItemCancelled:              "delivery.letter_cancelled.v1",
	evidence.SubmissionCancelled:              "delivery.cancelled.v1",
}

// Presets stand for several types. What is in PresetDefault grows with what most
// integrators need.
const (
	PresetDefault = "default"
	PresetAll     = "all"
)

// byDefault are the types of PresetDefault: what changes what a sender has to do.
var byDefault = []EventType{"delivery.notified.v1", "delivery.notification_failed.v1", "delivery.accepted.v1", "delivery.refused.v1", "delivery.expired.v1",
	"delivery.collected.v1", "delivery.posting.v1", "delivery.posting_failed.v1", "delivery.posted.v1", "delivery.delivered_by_post.v1",
	"delivery.returned.v1", "delivery.cancelled.v1"}

// TypeOf is the type of an event.
func TypeOf(n evidence.Name) EventType {
	if t, ok := typed[n]; ok {
		return t
	}
	return "delivery.other.v1" // a name that no delivery of ours records
}

// EventTypes lists every type, in the order of their names.
func EventTypes() []EventType {
	var out []EventType
	for _, t := range typed {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

// namesOf are the events that types and presets stand for; nil, without fault:
// all of them. A fault is the place of the first that is unknown.
func namesOf(types []string) (names []evidence.Name, fault int) {
	if slices.Contains(types, PresetAll) {
		return nil, faultOf(types)
	}
	for n, t := range typed {
		if slices.Contains(types, string(t)) || slices.Contains(types, PresetDefault) && slices.Contains(byDefault, t) {
			names = append(names, n)
		}
	}
	return names, faultOf(types)
}

// faultOf is the place of the first type that is unknown, or -1.
func faultOf(types []string) int {
	return slices.IndexFunc(types, func(t string) bool {
		return t != PresetDefault && t != PresetAll && !slices.Contains(EventTypes(), EventType(t))
	})
}
