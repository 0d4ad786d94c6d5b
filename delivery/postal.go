package delivery

import (
	"slices"
	"strconv"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// PostReason says why d goes on paper, or "" when it does not: a key of the
// letter's translation files.
func (d Delivery) PostReason() string {
	p := d.Message.Policy
	if p.Fallback != FallbackPost || d.Recipient.Address == nil {
		return ""
	}
	switch {
	case d.State == Expired && d.NotifiedAt.IsZero():
		return "undeliverable"
	case d.State == Expired:
		return "expired"
	case d.State == Notified && d.Choices.Paper():
		return "asked"
	case d.Undeliverable() && (d.State == Submitted || d.State == Notified && p.PostAtOnce):
		return "undeliverable"
	}
	return ""
}

// postReasons maps why a delivery goes on paper to the reason register.
var postReasons = map[string]string{"expired": "not_accepted_in_time", "undeliverable": "undeliverable", "asked": "paper_asked"}

// Collected reports that the recipient took the message online.
func (d Delivery) Collected() bool { return slices.Contains(collected, d.State) }

// overtaken reports that the recipient collected before any letter was recorded;
// one may have been begun.
func (d Delivery) overtaken() bool { return d.Collected() && d.Post == nil }

// HandedToPost decides that the print and post partner has the letter, which was
// begun as given. When the recipient collected online while the partner was
// being asked, the letter is recorded and cancelled if it still can be, and the
// state stays. Errors: ErrNotOpen when the delivery does not go on paper.
//
// EN 319 522-1 §6.2.7 F.1
func (d Delivery) HandedToPost(p PostReceipt, begun LetterBegun, at time.Time) (Move, error) {
	why, overtaken := d.PostReason(), d.overtaken()
	if overtaken {
		why = begun.Reason
	}
	if why == "" {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d, Settle: allDeadlines}
	if overtaken {
		m.Job = CancelPostJob
	} else {
		m.After.State = Posting
	}
	if m.After.DecidedAt.IsZero() {
		m.After.DecidedAt = begun.EndedAt
	}
	m.After.Post = &PostItem{Partner: p.Partner, Item: p.Item, Pages: p.Pages, SHA256: p.SHA256, At: at}
	m.Deadlines = m.After.rehearsal()
	m.Event = d.event(evidence.RelayToNonERDS, at,
		evidence.Detail{Key: "operator", Value: p.Partner},
		evidence.Detail{Key: "item", Value: p.Item},
		evidence.Detail{Key: "pages", Value: strconv.Itoa(p.Pages)},
		evidence.Detail{Key: "letter_sha256", Value: p.SHA256})
	m.Event.External = p.Partner + " " + p.Item
	m.Event.Reasons = []evidence.Reason{{Code: postReasons[why]}}
	if overtaken {
		return m, nil
	}
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
	if d.PostReason() == "" && !d.overtaken() {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	m.Event = d.event(evidence.RelayToNonERDSFailure, at)
	m.Event.External = "post"
	m.Event.Reasons = []evidence.Reason{{Code: "technical", Text: cause}}
	return m, nil
}

// postRank is the place of a status in the life of a letter; "" is 0. All ends
// have one rank: which of them came first stands.
func postRank(s PostStatus) int {
	i := slices.Index(PostStatuses, s)
	return min(i, slices.Index(PostStatuses, PostDelivered)) + 1
}

// reported is what a status of the partner means: the event it leaves, where it
// leads, and the reason of an end that is not a delivery.
var reported = map[PostStatus]struct {
	name   evidence.Name
	to     State
	reason string
}{
	PostAcknowledged: {evidence.PostalItemTracked, "", ""},
	PostPrinted:      {evidence.PostalItemTracked, "", ""},
	PostAccepted:     {evidence.PostalItemPosted, Posted, ""},
	PostPresented:    {evidence.PostalItemTracked, "", ""},
	PostAwaiting:     {evidence.PostalItemTracked, "", ""},
	PostDelivered:    {evidence.PostalItemDelivered, DeliveredByPost, ""},
	PostReturned:     {evidence.PostalItemReturned, Returned, "returned"},
	PostRefused:      {evidence.RelayToNonERDSFailure, Returned, "print_refused"},
	PostLost:         {evidence.RelayToNonERDSFailure, Returned, "letter_lost"},
	PostCancelled:    {evidence.RelayToNonERDSFailure, Returned, "print_refused"}, // nobody asked for it
}

// Reported decides what a report of the partner means. One that leads forward
// moves the delivery, unless the recipient collected online: then it is recorded
// beside. One of a lower rank that was not heard before, or that brings papers, is
// recorded as said and leads nowhere. Errors: ErrNotOpen for what is known already or is about no
// letter.
func (d Delivery) Reported(r PostReport, at time.Time) (Move, error) {
	to, ok := reported[r.Status]
	if !ok || d.Post == nil || slices.Contains(d.Post.Seen, r.Status) && len(r.Documents) == 0 || !d.Collected() && !slices.Contains([]State{Posting, Posted, DeliveredByPost, Returned}, d.State) {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	p := *d.Post
	if !slices.Contains(p.Seen, r.Status) {
		p.Seen = append(slices.Clone(p.Seen), r.Status)
	}
	if p.Tracking == "" {
		p.Tracking = evidence.Text(r.Tracking, maxTracking)
	}
	forward := postRank(r.Status) > postRank(p.Status)
	if forward {
		p.Status = r.Status
	}
	m.After.Post = &p
	name := to.name
	switch {
	case !forward:
		name = evidence.PostalItemTracked
	case d.Collected() && r.Status == PostCancelled:
		name, to.reason = evidence.PostalItemCancelled, ""
	case !d.Collected() && to.to != "":
		m.After.State = to.to
	}
	m.Event = d.event(name, at, p.details(r)...)
	m.Event.External = p.Partner + " " + p.Item
	if to.reason != "" && forward {
		m.Event.Reasons = []evidence.Reason{{Code: to.reason, Text: evidence.Text(r.Cause, maxForeign)}}
	}
	if m.After.State != d.State {
		m.Notices = d.tellPosted(m.After.State)
	}
	return m, nil
}

// maxTracking bounds a postal operator's number, in octets.
const maxTracking = 64

// details are what evidence repeats of a report.
func (p PostItem) details(r PostReport) []evidence.Detail {
	out := []evidence.Detail{
		{Key: "operator", Value: p.Partner},
		{Key: "item", Value: p.Item},
		{Key: "post_status", Value: string(r.Status)},
		{Key: "reported_at", Value: r.At.UTC().Format(time.RFC3339)},
	}
	for _, x := range []evidence.Detail{{Key: "cause", Value: r.Cause}, {Key: "post_mode", Value: r.Mode}, {Key: "tracking", Value: p.Tracking}} {
		if x.Value = evidence.Text(x.Value, maxForeign); x.Value != "" {
			out = append(out, x)
		}
	}
	for _, doc := range r.Documents {
		out = append(out, evidence.Detail{Key: string(doc.Kind) + "_sha256", Value: doc.SHA256})
	}
	return out
}

// tellPosted are the notices when the postal operator brought d to a state.
func (d Delivery) tellPosted(to State) []notify.Notice {
	if to != Posted {
		return d.receipt(to)
	}
	if d.Email != ReachSent {
		return nil
	}
	return []notify.Notice{d.tell(notify.LetterPosted, notify.Email)}
}

// PostCancelled decides that the letter of a message that was collected online
// is not posted: the partner said so when it was asked. Errors: ErrNotOpen.
func (d Delivery) PostCancelled(at time.Time) (Move, error) {
	if !d.Collected() || d.Post == nil || d.Post.Ended() {
		return Move{}, ErrNotOpen
	}
	return d.Reported(PostReport{Status: PostCancelled, At: at}, at)
}
