package smtp

import (
	"context"
	"slices"
	"sync"
)

// gate lets at most max in at once. Who is urgent goes before who is not;
// otherwise first come, first served. Safe for concurrent use.
type gate struct {
	mu      sync.Mutex
	max     int
	in      int
	urgent  []chan struct{}
	waiting []chan struct{}
}

// enter waits for room until ctx ends; then it was not entered.
func (g *gate) enter(ctx context.Context, urgent bool) error {
	g.mu.Lock()
	if g.in < g.max {
		g.in++
		g.mu.Unlock()
		return nil
	}
	line := &g.waiting
	if urgent {
		line = &g.urgent
	}
	turn := make(chan struct{})
	*line = append(*line, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	if i := slices.Index(*line, turn); i >= 0 {
		*line = slices.Delete(*line, i, i+1)
		g.mu.Unlock()
		return ctx.Err()
	}
	g.mu.Unlock()
	g.leave() // our turn came in the same moment
	return ctx.Err()
}

// leave makes room, and gives it to whoever is next.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, line := range []*[]chan struct{}{&g.urgent, &g.waiting} {
		if len(*line) > 0 {
			close((*line)[0])
			*line = (*line)[1:]
			return
		}
	}
	g.in--
}

// gates is a gate per name; those that nobody uses are forgotten.
type gates struct {
	max  int
	mu   sync.Mutex
	open map[string]*usedGate
}

type usedGate struct {
	gate
	users int
}

func (g *gates) enter(ctx context.Context, name string, urgent bool) (leave func(), err error) {
	g.mu.Lock()
	one := g.open[name]
	if one == nil {
		one = &usedGate{gate: gate{max: g.max}}
		g.open[name] = one
	}
	one.users++
	g.mu.Unlock()
	forget := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(g.open, name)
		}
	}
	if err := one.gate.enter(ctx, urgent); err != nil {
		forget()
		return nil, err
	}
	return func() { one.gate.leave(); forget() }, nil
}
