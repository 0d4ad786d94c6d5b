package delivery

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Plan is what will happen to a delivery by itself, and when, if nobody decides.
// It is computed from the policy and the clock alone, an aid and no legal advice.
type Plan struct {
	Steps []PlanStep
	// LastPaper is the last instant at which the letter can go to the partner and
	// still be served by Policy.ServeBy; zero without one.
	LastPaper time.Time
	Rule      string // id and version of the term rule that dated it, "be-53bis-2@1"; empty: none applies
}

// PlanStep is one thing that will happen, or did.
type PlanStep struct {
	Kind PlanKind
	At   time.Time // of a whole day: its beginning
	Day  bool      // At is a civil date (Europe/Brussels), not an instant
	Done bool      // it happened, or its day is over
}

// PlanKind names what happens.
type PlanKind string

const (
	PlanNotify   PlanKind = "notify"    // the recipient is told
	PlanRemind   PlanKind = "remind"    // reminded
	PlanEnd      PlanKind = "end"       // the window closes: last instant to decide
	PlanHandOver PlanKind = "hand_over" // the letter goes to the print and post partner
	PlanPosted   PlanKind = "posted"    // the partner gives it to the postal operator (working day, after its cut-off)
	PlanServed   PlanKind = "served"    // taken as received, by the rule
	PlanServeBy  PlanKind = "serve_by"  // the date that the sender has to meet
	PlanRemoved  PlanKind = "removed"   // content and evidence go (R21)
)

// Step finds the last step of a kind.
func (p Plan) Step(kind PlanKind) (PlanStep, bool) {
	for _, s := range slices.Backward(p.Steps) {
		if s.Kind == kind {
			return s, true
		}
	}
	return PlanStep{}, false
}

// Late reports that the letter is taken as received after the date that the
// sender has to meet.
func (p Plan) Late() bool {
	served, ok := p.Step(PlanServed)
	by, meets := p.Step(PlanServeBy)
	return ok && meets && served.At.After(by.At)
}

// PlanOf is the plan of a message that would be submitted with p at the given
// time and told at once. Errors: FieldErrors, with pointers below /policy.
func (s *Service) PlanOf(p Policy, at time.Time) (Plan, error) {
	var c checker
	c.policy(p, s.Post != nil)
	p, faults := s.freeze(p, at)
	if faults = append(c.faults, faults...); len(faults) > 0 {
		return Plan{}, faults
	}
	d := Delivery{State: Submitted, Message: Message{Policy: p}, Recipient: Recipient{Address: &PostalAddress{}}}
	return s.plan(d, postal{}, at), nil
}

// PlanFor is what happened to d by itself and will, at its own time.
func (s *Service) PlanFor(ctx context.Context, d Delivery) (Plan, error) {
	now, err := s.now(ctx, d)
	if err != nil {
		return Plan{}, err
	}
	var letter postal
	if d.Post != nil {
		events, err := s.Events(ctx, d.Message.Account, d.ID)
		if err != nil {
			return Plan{}, err
		}
		letter = postalOf(events, s.Zone)
	}
	return s.plan(d, letter, now), nil
}

// plan puts facts and what follows from them in order.
func (s *Service) plan(d Delivery, letter postal, now time.Time) Plan {
	b := planner{now: now, zone: s.Zone, Plan: Plan{LastPaper: d.Message.Policy.LastPaper}}
	handed := b.window(d)
	if !handed.IsZero() {
		s.paper(&b, d, letter, handed)
	}
	if by, err := ParseDate(d.Message.Policy.ServeBy); err == nil {
		b.day(PlanServeBy, by, by.Before(DateOf(now, s.Zone)))
	}
	b.removal(d)
	slices.SortStableFunc(b.Steps, func(x, y PlanStep) int { return cmp.Compare(x.end(s.Zone), y.end(s.Zone)) })
	return b.Plan
}

// end is when a step is over, to put a day after what happens on it.
func (p PlanStep) end(zone *time.Location) int64 {
	if p.Day {
		return DateOf(p.At, zone).AddDays(1).Begin(zone).UnixNano() - 1
	}
	return p.At.UnixNano()
}

// planner collects the steps of a plan.
type planner struct {
	Plan
	now  time.Time
	zone *time.Location
}

func (b *planner) at(kind PlanKind, at time.Time, done bool) {
	b.Steps = append(b.Steps, PlanStep{Kind: kind, At: at.UTC(), Done: done})
}

func (b *planner) day(kind PlanKind, d Date, done bool) {
	b.Steps = append(b.Steps, PlanStep{Kind: kind, At: d.Begin(b.zone), Day: true, Done: done})
}

// window plans telling, reminding and the end of the window. It returns when
// the letter goes to the partner, or the zero time when none does.
func (b *planner) window(d Delivery) (handed time.Time) {
	p, told, end := d.Message.Policy, d.NotifiedAt, d.RespondBy
	waits := d.State == Submitted && !d.Undeliverable()
	if waits {
		told, end = b.now, p.windowEnd(b.now, b.zone)
	}
	atOnce := d.PostReason() != "" && (end.IsZero() || !b.now.Before(end) || d.State == Notified)
	if !told.IsZero() {
		b.at(PlanNotify, told, !waits)
		over := d.DecidedAt
		if over.IsZero() && atOnce {
			over = b.now
		}
		for _, due := range p.deadlines(told, end, b.zone) {
			if due.Kind != Expiry && (over.IsZero() || due.DueAt.Before(over)) {
				b.at(PlanRemind, due.DueAt, !waits && !due.DueAt.After(b.now))
			}
		}
	}
	open := d.State == Submitted || d.State == Notified
	switch {
	case end.IsZero():
	case open && !atOnce:
		b.at(PlanEnd, end, false)
	case !open && !d.DecidedAt.Before(end):
		b.at(PlanEnd, end, true)
	}
	switch {
	case d.Post != nil:
		handed = d.Post.At
	case atOnce:
		handed = b.now
	case open && p.Fallback == FallbackPost && d.Recipient.Address != nil:
		handed = end
	default:
		return time.Time{}
	}
	b.at(PlanHandOver, handed, d.Post != nil)
	return handed
}

// removal plans when everything goes: so long after the last change of state.
func (b *planner) removal(d Delivery) {
	if !d.Message.PurgedAt.IsZero() {
		b.at(PlanRemoved, d.Message.PurgedAt, true)
		return
	}
	last := d.MovedAt
	for _, s := range b.Steps {
		if moves := s.Kind == PlanEnd || s.Kind == PlanHandOver || s.Kind == PlanPosted; moves && s.At.After(last) {
			last = s.At
		}
	}
	until := d.Message.Policy.retainUntil(last)
	if d.Message.RetainUntil.After(until) {
		until = d.Message.RetainUntil
	}
	b.day(PlanRemoved, DateOf(until, b.zone), false)
}
