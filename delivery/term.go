package delivery

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed terms.json
var termsFile []byte

// Terms are rules of law as data: from which day on a term runs that a letter
// begins, and which day it ends on. What they compute is an aid and no legal
// advice. Safe for concurrent use.
type Terms struct {
	Default   string     `json:"default"` // id of the rule of letters of which nothing else is said
	Calendars []Calendar `json:"calendars"`
	Rules     []TermRule `json:"rules"`
}

// TermRule says from which day on a term runs. A rule in use never changes:
// what changes gets the next version.
type TermRule struct {
	ID       string            `json:"id"`
	Version  int               `json:"version"`
	From     TermEvent         `json:"from"`
	Offset   int               `json:"offset"`   // the first day is so many days after that of the event, which does not count
	Working  bool              `json:"working"`  // Offset counts working days
	Calendar string            `json:"calendar"` // of holidays
	Saturday bool              `json:"saturday"` // counts as a working day
	Roll     bool              `json:"roll"`     // a last day that is no working day becomes the next one
	Reckon   int               `json:"reckon"`   // working days from posting to the event, as plans assume; no law says so
	Source   string            `json:"source"`
	Title    map[string]string `json:"title"` // by language

	days Calendar
}

// TermEvent is what a rule counts from.
type TermEvent string

const (
	FromPosted    TermEvent = "posted"    // the postal operator has it
	FromPresented TermEvent = "presented" // it was brought to the address, whether somebody was there or not
	FromReceived  TermEvent = "received"  // somebody signed for it; nobody can plan that
)

var ruleShape = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// ReadTerms reads the rules that the program holds.
func ReadTerms() (*Terms, error) { return parseTerms(termsFile) }

func parseTerms(b []byte) (*Terms, error) {
	var t Terms
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&t); err != nil {
		return nil, fmt.Errorf("delivery: terms: %w", err)
	}
	calendars := map[string]Calendar{}
	for _, c := range t.Calendars {
		if err := c.validate(); err != nil {
			return nil, err
		}
		calendars[c.Country] = c
	}
	var refs []string
	for i := range t.Rules {
		r := &t.Rules[i]
		r.days = calendars[r.Calendar]
		if err := r.validate(); err != nil {
			return nil, err
		}
		if slices.Contains(refs, r.Ref()) {
			return nil, fmt.Errorf("delivery: term rule %s twice", r.Ref())
		}
		refs = append(refs, r.Ref())
	}
	if r, ok := t.Rule(t.Default); !ok || !r.Plannable() {
		return nil, fmt.Errorf("delivery: default term rule %q", t.Default)
	}
	return &t, nil
}

func (r TermRule) validate() error {
	events := []TermEvent{FromPosted, FromPresented, FromReceived}
	if !ruleShape.MatchString(r.ID) || r.Version < 1 || !slices.Contains(events, r.From) || r.Offset < 1 || r.Offset > 60 ||
		r.Reckon < 0 || r.Reckon > 30 || r.Source == "" || r.days.Country == "" {
		return fmt.Errorf("delivery: term rule %q is incomplete", r.Ref())
	}
	for _, lang := range Languages {
		if r.Title[lang] == "" {
			return fmt.Errorf("delivery: term rule %s has no title in %s", r.Ref(), lang)
		}
	}
	return nil
}

// Ref is the id and version of r, "be-53bis-2@1".
func (r TermRule) Ref() string { return r.ID + "@" + strconv.Itoa(r.Version) }

// Plannable reports whether the day of the event can be foreseen.
func (r TermRule) Plannable() bool { return r.From != FromReceived }

// Rule finds a rule by its id, in its newest version, or by id and version. The
// empty name is the default rule.
func (t *Terms) Rule(name string) (found TermRule, ok bool) {
	if name == "" {
		name = t.Default
	}
	id, version, exact := strings.Cut(name, "@")
	for _, r := range t.Rules {
		if r.ID == id && r.Version > found.Version && (!exact || version == strconv.Itoa(r.Version)) {
			found, ok = r, true
		}
	}
	return found, ok
}

// Plannable are the rules that can date a letter before it is posted, in their
// newest versions, the default first.
func (t *Terms) Plannable() (out []TermRule) {
	for _, r := range t.Rules {
		newest, _ := t.Rule(r.ID)
		switch {
		case !r.Plannable() || newest.Version != r.Version:
		case r.ID == t.Default:
			out = slices.Insert(out, 0, r)
		default:
			out = append(out, r)
		}
	}
	return out
}

// Start is the first day of a term that an event on the given day begins. The
// day of the event does not count.
func (r TermRule) Start(event Date) Date {
	if r.Working {
		return r.days.AddWorking(event, r.Offset, r.Saturday)
	}
	return event.AddDays(r.Offset)
}

// Length of a term: whole days, or whole months, never both.
type Length struct{ Days, Months int }

// Expiry is the last day of a term whose first day is given: until its end the
// act is in time. Days are all counted, working or not; months go from a day to
// the day before the same one, or to the end of a month that lacks it. A last
// day that is no working day becomes the next one, if the rule says so.
func (r TermRule) Expiry(first Date, l Length) Date {
	last := first.AddDays(l.Days - 1)
	if l.Months > 0 {
		last = monthsAfter(first, l.Months)
	}
	if r.Roll {
		last = r.days.Next(last, r.Saturday)
	}
	return last
}

// monthsAfter is the last day of n months of which d is the first.
func monthsAfter(d Date, n int) Date {
	month := Date{d.Year, d.Month, 1}
	then := DateOf(month.noon().AddDate(0, n, 0), time.UTC)
	if same := then.AddDays(d.Day - 1); same.Month == then.Month {
		return same.AddDays(-1)
	}
	return DateOf(then.noon().AddDate(0, 1, -1), time.UTC)
}
