package portal

import (
	"errors"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// planPart is what the part "plan" of a page shows: the page's data holds it as
// Plan.
type planPart struct {
	delivery.Plan
	Title, Source string    // of the rule; empty: none applies
	ServeBy       time.Time // zero: no date to meet
	Shortened     bool      // the window is shorter than was asked, to meet the date
}

// End is the first instant at which deciding is too late.
func (p planPart) End() time.Time {
	s, _ := p.Step(delivery.PlanEnd)
	return s.At
}

func (p *Portal) planPart(v *visitor, plan delivery.Plan) *planPart {
	part := &planPart{Plan: plan}
	if r, ok := p.Deliveries.Terms().Rule(plan.Rule); ok && plan.Rule != "" {
		part.Title, part.Source = r.Title[p.Web.Language(v)], r.Source
	}
	if by, ok := plan.Step(delivery.PlanServeBy); ok {
		part.ServeBy = by.At
	}
	return part
}

// preview is the plan of a draft that would be sent now. What is wrong with it
// is for sending to say.
func (p *Portal) preview(v *visitor, d draft) (*planPart, error) {
	return p.planAt(v, p.submission(v, d).Policy, p.Deliveries.Now())
}

// planAt is the plan of a message that would be sent at a time.
func (p *Portal) planAt(v *visitor, policy delivery.Policy, now time.Time) (*planPart, error) {
	plan, err := p.Deliveries.PlanOf(policy, now)
	if _, bad := errors.AsType[delivery.FieldErrors](err); bad {
		return &planPart{}, nil
	}
	if err != nil {
		return nil, err
	}
	part := p.planPart(v, plan)
	part.Shortened = part.End().Before(delivery.Window(now, policy.CollectDays, p.Deliveries.Zone))
	return part, nil
}

// planFor is the plan of a delivery.
func (p *Portal) planFor(v *visitor, d delivery.Delivery) (*planPart, error) {
	plan, err := p.Deliveries.PlanFor(v.ctx(), d)
	if err != nil {
		return nil, err
	}
	return p.planPart(v, plan), nil
}

// said makes a date of what is one, so that a page writes it in its language.
func said(arg string) any {
	if d, err := delivery.ParseDate(arg); err == nil {
		return d.Clock(12*time.Hour, time.UTC)
	}
	return arg
}

// Day is a civil date as pages write days.
func (p messagePage) Day(date string) time.Time {
	d, _ := delivery.ParseDate(date) // checked at submission
	return d.Clock(12*time.Hour, time.UTC)
}
