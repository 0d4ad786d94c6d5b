package api

import (
	"time"

	"github.com/bode-erds/bode/delivery"
)

// planView is what happened to a delivery by itself and will.
type planView struct {
	Steps     []planStep `json:"steps"`
	LastPaper string     `json:"last_paper,omitempty"`
	TermRule  string     `json:"term_rule,omitempty"`
	Late      bool       `json:"late"`
}

type planStep struct {
	Kind string `json:"kind"`
	At   string `json:"at,omitempty"` // of an instant
	Day  string `json:"day"`
	Done bool   `json:"done"`
}

func planOf(p delivery.Plan, zone *time.Location) *planView {
	out := &planView{Steps: []planStep{}, LastPaper: instant(p.LastPaper), TermRule: p.Rule, Late: p.Late()}
	for _, s := range p.Steps {
		step := planStep{Kind: string(s.Kind), Day: delivery.DateOf(s.At, zone).String(), Done: s.Done}
		if !s.Day {
			step.At = instant(s.At)
		}
		out.Steps = append(out.Steps, step)
	}
	return out
}
