package delivery

import (
	"context"
	"sync"
	"time"
)

// Bounds of who writes at the same time.
const (
	maxWriters = 4  // transactions under way, those that wait for the disk among them
	nextWriter = 16 // who has to wait before there is one more: each leaves less to gather for the others

	company = 2 * time.Millisecond // at most, that the first waits for those who went with it the last time
	recent  = 5 * time.Millisecond // after which nobody is waited for
)

// queue is where submissions wait while others are written. The zero queue is
// empty.
type queue struct {
	mu      sync.Mutex
	writers int     // who leads, or was told to
	open    int     // transactions that did not end
	waiting []*turn // none has been told anything

	last int           // how many went together the last time
	at   time.Time     // when somebody was told to lead, or could have been
	full chan struct{} // closed when as many wait again; nil while nobody waits for it
}

// join lets t wait, or lead.
func (q *queue) join(t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.writers == 0 || q.writers < maxWriters && len(q.waiting) >= nextWriter {
		q.writers++
		t.told <- leads
		return
	}
	q.waiting = append(q.waiting, t)
	if q.full != nil && len(q.waiting) >= q.last-1 {
		close(q.full)
		q.full = nil
	}
}

// gather waits, for most at the longest, until as many as the last time can go
// together. A transaction takes about as long for one as for eight: who comes back
// first and goes at once makes the others wait for two of them. Who went alone the
// last time waits for nobody.
func (q *queue) gather(ctx context.Context, most time.Duration) {
	full := q.company()
	if full == nil {
		return
	}
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-full:
	case <-t.C:
	case <-ctx.Done():
	}
}

// company is closed when as many wait as the last time; nil when they do, or when
// that was too long ago.
func (q *queue) company() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= q.last-1 || time.Since(q.at) > recent {
		return nil
	}
	if q.full == nil {
		q.full = make(chan struct{})
	}
	return q.full
}

// leave takes t out, unless it was taken already.
func (q *queue) leave(t *turn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, other := range q.waiting {
		if other == t {
			q.waiting = append(q.waiting[:i:i], q.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// take returns t, which leads, and those who go with it, first come first. The
// caller calls soon before it waits for the disk, which lets the next one lead
// unless too many wait there, and end at the end, which lets it lead by then. Both
// may be called more than once.
func (q *queue) take(t *turn) (list []*turn, soon, end func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), maxTogether-1)
	list = append([]*turn{t}, q.waiting[:n]...)
	q.waiting, q.last = q.waiting[n:], len(list)
	q.open++
	next := sync.OnceFunc(q.next)
	soon = func() {
		if q.mayOpen() {
			next()
		}
	}
	end = sync.OnceFunc(func() {
		q.closed()
		next()
	})
	return list, soon, end
}

func (q *queue) mayOpen() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.open < maxWriters
}

func (q *queue) closed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open--
}

// next lets the first that waits lead, or ends a writer.
func (q *queue) next() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.at = time.Now()
	if len(q.waiting) == 0 {
		q.writers--
		return
	}
	t := q.waiting[0]
	q.waiting = q.waiting[1:]
	t.told <- leads
}
