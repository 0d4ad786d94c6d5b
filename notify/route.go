package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// NamedTransport is one provider of a Route.
type NamedTransport struct {
	Name      string // for operators and traces
	Transport Transport
}

// RouteConfig of a Route. Providers is needed.
type RouteConfig struct {
	// Providers by priority; the first is asked first.
	Providers []NamedTransport
	// Next says whether the next provider is asked after what one said. It is not
	// asked about a result that was sent or is in doubt: those end the route.
	// Default: what was Unreached.
	Next func(m Message, r Result) bool
	// Failures in a row open the breaker of a provider: it is then asked last.
	// Default: 3.
	Failures int
	// Pause is how long a breaker stays open before one notice tries the provider
	// again. Default: 30 seconds.
	Pause time.Duration
	// Now is the wall clock. Default: time.Now.
	Now func() time.Time
}

// Route is a Transport over several providers. A provider that keeps failing is
// left out for a while (its breaker is open); then one notice tries it, and the
// others follow if that worked. With every breaker open all are asked all the same,
// because an attempt costs less than a notice that is not tried. Safe for
// concurrent use.
//
// The Result is that of the provider that was asked last; its Trace names that
// provider, lists those asked before and holds what it saw itself.
type Route struct {
	providers []*provider
	next      func(Message, Result) bool
	now       func() time.Time
}

var _ Transport = (*Route)(nil)

// NewRoute makes a Route. Errors: ErrConfig without providers, or with one that
// has no name or no transport.
func NewRoute(cfg RouteConfig) (*Route, error) {
	if len(cfg.Providers) == 0 {
		return nil, fmt.Errorf("%w: a route needs a provider", ErrConfig)
	}
	if cfg.Next == nil {
		cfg.Next = func(_ Message, r Result) bool { return r.Unreached }
	}
	if cfg.Failures <= 0 {
		cfg.Failures = 3
	}
	if cfg.Pause <= 0 {
		cfg.Pause = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &Route{next: cfg.Next, now: cfg.Now}
	for _, p := range cfg.Providers {
		if p.Name == "" || p.Transport == nil {
			return nil, fmt.Errorf("%w: provider %q of a route", ErrConfig, p.Name)
		}
		r.providers = append(r.providers, &provider{NamedTransport: p, breaker: breaker{limit: cfg.Failures, pause: cfg.Pause}})
	}
	return r, nil
}

type provider struct {
	NamedTransport
	breaker breaker
}

// routeTry is one provider that was asked, in a Trace.
type routeTry struct {
	Provider string    `json:"provider"`
	At       time.Time `json:"at"`
	Outcome  Outcome   `json:"outcome"`
	Reply    string    `json:"reply"`
	Remote   string    `json:"remote,omitempty"`
}

type routeTrace struct {
	Provider string          `json:"provider"`         // that answered
	Before   []routeTry      `json:"before,omitempty"` // were asked and could not be reached
	Trace    json.RawMessage `json:"trace,omitempty"`  // of the one that answered
}

// Deliver asks the providers by priority until one of them answered.
func (r *Route) Deliver(ctx context.Context, m Message) (Result, string) {
	var before []routeTry
	order, let := r.order()
	for i, p := range order {
		at := r.now()
		result, digest := p.Transport.Deliver(ctx, m)
		ended := result.Outcome == Sent || result.InDoubt
		failed := !ended && r.next(m, result)
		if errors.Is(ctx.Err(), context.Canceled) { // we stop: says nothing about the provider
			p.breaker.untried(i < let)
		} else {
			p.breaker.told(r.now(), failed, i < let)
		}
		if !failed || i == len(order)-1 || ctx.Err() != nil {
			for j := i + 1; j < let; j++ {
				order[j].breaker.untried(true)
			}
			result.Trace = traceOf(p.Name, before, result.Trace)
			return result, digest
		}
		before = append(before, routeTry{Provider: p.Name, At: at.UTC(), Outcome: result.Outcome, Reply: clip(result.Reply), Remote: clip(result.Remote)})
	}
	return Result{Outcome: Technical}, "" // not reached: there is a provider
}

// order is by priority, those whose breaker is open last; let is how many are not.
// A provider whose pause is over is let in for one notice at a time.
func (r *Route) order() (order []*provider, let int) {
	var in, out []*provider
	now := r.now()
	for _, p := range r.providers {
		if p.breaker.lets(now) {
			in = append(in, p)
		} else {
			out = append(out, p)
		}
	}
	return append(in, out...), len(in)
}

func traceOf(name string, before []routeTry, inner json.RawMessage) json.RawMessage {
	text, err := json.Marshal(routeTrace{Provider: name, Before: before, Trace: inner})
	if err != nil { // the provider's own trace is no JSON
		text, _ = json.Marshal(routeTrace{Provider: name, Before: before})
	}
	return text
}

// Close closes the providers that can be closed.
func (r *Route) Close() error { return closeAll(r.providers) }
