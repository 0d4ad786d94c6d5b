package delivery

import (
	"strconv"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// PostReason says why d goes on paper, or "" when it does not: a key of the
// letter's translation files.
func (d Delivery) PostReason() string {
	if d.Message.Policy.Fallback != FallbackPost || d.Recipient.Address == nil {
		return ""
	}
	switch {
	case d.State == Expired:
		return "expired"
	case d.State == Submitted && d.Undeliverable():
		return "undeliverable"
	}
	return ""
}

// postReasons maps why a delivery goes on paper to the reason register.
var postReasons = map[string]string{"expired": "not_accepted_in_time", "undeliverable": "undeliverable"}

// HandedToPost decides that the print and post partner has the letter. Errors:
// ErrNotOpen when the delivery does not go on paper.
//
// EN 319 522-1 §6.2.7 F.1
func (d Delivery) HandedToPost(p PostReceipt, at time.Time) (Move, error) {
	why := d.PostReason()
	if why == "" {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d, Settle: allDeadlines}
	m.After.State = Posting
	m.After.Post = &PostItem{Partner: p.Partner, Item: p.Item, Pages: p.Pages, SHA256: p.SHA256, At: at}
	m.Event = d.event(evidence.RelayToNonERDS, at,
		evidence.Detail{Key: "operator", Value: p.Partner},
		evidence.Detail{Key: "item", Value: p.Item},
		evidence.Detail{Key: "pages", Value: strconv.Itoa(p.Pages)},
		evidence.Detail{Key: "letter_sha256", Value: p.SHA256})
	m.Event.External = p.Partner + " " + p.Item
	m.Event.Reasons = []evidence.Reason{{Code: postReasons[why]}}
	m.Notices = d.receipt(Posting)
	if d.Email == ReachSent {
		m.Notices = append(m.Notices, d.tell(notify.GoesByPost, notify.Email))
	}
	return m, nil
}

// FailPost records that the letter could not be handed to the partner. The
// state stays; it will be tried again. Errors: ErrNotOpen.
//
// EN 319 522-1 §6.2.7 F.2
func (d Delivery) FailPost(cause string, at time.Time) (Move, error) {
	if d.PostReason() == "" {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	m.Event = d.event(evidence.RelayToNonERDSFailure, at)
	m.Event.External = "post"
	m.Event.Reasons = []evidence.Reason{{Code: "technical", Text: cause}}
	return m, nil
}

// postRank orders the postal states: a report that would go back is ignored.
var postRank = map[State]int{Posting: 0, Posted: 1, DeliveredByPost: 2, Returned: 2}

// Reported decides what a report of the partner means. A report that does not
// lead forward is refused with ErrNotOpen and changes nothing.
func (d Delivery) Reported(r PostReport, at time.Time) (Move, error) {
	var to State
	var name evidence.Name
	var reasons []evidence.Reason
	r.Cause = evidence.Text(r.Cause, maxForeign)
	switch r.Status {
	case PostAccepted:
		to, name = Posted, evidence.PostalItemPosted
	case PostDelivered:
		to, name = DeliveredByPost, evidence.PostalItemDelivered
	case PostReturned:
		to, name = Returned, evidence.PostalItemReturned
		reasons = []evidence.Reason{{Code: "returned", Text: r.Cause}}
	case PostRefused:
		to, name = Returned, evidence.RelayToNonERDSFailure
		reasons = []evidence.Reason{{Code: "print_refused", Text: r.Cause}}
	default:
		return Move{}, ErrNotOpen
	}
	from, ok := postRank[d.State]
	if !ok || d.Post == nil || postRank[to] <= from {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	m.After.State = to
	m.Event = d.event(name, at,
		evidence.Detail{Key: "operator", Value: d.Post.Partner},
		evidence.Detail{Key: "item", Value: d.Post.Item},
		evidence.Detail{Key: "reported_at", Value: r.At.UTC().Format(time.RFC3339)})
	if r.Cause != "" {
		m.Event.Details = append(m.Event.Details, evidence.Detail{Key: "cause", Value: r.Cause})
	}
	m.Event.External = d.Post.Partner + " " + d.Post.Item
	m.Event.Reasons = reasons
	return m, nil
}
