package portal

import (
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// try is one attempt to tell the recipient, and how far it came as far as others
// say: N0 nowhere, N1 the next system took it, N2 the recipient's system, N3 the
// mailbox or telephone.
type try struct {
	Channel, Notice, Attempt, Address string
	At                                time.Time
	Rung                              string
}

// tries gathers the attempts from a timeline, in their order, and says when the
// recipient's link was first used (N4); zero when it was not.
func tries(events []delivery.Recorded) (list []try, used time.Time) {
	place := map[[3]string]int{}
	for _, e := range events {
		of := map[string]string{}
		for _, d := range e.Details {
			of[d.Key] = d.Value
		}
		key := [3]string{of["channel"], of["notice"], of["attempt"]}
		switch e.Name {
		case evidence.NotificationAccessTracking:
			if used.IsZero() {
				used = e.At
			}
		case evidence.NotificationForAcceptance, evidence.NotificationForAcceptanceFailure, evidence.NotificationDelivered:
			i, known := place[key]
			if !known {
				i = len(list)
				place[key] = i
				list = append(list, try{Channel: of["channel"], Notice: of["notice"], Attempt: of["attempt"], Address: of["address"], At: e.At, Rung: "N0"})
			}
			switch {
			case e.Name == evidence.NotificationForAcceptanceFailure:
				list[i].Rung = "N0"
			case of["rung"] != "":
				list[i].Rung = max(list[i].Rung, of["rung"])
			case of["result"] == "sent":
				list[i].Rung = max(list[i].Rung, "N1")
			}
		}
	}
	return list, used
}

// milestone is one of the few things that people want to know of a delivery.
type milestone struct {
	Key  string // after "milestone."
	At   time.Time
	Tone string
}

// milestones are what happened so far, as coarsely as a sender thinks of it.
func milestones(d delivery.Delivery, events []delivery.Recorded) []milestone {
	out := []milestone{{Key: "sent", At: d.Message.SubmittedAt}}
	if !d.NotifiedAt.IsZero() {
		out = append(out, milestone{Key: "notified", At: d.NotifiedAt})
	}
	for _, e := range events {
		key := map[evidence.Name]string{evidence.ConsignmentAcceptance: "accepted", evidence.ContentHandover: "received", evidence.ConsignmentRejection: "refused",
			evidence.AcceptanceRejectionExpiry: "expired", evidence.RelayToNonERDS: "printed", evidence.PostalItemPosted: "posted",
			evidence.PostalItemDelivered: "delivered", evidence.PostalItemReturned: "returned", evidence.SubmissionCancelled: "cancelled"}[e.Name]
		if key == "" {
			continue
		}
		out = append(out, milestone{Key: key, At: e.At, Tone: newStep(e).Tone})
	}
	return out
}
