package delivery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// TestForeignText lets others say what no document can carry: it is recorded as
// far as it can be, and stops nobody.
func TestForeignText(t *testing.T) {
	t.Parallel()
	const foreign = "\xff\x00\x1b[31m\ufffe"
	for _, s := range situations(t) {
		at := s.LastAt.Add(time.Minute)
		by := addressee(at)
		by.UserAgent, by.Given = foreign+strings.Repeat("é", 1000), "An"+foreign
		attempt := notify.Attempt{Number: 1, Result: notify.Result{Outcome: notify.Permanent, Reply: foreign, Remote: foreign, TLS: foreign}}
		for name, rule := range map[string]func() (delivery.Move, error){
			"visit": func() (delivery.Move, error) { return s.Visit(by, at) },
			"identify": func() (delivery.Move, error) {
				return s.Identify(by, identity.MatchResult{OK: true, Basis: "name"}, at)
			},
			"accept":    func() (delivery.Move, error) { return s.Accept(by, at) },
			"cancel":    func() (delivery.Move, error) { return s.Cancel(by, identity.Mandate{}, at) },
			"access":    func() (delivery.Move, error) { return s.Access(0, by, at) },
			"hand over": func() (delivery.Move, error) { return s.HandOver(by, at) },
			"attempted": func() (delivery.Move, error) {
				return s.Attempted(notify.Notice{Kind: notify.Announcement, Channel: notify.Email, To: "an@example.be"}, attempt, at, brussels(t))
			},
			"reported": func() (delivery.Move, error) {
				return s.Reported(delivery.PostReport{Status: delivery.PostReturned, Cause: foreign, At: at}, at)
			},
		} {
			m, err := rule()
			if err != nil {
				continue
			}
			m.Event.ID, m.Event.Seq, m.Event.Prev = evidence.NewID(), s.Seq+1, s.Hash
			if _, err := m.Event.Encode(); err != nil {
				t.Errorf("%s in %s: %v", name, s.name, err)
			}
		}
	}
}

// TestFoldRefuses shows Fold histories that cannot be.
func TestFoldRefuses(t *testing.T) {
	t.Parallel()
	a1, c1, c3, e1 := evidence.SubmissionAcceptance, evidence.NotificationForAcceptance, evidence.ConsignmentAcceptance, evidence.ContentHandover
	for _, names := range [][]evidence.Name{
		{c1}, {a1, a1}, {a1, c3}, {a1, c1, e1}, {a1, c1, c3, c3}, {a1, c1, c3, e1}, {a1, c1, evidence.AcceptanceRejectionExpiry, evidence.ConsignmentRejection},
		{a1, evidence.SubmissionCancelled, c3}, {a1, evidence.SubmissionCancelled, evidence.SubmissionCancelled},
		{a1, c1, evidence.ConsignmentRejection, evidence.ContentConsignment}, {a1, evidence.PostalItemPosted}, {a1, evidence.SubmissionRejection},
		{a1, c1, c3, evidence.SubmissionCancelled}, {a1, evidence.NotificationAccessTracking}, {a1, c1, evidence.ContentAccessTracking},
		{a1, c1, evidence.RelayToNonERDS, evidence.PostalItemDelivered, c3}, {a1, c1, c3, evidence.AcceptanceRejectionExpiry},
		{a1, c1, evidence.RelayToNonERDS, evidence.PostalItemCancelled}, {a1, evidence.RecipientChoice}, {a1, c1, evidence.PostalItemTracked}, {a1, evidence.RelayToNonERDS, evidence.PostalItemReturned, evidence.PostalItemDelivered}, {"x"},
	} {
		var events []evidence.Event
		for i, n := range names {
			events = append(events, evidence.Event{Name: n, Seq: i + 1})
		}
		if s, err := delivery.Fold(events); err == nil {
			t.Errorf("%v folds to %s", names, s)
		}
	}
	if s, err := delivery.Fold(nil); s != "" || err != nil {
		t.Errorf("no events fold to %q, %v", s, err)
	}
}
