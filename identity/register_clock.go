package identity

import (
	"net/mail"
	"strings"
	"time"
)

// How soon what has to be known of a breach: by the supervisory body, by the data
// protection authority, and in full.
//
// eIDAS art. 19(2), eIDAS art. 24(2)(fb), GDPR art. 33(1), Directive (EU) 2022/2555 art. 23(4)(d)
const (
	reportWithin    = 24 * time.Hour
	authorityWithin = 72 * time.Hour
	finalMonths     = 1
)

// Clock is one duty about an incident, and by when.
type Clock struct {
	Name string // "supervisor", "authority", "final": a key of the translation files
	Due  time.Time
	Done *time.Time // nil: not yet
}

// Late reports whether the duty was not, or not in time, fulfilled.
func (c Clock) Late(now time.Time) bool {
	if c.Done != nil {
		now = *c.Done
	}
	return now.After(c.Due)
}

// Clocks are the duties about an incident, first those that are due first. There
// are none where it was decided that nothing is reported. As long as nobody wrote
// that no personal data is concerned, the data protection authority has to know.
func (e Entry) Clocks() (all []Clock) {
	known, err := registerTime(e.Fields["known_at"])
	if err != nil || e.State == "no_report" {
		return nil
	}
	add := func(name, done string, due time.Time) {
		c := Clock{Name: name, Due: due}
		if at, err := registerTime(e.Fields[done]); err == nil {
			c.Done = &at
		}
		all = append(all, c)
	}
	add("supervisor", "reported_at", known.Add(reportWithin))
	if e.Fields["personal"] != "no" {
		add("authority", "authority_at", known.Add(authorityWithin))
	}
	if reported, err := registerTime(e.Fields["reported_at"]); err == nil {
		add("final", "final_at", monthsAfter(reported, finalMonths))
	}
	return all
}

// warning is how long before something is due somebody should look.
func (r Register) warning() time.Duration {
	if r == Incidents {
		return 6 * time.Hour
	}
	return 7 * 24 * time.Hour
}

// moments are the fields of a register that are a moment or a day.
func (r Register) moments() []string {
	return map[Register][]string{
		Processors: {"from", "until", "told_at"},
		Incidents:  {"known_at", "reported_at", "authority_at", "final_at"},
		Requests:   {"extended_told"},
	}[r]
}

// registerTime reads a moment or a day as a form sends it, in UTC.
func registerTime(s string) (time.Time, error) {
	if len(s) == len(time.DateOnly) {
		return time.Parse(time.DateOnly, s)
	}
	return time.Parse("2006-01-02T15:04", s)
}

// due is when something has to be done about an entry: a duty about a breach, or
// the answer to a request, within a month of being received, or three once that was
// said in time.
func (r Register) due(e Entry, received time.Time) *time.Time {
	var at time.Time
	switch {
	case r == Incidents:
		for _, c := range e.Clocks() {
			if c.Done == nil && (at.IsZero() || c.Due.Before(at)) {
				at = c.Due
			}
		}
	case r == Requests && e.State == "extended":
		at = monthsAfter(received, 3)
	case r == Requests && e.State != "answered" && e.State != "refused":
		at = monthsAfter(received, 1)
	}
	if at.IsZero() {
		return nil
	}
	return &at
}

// owes is what an entry lacks for the state that it says it is in: nobody is
// answered before it is known who asks, and nothing is closed while a clock runs.
//
// GDPR art. 12(3), 12(6)
func (r Register) owes(e Entry) (bad FieldErrors) {
	need := func(names ...string) {
		for _, name := range names {
			if e.Fields[name] == "" {
				bad = append(bad, FieldError{name, "missing"})
			}
		}
	}
	switch {
	case r == Requests && e.State == "identified":
		need("means", "identity")
	case r == Requests && e.State == "answered":
		need("means", "identity", "answer")
	case r == Requests && e.State == "refused":
		need("answer")
	case r == Requests && e.State == "more_asked":
		need("more")
	case r == Requests && e.State == "extended":
		if need("extended_because"); !isMail(e.Fields["address"]) {
			need("extended_told") // by letter: the system cannot tell
		}
	case r == Incidents && e.State == "reported":
		need("reported_at")
	case r == Incidents && e.State == "closed":
		for _, c := range e.Clocks() {
			if c.Done == nil {
				return FieldErrors{{"state", "too_early"}}
			}
		}
	}
	return bad
}

// isMail reports whether a requester gave an address of e-mail.
func isMail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == strings.TrimSpace(s)
}

// inTime is what an entry may not say any more, or not yet.
func (r Register) inTime(e, before Entry, received, at time.Time) FieldErrors {
	switch {
	case r == Requests && e.State == "extended" && at.After(monthsAfter(received, 1)):
		return FieldErrors{{"state", "too_late"}}
	case r == Processors && e.Fields["from"] != before.Fields["from"]:
		return announced(e, at)
	}
	return nil
}
