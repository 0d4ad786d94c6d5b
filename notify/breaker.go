package notify

import (
	"errors"
	"io"
	"sync"
	"time"
)

// breaker remembers whether a provider works. Closed, it lets everything
// through; after limit failures in a row it opens for pause; then it lets one try
// through and decides by that one.
type breaker struct {
	limit int
	pause time.Duration

	mu       sync.Mutex
	failures int       // in a row
	until    time.Time // open until then; zero: closed
	probing  bool      // one try is under way
}

// lets reports whether the provider may be asked now; if it is a try, it is the
// only one until told or untried.
func (b *breaker) lets(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return true
	case b.probing || now.Before(b.until):
		return false
	}
	b.probing = true
	return true
}

// told learns how asking ended; let says that lets allowed it.
func (b *breaker) told(now time.Time, failed, let bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = b.probing && !let
	if !failed {
		b.failures, b.until = 0, time.Time{}
		return
	}
	if b.failures++; b.failures >= b.limit {
		b.until = now.Add(b.pause)
	}
}

// untried gives back a try that was not needed.
func (b *breaker) untried(let bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = b.probing && !let
}

func closeAll(providers []*provider) error {
	var errs []error
	for _, p := range providers {
		if c, ok := p.Transport.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
