package portal

import (
	"net/http"
	"slices"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// step is one event of a timeline.
type step struct {
	delivery.Recorded
	Tone  string          // key, bad or plain: how much it matters
	First []fact          // what people want to know
	Rest  []fact          // what an expert wants to know
	Proof *evidence.Proof // who was identified by it
	By    *evidence.Party // who acted for the recipient
	Why   []evidence.Reason
}

// fact is one detail of an event. A value that is an instant has At.
type fact struct {
	Key, Value string
	At         time.Time
}

// first are the details that stand open, the others can be unfolded.
var first = []string{"notice", "channel", "address", "attempt", "result", "identification", "matched_by", "method", "operator", "item",
	"rung", "reporter", "pages", "cause", "product", "file", "retry_at", "window_end", "reported_at", "post_status", "post_mode", "tracking", "choice", "step"}

func newStep(r delivery.Recorded) step {
	s := step{Recorded: r, Tone: "plain", Why: r.Reasons}
	switch r.Name {
	case evidence.SubmissionAcceptance, evidence.ConsignmentAcceptance, evidence.ContentHandover, evidence.PostalItemDelivered,
		evidence.RelayToNonERDS, evidence.SubmissionCancelled, evidence.PostalItemCancelled, evidence.RecipientChoice:
		s.Tone = "key"
	case evidence.ConsignmentRejection, evidence.AcceptanceRejectionExpiry, evidence.NotificationForAcceptanceFailure,
		evidence.PostalItemReturned, evidence.ContentHandoverFailure, evidence.RelayToNonERDSFailure, evidence.ContentConsignmentFailure:
		s.Tone = "bad"
	case evidence.RecipientIdentification:
		if r.ReceivedBy == nil {
			s.Proof = r.Recipient.Proof
		}
	}
	s.By = r.ReceivedBy
	for _, d := range r.Details {
		f := fact{Key: d.Key, Value: d.Value}
		if at, err := time.Parse(time.RFC3339, d.Value); err == nil {
			f.At = at
		}
		if slices.Contains(first, d.Key) {
			s.First = append(s.First, f)
		} else {
			s.Rest = append(s.Rest, f)
		}
	}
	return s
}

// ByName is who acted for the recipient, as far as evidence says.
func (s step) ByName() string { return partyName(*s.By) }

// ReasonIn says a reason in a language.
func (step) ReasonIn(r evidence.Reason, lang string) string {
	return evidence.ReasonWords(r.Code, lang)
}

type timelinePage struct {
	frame
	Delivery delivery.Delivery
	Steps    []step
	Tone     string
	Open     bool   // the recipient can still decide
	Pending  bool   // some evidence is still being made
	Email    string // how far the announcement came there: a key after "reach."
	SMS      string
	Plan     *planPart

	Milestones []milestone
	Tries      []try
	Used       time.Time // when the recipient's link was first used
	Cancel     bool      // the reader may withdraw the message
	Postal     []string  // the recipient's postal address

	Papers    []delivery.Paper    // of the letter
	Proposals []delivery.Proposal // better addresses that the recipient named
}

// timeline shows everything that happened to one delivery, oldest first, with
// the evidence of each step.
func (p *Portal) timeline(v *visitor) error {
	d, err := p.Deliveries.Delivery(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	events, err := p.Deliveries.Events(v.ctx(), v.session.Account, d.ID)
	if err != nil {
		return err
	}
	now, err := p.Deliveries.NowFor(v.ctx(), d)
	if err != nil {
		return err
	}
	page := timelinePage{frame: v.frame(""), Delivery: d, Tone: tone(d.State), Open: d.Open(now) && !d.RespondBy.IsZero()}
	page.chrome.Test, page.chrome.Wide = d.Message.Test, true
	p.looked(v, "delivery_seen", string(d.ID))
	if page.Plan, err = p.planFor(v, d); err != nil {
		return err
	}
	if page.Papers, err = p.Deliveries.Papers(v.ctx(), d.ID); err != nil {
		return err
	}
	if page.Proposals, err = p.Deliveries.Proposals(v.ctx(), d.ID); err != nil {
		return err
	}
	for _, e := range events {
		page.Steps = append(page.Steps, newStep(e))
		page.Pending = page.Pending || e.SealedAt.IsZero()
	}
	page.Milestones = milestones(d, events)
	page.Tries, page.Used = tries(events)
	page.Postal = postal(d.Recipient.Address, p.Web.Language(v))
	page.Cancel = v.may("sender") && (d.State == delivery.Submitted || d.State == delivery.Notified)
	page.Email, page.SMS = reached(d, notify.Email, events), reached(d, notify.SMS, events)
	return p.Web.Render(v, http.StatusOK, "portal/timeline", page)
}
