package portal

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// guesses bounds how often a check code may be wrong, from one network and from
// all of them. What one network may is never used up by others: when the common
// bucket is empty, those who have not guessed lately still get an answer. It
// counts for this process. Safe for concurrent use.
type guesses struct {
	mu    sync.Mutex
	all   *rate.Limiter
	from  map[netip.Prefix]*guesser
	swept time.Time
}

type guesser struct {
	bucket *rate.Limiter
	seen   time.Time
}

// Bounds of guessing: a code has 50 random bits, so that at this rate not one in
// a million million is tried in a year.
const (
	guessBurst    = 10              // wrong codes of one network at once
	guessEvery    = time.Minute     // and then one in this time
	guessAllBurst = 200             // of everybody at once
	guessAllEvery = 2 * time.Second // and then one in this time
	maxGuessers   = 20_000          // networks remembered; more share what is left of the common bucket
)

func newGuesses() *guesses {
	return &guesses{all: rate.NewLimiter(rate.Every(guessAllEvery), guessAllBurst), from: map[netip.Prefix]*guesser{}}
}

// take reserves one guess. When it reports false, nothing may be looked up before
// wait is over. A guess that was right is given back.
func (g *guesses) take(ip string, now time.Time) (back func(), wait time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.all.ReserveN(now, 1)
	var own *rate.Reservation
	fresh := false
	if b := g.bucket(network(ip), now); b != nil {
		fresh = b.TokensAt(now) >= guessBurst
		own = b.ReserveN(now, 1)
		wait = own.DelayFrom(now)
	}
	if !fresh {
		wait = max(wait, all.DelayFrom(now))
	}
	back = func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		all.CancelAt(now)
		if own != nil {
			own.CancelAt(now)
		}
	}
	if wait > 0 {
		all.CancelAt(now)
		if own != nil {
			own.CancelAt(now)
		}
		return nil, wait, false
	}
	return back, 0, true
}

// bucket finds or begins that of a network; nil when too many are remembered.
// The caller holds mu.
func (g *guesses) bucket(from netip.Prefix, now time.Time) *rate.Limiter {
	full := guessBurst * guessEvery
	if now.Sub(g.swept) > full || len(g.from) >= maxGuessers && now.Sub(g.swept) > time.Second {
		for k, b := range g.from {
			if now.Sub(b.seen) > full {
				delete(g.from, k)
			}
		}
		g.swept = now
	}
	b := g.from[from]
	if b == nil {
		if len(g.from) >= maxGuessers {
			return nil
		}
		b = &guesser{bucket: rate.NewLimiter(rate.Every(guessEvery), guessBurst)}
		g.from[from] = b
	}
	b.seen = now
	return b.bucket
}

// network is what one subscriber has: an IPv4 address, or 64 bits of an IPv6 one.
// What is no address is one network of its own.
func network(ip string) netip.Prefix {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Prefix{}
	}
	a, bits := a.Unmap().WithZone(""), 64
	if a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
