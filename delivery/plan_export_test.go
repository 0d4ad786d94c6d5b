package delivery

import "time"

// NewPlanner is a service that can do nothing but plan.
func NewPlanner(zone *time.Location, cutoff time.Duration, days int) *Service {
	terms, err := ReadTerms()
	if err != nil {
		panic(err)
	}
	return &Service{Config: Config{Post: noPartner{}, Zone: zone, PrintCutoff: cutoff, PrintDays: days, terms: terms}}
}

type noPartner struct{ PostPartner }

// Freeze does what a submission at the given time does to its policy.
func (s *Service) Freeze(p Policy, at time.Time) (Policy, FieldErrors) { return s.freeze(p, at) }

// WindowEnd of a delivery notified at the given time.
func (p Policy) WindowEnd(at time.Time, zone *time.Location) time.Time { return p.windowEnd(at, zone) }

// PlanNow is the plan of a delivery without reports of its letter.
func (s *Service) PlanNow(d Delivery, now time.Time) Plan { return s.plan(d, postal{}, now) }
