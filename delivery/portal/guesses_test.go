package portal

import (
	"fmt"
	"testing"
	"time"
)

var guessStart = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// spend takes n guesses and reports how many were let through.
func spend(g *guesses, ip string, n int, at time.Time) (through int) {
	for range n {
		if _, _, ok := g.take(ip, at); ok {
			through++
		}
	}
	return through
}

func TestOneNetworkGuessesLittle(t *testing.T) {
	t.Parallel()
	g := newGuesses()
	if n := spend(g, "192.0.2.7", 1000, guessStart); n != guessBurst {
		t.Errorf("%d guesses at once, want %d", n, guessBurst)
	}
	_, wait, ok := g.take("192.0.2.7", guessStart)
	if ok || wait != guessEvery {
		t.Errorf("waits %s, want %s", wait, guessEvery)
	}
	if n := spend(g, "::ffff:192.0.2.7", 5, guessStart); n != 0 {
		t.Errorf("the same address in another form guesses %d times more", n)
	}
	if n := spend(g, "192.0.2.7", 100, guessStart.Add(3*guessEvery)); n != 3 {
		t.Errorf("%d guesses after three turns, want 3", n)
	}
	if n := spend(g, "192.0.2.8", 1, guessStart); n != 1 {
		t.Error("another address pays for it")
	}
}

// A subscriber has a whole network of IPv6: its addresses count as one.
func TestOneSubscriberHasManyAddresses(t *testing.T) {
	t.Parallel()
	g, through := newGuesses(), 0
	for i := range 100 {
		through += spend(g, fmt.Sprintf("2001:db8:1:2:%x::1", i), 1, guessStart)
	}
	if through != guessBurst {
		t.Errorf("%d guesses from one /64, want %d", through, guessBurst)
	}
	if n := spend(g, "2001:db8:1:3::1", 1, guessStart); n != 1 {
		t.Error("the next /64 pays for it")
	}
}

// Many networks together are slowed down too, without locking out who comes for
// the first time.
func TestManyNetworksGuessLittle(t *testing.T) {
	t.Parallel()
	g, through := newGuesses(), 0
	for i := range 100 {
		through += spend(g, fmt.Sprintf("198.51.100.%d", i), guessBurst, guessStart)
	}
	if most := guessAllBurst + 100; through > most {
		t.Errorf("%d guesses, want at most %d: the common ones, and one of each network", through, most)
	}
	if n := spend(g, "203.0.113.1", guessBurst, guessStart); n != 1 {
		t.Errorf("a new network has %d guesses while others guess, want 1", n)
	}
}

// What was right costs nothing.
func TestRightCodesAreNotCounted(t *testing.T) {
	t.Parallel()
	g := newGuesses()
	for i := range 1000 {
		back, _, ok := g.take("192.0.2.7", guessStart)
		if !ok {
			t.Fatalf("refused after %d right codes", i)
		}
		back()
	}
}

func TestGuessersAreForgotten(t *testing.T) {
	t.Parallel()
	g := newGuesses()
	for i := range maxGuessers + 500 {
		g.take(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), guessStart)
	}
	if n := len(g.from); n > maxGuessers {
		t.Errorf("%d networks are remembered, want at most %d", n, maxGuessers)
	}
	if _, wait, ok := g.take("not an address", guessStart); ok || wait <= 0 {
		t.Error("whoever is not remembered has no share of the common bucket to wait for")
	}
	g.take("192.0.2.1", guessStart.Add(guessBurst*guessEvery+time.Second))
	if n := len(g.from); n != 1 {
		t.Errorf("%d networks are remembered after a pause, want 1", n)
	}
}
