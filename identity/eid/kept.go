package eid

import (
	"sync"
	"time"
)

const (
	keepFor  = 10 * time.Minute
	keepMost = 10000
)

// kept remembers good answers, never others: a certificate that was refused is
// asked for again. Safe for concurrent use.
type kept struct {
	mu sync.Mutex
	by map[string]keptStatus
}

type keptStatus struct {
	status
	until time.Time
}

func (k *kept) get(key string, at time.Time) (status, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.by[key]
	return s.status, ok && at.Before(s.until)
}

func (k *kept) put(key string, s status, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.by) >= keepMost {
		for other, o := range k.by {
			if !at.Before(o.until) {
				delete(k.by, other)
			}
		}
		if len(k.by) >= keepMost {
			clear(k.by) // they are asked for again
		}
	}
	k.by[key] = keptStatus{s, at.Add(keepFor)}
}
