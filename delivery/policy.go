package delivery

import (
	"time"

	"github.com/bode-erds/bode/identity"
)

// Fallback is what happens to a delivery that nobody decides on.
type Fallback string

const (
	FallbackPost Fallback = "post" // print it and post it
	FallbackNone Fallback = "none" // it ends
)

// Bounds of a policy.
const (
	MinCollectDays     = 1
	MaxCollectDays     = 60
	DefaultCollectDays = 15
	MaxRetentionMonths = 120
	MinRetentionMonths = 1
	DefaultRetention   = 24 // months (R21)
)

// Policy is how a message is to be delivered. It is data, chosen at submission
// and frozen on the message.
type Policy struct {
	Mode            string         `json:"mode"`                // "consent": nothing opens before the recipient accepts (EN 319 522-3 consignment mode)
	CollectDays     int            `json:"collect_days"`        // whole days, counted from the day after notification
	Reminders       bool           `json:"reminders"`           // 48 h after, half-way, 48 h before the end
	Level           identity.Level `json:"level"`               // least assurance of the recipient's identification
	Methods         []string       `json:"methods"`             // identification methods allowed; empty: every one that reaches Level
	Fallback        Fallback       `json:"fallback"`            //
	PostAtOnce      bool           `json:"post_at_once"`        // when every electronic channel failed, do not wait for the window
	RetentionMonths int            `json:"retention_months"`    // counted from the last change of state
	Receipts        bool           `json:"receipts"`            // tell the sender by e-mail what became of each delivery
	ServeBy         string         `json:"serve_by,omitempty"`  // civil date YYYY-MM-DD by which it has to be served, at the latest on paper
	TermRule        string         `json:"term_rule,omitempty"` // rule that dates the letter's service; empty: the default of terms.json
	LastPaper       time.Time      `json:"last_paper,omitzero"` // computed at submission: when the partner must have the letter so that ServeBy is kept
	Class           string         `json:"class,omitempty"`     // of message, in the sender's own words: mandates may be for some only
}

// DefaultPolicy is what a sender gets who asks for nothing.
func DefaultPolicy() Policy {
	return Policy{
		Mode: "consent", CollectDays: DefaultCollectDays, Reminders: true, Level: identity.LevelHigh,
		Fallback: FallbackPost, PostAtOnce: true, RetentionMonths: DefaultRetention,
		Receipts: true,
	}
}

// DeadlineKind names what is due.
type DeadlineKind string

const (
	Remind1 DeadlineKind = "remind_1" // 48 h after notification
	Remind2 DeadlineKind = "remind_2" // half-way
	Remind3 DeadlineKind = "remind_3" // 48 h before the end
	Expiry  DeadlineKind = "expire"

	Rehearsal DeadlineKind = "rehearse" // the sandbox does what it does next; tests only
)

// Deadline is one thing that must happen by itself.
type Deadline struct {
	Kind  DeadlineKind
	DueAt time.Time
}

// Window returns the first instant at which deciding is too late: the end of
// the last of days whole days, counted from the day after notification, as the
// calendar of zone goes. Days are calendar days, so a change of summer time
// neither shortens nor lengthens the last one.
func Window(notified time.Time, days int, zone *time.Location) time.Time {
	y, m, d := notified.In(zone).Date()
	return time.Date(y, m, d+days+1, 0, 0, 0, 0, zone).UTC()
}

// Reminders wait for the morning when they fall in the night, as clocks go where
// the service is.
const (
	nightFrom = 21 * time.Hour
	nightTo   = 8 * time.Hour
)

// byDay is t, or the next morning when t is in the night.
func byDay(t time.Time, zone *time.Location) time.Time {
	d := DateOf(t, zone)
	switch {
	case t.Before(d.Clock(nightTo, zone)):
		return d.Clock(nightTo, zone)
	case !t.Before(d.Clock(nightFrom, zone)):
		return d.AddDays(1).Clock(nightTo, zone)
	}
	return t
}

// deadlines lists what is due for a delivery notified at the given time: the
// reminders that fall inside the window at least a day apart, by day, and its
// end.
func (p Policy) deadlines(notified, end time.Time, zone *time.Location) []Deadline {
	var out []Deadline
	if p.Reminders {
		last := notified
		for _, d := range []Deadline{
			{Remind1, notified.Add(48 * time.Hour)},
			{Remind2, notified.Add(end.Sub(notified) / 2)},
			{Remind3, end.Add(-48 * time.Hour)},
		} {
			d.DueAt = byDay(d.DueAt, zone)
			if d.DueAt.Sub(last) >= 24*time.Hour && end.Sub(d.DueAt) >= 24*time.Hour {
				out, last = append(out, d), d.DueAt
			}
		}
	}
	return append(out, Deadline{Expiry, end})
}

// retainUntil is when a message whose last change of state was at the given
// time is due for removal (R21).
func (p Policy) retainUntil(at time.Time) time.Time { return at.AddDate(0, p.RetentionMonths, 0) }

// allows reports whether an identification by a satisfies the policy.
func (p Policy) allows(a identity.Actor) bool {
	if a.Kind != identity.ActorRecipient || a.Level == identity.LevelNone || !a.Level.AtLeast(p.Level) {
		return false
	}
	if len(p.Methods) == 0 {
		return true
	}
	for _, m := range p.Methods {
		if m == a.Method {
			return true
		}
	}
	return false
}
