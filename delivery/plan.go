package delivery

import "time"

// Plan is what will happen to a delivery by itself, and when, if nobody decides.
// It is computed from the policy and the clock alone, an aid and no legal advice.
type Plan struct {
	Steps []PlanStep
	// LastPaper is the last instant at which the letter can go to the partner and
	// still be served by Policy.ServeBy; zero without one.
	LastPaper time.Time
	Rule      string // id and version of the term rule that dated it, "be-53bis-2@1"; empty: none applies
}

// PlanStep is one thing that will happen.
type PlanStep struct {
	Kind PlanKind
	At   time.Time // of a whole day: its beginning
	Day  bool      // At is a civil date (Europe/Brussels), not an instant
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
