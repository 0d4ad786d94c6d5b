package smtp

import (
	"context"
	"errors"
	"testing"
)

// Somebody who waits for a code goes before a campaign, and a waiter that gave up
// takes no room with it.
func TestGate(t *testing.T) {
	t.Parallel()
	g := gate{max: 1}
	if err := g.enter(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(context.Background())
	order := make(chan string, 2)
	waits := func(name string, urgent bool, n int) {
		go func() {
			if err := g.enter(context.Background(), urgent); err != nil {
				t.Error(err)
			}
			order <- name
		}()
		for waiting := 0; waiting < n; {
			g.mu.Lock()
			waiting = len(g.urgent) + len(g.waiting)
			g.mu.Unlock()
		}
	}
	waits("campaign", false, 1)
	waits("code", true, 2)
	cancel()
	if err := g.enter(gone, true); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	g.leave()
	if got := <-order; got != "code" {
		t.Errorf("%s went first", got)
	}
	g.leave()
	<-order
	g.leave()
	if g.in != 0 || len(g.urgent)+len(g.waiting) != 0 {
		t.Errorf("%d are in, %d and %d wait", g.in, len(g.urgent), len(g.waiting))
	}
}

// Domains are not remembered: a campaign to a million of them takes no memory.
func TestGatesForget(t *testing.T) {
	t.Parallel()
	g := gates{max: 1, open: make(map[string]*usedGate)}
	leave, err := g.enter(context.Background(), "a.example", false)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.enter(gone, "a.example", false); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if other, err := g.enter(gone, "b.example", false); err != nil {
		t.Error(err)
	} else {
		other()
	}
	if leave(); len(g.open) != 0 {
		t.Errorf("%d gates are left", len(g.open))
	}
}
