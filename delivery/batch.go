package delivery

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bode-erds/bode/identity"
)

// submitting is a submission that passed its checks, on its way to the
// database. What writes it fills in message and list.
type submitting struct {
	message Message
	by      identity.Actor
	sub     Submission
	text    textPart
	once    Once
	// released: no second person has to look at it any more.
	released bool
	list     []Delivery
}

// Bounds of what is written together.
const (
	maxTogether  = 64 // messages of one transaction
	maxWriters   = 4  // transactions at the same time
	nextWriter   = 16 // who has to wait before there is one more: each leaves less to gather for the others
	maxSmall     = 20 // recipients of a message that goes with others; a larger one would hold them up
	togetherTime = 30 * time.Second
)

// write makes w durable, or nothing of it. While nobody else submits it is
// written at once, by itself. What arrives while others are being written waits
// for them, and then goes in one transaction with all that waited: one wait for
// the disk, and one statement for each table, are shared (group commit).
//
// Together is only how it is done: each has its own outcome, and none is told
// before the commit. When a transaction of several fails, for whatever reason,
// each of them is tried by itself, so that nobody pays for another's fault.
func (s *Service) write(ctx context.Context, w *submitting) error {
	if len(w.sub.Recipients) > maxSmall {
		return s.submitTx(ctx, w)
	}
	t := &turn{submitting: w, told: make(chan verdict, 1)}
	s.queue.join(t)
	var v verdict
	select {
	case v = <-t.told:
	case <-ctx.Done():
		if s.queue.leave(t) {
			return ctx.Err()
		}
		v = <-t.told // it was taken: that nothing happened cannot be said before the end
	}
	if v == leads {
		return s.lead(ctx, t)
	}
	if v == alone {
		return s.submitTx(ctx, w)
	}
	return nil
}

// verdict is what somebody who waits is told.
type verdict int

const (
	leads   verdict = iota + 1 // write what waits, and yourself
	written                    // you are durable
	alone                      // nothing of you was written: do it by yourself
)

// turn is one place in the queue.
type turn struct {
	*submitting
	told    chan verdict
	dropped bool // by its transaction, which goes on without it
}

// lead writes t with all that waits, in t's own goroutine, and then lets the
// next one lead.
func (s *Service) lead(ctx context.Context, t *turn) error {
	list := s.queue.take(t)
	if len(list) == 1 {
		defer s.queue.next()
		return s.submitTx(ctx, t.submitting)
	}
	s.gathered(ctx, list)
	s.queue.next()
	for _, other := range list[1:] {
		other.told <- other.verdict()
	}
	if t.dropped {
		return s.submitTx(ctx, t.submitting)
	}
	return nil
}

func (t *turn) verdict() verdict {
	if t.dropped {
		return alone
	}
	return written
}

// gathered writes list in one transaction, which does not end with the request
// of whoever leads it, and drops those that have to go by themselves.
func (s *Service) gathered(ctx context.Context, list []*turn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), togetherTime)
	defer cancel()
	if err := s.guarded(ctx, list); err != nil {
		s.Log.WarnContext(ctx, "submissions are written one by one", "messages", len(list), "err", err)
		for _, t := range list {
			t.dropped, t.list = true, nil
		}
	}
}

// guarded is submitAllTx whose panic is an error: the one who is to blame meets
// it again by itself.
func (s *Service) guarded(ctx context.Context, list []*turn) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("delivery: panic among %d submissions", len(list))
		}
	}()
	return s.submitAllTx(ctx, list)
}

// queue is where submissions wait while others are written. The zero queue is
// empty.
type queue struct {
	mu      sync.Mutex
	writers int
	waiting []*turn // none has been told anything
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

// take returns t, which leads, and those who go with it, first come first.
func (q *queue) take(t *turn) []*turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), maxTogether-1)
	list := append([]*turn{t}, q.waiting[:n]...)
	q.waiting = q.waiting[n:]
	return list
}

// next lets the first that waits lead, or ends a writer.
func (q *queue) next() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.writers--
		return
	}
	t := q.waiting[0]
	q.waiting = q.waiting[1:]
	t.told <- leads
}
