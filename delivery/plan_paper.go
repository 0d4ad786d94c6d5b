package delivery

import (
	"time"

	"github.com/bode-erds/bode/evidence"
)

// postal is what the events of a letter say about its days.
type postal struct {
	posted, presented Date // zero: not reported
	ended             bool // it was not posted, or got lost
}

func postalOf(events []Recorded, zone *time.Location) (l postal) {
	for _, e := range events {
		status, day := detailOf(e, "post_status"), DateOf(e.At, zone)
		if at, err := time.Parse(time.RFC3339, detailOf(e, "reported_at")); err == nil {
			day = DateOf(at, zone)
		}
		switch PostStatus(status) {
		case PostAccepted:
			l.posted = earlier(l.posted, day)
		case PostPresented, PostAwaiting, PostDelivered:
			l.presented = earlier(l.presented, day)
		}
		l.ended = l.ended || e.Name == evidence.PostalItemCancelled || refusedByPartner(e.Event)
	}
	return l
}

func detailOf(e Recorded, key string) string {
	for _, d := range e.Details {
		if d.Key == key {
			return d.Value
		}
	}
	return ""
}

// earlier is the earlier of two days of which d may be none.
func earlier(d, e Date) Date {
	if d.IsZero() || e.Before(d) {
		return e
	}
	return d
}

// paper plans what follows the hand-over of a letter, from what was reported of
// it as far as that goes.
func (s *Service) paper(b *planner, d Delivery, l postal, handed time.Time) {
	rule, ok := s.terms.Rule(d.Message.Policy.TermRule)
	if !ok {
		return
	}
	known := !l.posted.IsZero()
	if !known && l.ended {
		return
	}
	if !known {
		l.posted = s.posting(rule, handed)
	}
	b.day(PlanPosted, l.posted, known)
	if l.ended {
		return
	}
	event := l.posted
	if rule.From == FromPresented {
		if known = !l.presented.IsZero(); known {
			event = l.presented
		} else {
			event = rule.days.AddWorking(l.posted, rule.Reckon, false)
		}
	}
	start := rule.Start(event)
	b.Rule = rule.Ref()
	b.day(PlanServed, start, known && !start.After(DateOf(b.now, s.Zone)))
}
