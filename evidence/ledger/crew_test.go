package ledger

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
)

var errBad = errors.New("bad")

// guests are jobs of which each has one piece.
type guests struct {
	crew   *crew
	asked  chan []Ref
	answer chan func([]Ref) (faults, error)
	all    sync.WaitGroup
	mu     sync.Mutex
	ended  map[int]error
}

func newGuests(most int) *guests {
	g := &guests{asked: make(chan []Ref), answer: make(chan func([]Ref) (faults, error)), ended: map[int]error{}}
	g.crew = newCrew(most, func(_ context.Context, refs []Ref) (faults, error) {
		g.asked <- refs
		return (<-g.answer)(refs)
	})
	g.crew.seats = make(chan struct{}, 1)
	return g
}

// come begins a job, and returns when it waits or leads.
func (g *guests) come(ctx context.Context, seq int) {
	g.all.Go(func() {
		var err error
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			g.ended[seq] = err
		}()
		err = g.crew.do(ctx, []Ref{{Seq: seq}})
	})
}

func (g *guests) waiting() int {
	g.crew.mu.Lock()
	defer g.crew.mu.Unlock()
	if g.crew.open == nil {
		return 0
	}
	return g.crew.open.jobs
}

// until waits for something that another goroutine is about to bring about.
func until(t *testing.T, what func() bool) {
	t.Helper()
	for !what() {
		if t.Context().Err() != nil {
			t.Fatal("it never came")
		}
		runtime.Gosched()
	}
}

func fine([]Ref) (faults, error) { return nil, nil }

// TestCrew: who comes while others are at work is done together with all who do,
// at most as many as may go together, and each learns what became of its own.
func TestCrew(t *testing.T) {
	t.Parallel()
	g := newGuests(3)
	g.come(t.Context(), 1)
	if got := <-g.asked; len(got) != 1 {
		t.Fatalf("the first went with %v", got)
	}
	for seq := 2; seq <= 6; seq++ {
		g.come(t.Context(), seq)
		until(t, func() bool { return g.waiting() == (seq-1)%3 })
	}
	g.answer <- fine
	var parties []int
	for range 2 {
		parties = append(parties, len(<-g.asked))
		g.answer <- func(refs []Ref) (faults, error) {
			return faults{Ref{Seq: 3}: errBad}, nil
		}
	}
	g.all.Wait()
	slices.Sort(parties)
	if !slices.Equal(parties, []int{2, 3}) {
		t.Errorf("parties of %v, want 2 and 3", parties)
	}
	for seq := 1; seq <= 6; seq++ {
		want := error(nil)
		if seq == 3 {
			want = errBad
		}
		if got := g.ended[seq]; !errors.Is(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%d: %v, want %v", seq, got, want)
		}
	}
}

// TestCrewLeaderLost: nobody takes for done what its leader did not get to.
func TestCrewLeaderLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lost func(g *guests, gone context.CancelFunc)
		want error
	}{
		"cancelled while it waits": {func(g *guests, gone context.CancelFunc) {
			gone()
			until(t, func() bool { return g.waiting() == 0 })
			g.answer <- fine // of the first
		}, errBrokenOff},
		"panics": {func(g *guests, _ context.CancelFunc) {
			g.answer <- fine
			<-g.asked
			g.answer <- func([]Ref) (faults, error) { panic("no") }
		}, errBrokenOff},
		"fails": {func(g *guests, _ context.CancelFunc) {
			g.answer <- fine
			<-g.asked
			g.answer <- func([]Ref) (faults, error) { return nil, errBad }
		}, errBad},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuests(8)
			g.come(t.Context(), 1)
			<-g.asked
			ctx, gone := context.WithCancel(t.Context())
			defer gone()
			g.come(ctx, 2)
			until(t, func() bool { return g.waiting() == 1 })
			g.come(t.Context(), 3)
			until(t, func() bool { return g.waiting() == 2 })
			c.lost(g, gone)
			g.all.Wait()
			if g.ended[1] != nil || g.ended[2] == nil || !errors.Is(g.ended[3], c.want) {
				t.Errorf("ended with %v, want %v for the third", g.ended, c.want)
			}
			g.come(t.Context(), 4) // nothing stays taken
			<-g.asked
			g.answer <- fine
			g.all.Wait()
			if g.ended[4] != nil {
				t.Error(g.ended[4])
			}
		})
	}
}
