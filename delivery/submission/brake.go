package submission

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// Bounds of guessing keys, beside that of one connection. A key has 256 random
// bits and is not guessed; what is braked is the work that trying makes, and a
// device that goes on with a key that ended.
const (
	freeTries    = 10 // wrong keys before the first pause
	firstPause   = 30 * time.Second
	longestPause = 15 * time.Minute
	tallyTime    = time.Hour // after the last wrong key, and its pause, it is forgotten
	maxTallies   = 10000
)

// brake counts wrong keys by the address they came from and by themselves. In
// memory, of this process, and never more than maxTallies. Safe for concurrent
// use.
type brake struct {
	now func() time.Time

	mu      sync.Mutex
	tallies map[string]tally
}

type tally struct {
	wrong  int
	paused time.Time // until when
	last   time.Time
}

// names are what an attempt is counted under: its address, of IPv6 the network
// of a subscriber, and a digest of the key.
func names(ip, secret string) []string {
	from := "ip " + ip
	if a, err := netip.ParseAddr(ip); err == nil && a.Unmap().Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			from = "ip " + p.String()
		}
	}
	sum := sha256.Sum256([]byte(secret))
	return []string{from, "key " + string(sum[:16])}
}

// pausing reports that an attempt is not looked at now.
func (b *brake) pausing(names []string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.now()
	for _, n := range names {
		if at.Before(b.tallies[n].paused) {
			return true
		}
	}
	return false
}

// wrong counts an attempt: from the tenth on each doubles the pause.
func (b *brake) wrong(names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.now()
	for _, n := range names {
		t, known := b.tallies[n]
		if !known && len(b.tallies) >= maxTallies {
			b.forget(at)
		}
		if at.Sub(t.last) > tallyTime+longestPause {
			t = tally{}
		}
		t.wrong, t.last = t.wrong+1, at
		if over := t.wrong - freeTries; over >= 0 {
			t.paused = at.Add(min(longestPause, firstPause<<min(over, 10)))
		}
		b.tallies[n] = t
	}
}

// forget makes room for a tenth: what is old goes, then what does not pause, and
// then any, because the brake gives way before the memory does.
func (b *brake) forget(at time.Time) {
	const rest = maxTallies * 9 / 10
	for _, goes := range []func(tally) bool{
		func(t tally) bool { return at.Sub(t.last) > tallyTime+longestPause },
		func(t tally) bool { return len(b.tallies) > rest && !at.Before(t.paused) },
		func(tally) bool { return len(b.tallies) > rest },
	} {
		for n, t := range b.tallies {
			if goes(t) {
				delete(b.tallies, n)
			}
		}
	}
}
