package delivery

import (
	"context"
	"fmt"
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
	maxSmall     = 20 // recipients of a message that goes with others; a larger one would hold them up
	togetherTime = 30 * time.Second
)

// write makes w durable, or nothing of it. While nobody else submits it is
// written at once, by itself. What arrives while others are being written waits
// for them, and then goes in one transaction with all that waited: one wait for
// the disk, and one statement for each table, are shared (group commit). The next
// transaction begins while the one before waits for the disk.
//
// Together is only how it is done: each has its own outcome, and none is told
// before the commit. When a transaction of several fails, for whatever reason,
// each of them is tried by itself, so that nobody pays for another's fault.
func (s *Service) write(ctx context.Context, w *submitting) error {
	if len(w.sub.Recipients) > maxSmall {
		return s.submitTx(ctx, w, nobody)
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
		return s.submitTx(ctx, w, nobody)
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

// lead writes t with all that waits, in t's own goroutine.
func (s *Service) lead(ctx context.Context, t *turn) error {
	s.queue.gather(ctx, company)
	list, soon, end := s.queue.take(t)
	defer end()
	if len(list) == 1 {
		return s.submitTx(ctx, t.submitting, soon)
	}
	s.gathered(ctx, list, soon)
	end()
	for _, other := range list[1:] {
		other.told <- other.verdict()
	}
	if t.dropped {
		return s.submitTx(ctx, t.submitting, nobody)
	}
	return nil
}

// nobody waits for the end of this transaction.
func nobody() {}

func (t *turn) verdict() verdict {
	if t.dropped {
		return alone
	}
	return written
}

// gathered writes list in one transaction, which does not end with the request
// of whoever leads it, and drops those that have to go by themselves. It calls soon
// before it waits for the disk.
func (s *Service) gathered(ctx context.Context, list []*turn, soon func()) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), togetherTime)
	defer cancel()
	if err := s.guarded(ctx, list, soon); err != nil {
		s.Log.WarnContext(ctx, "submissions are written one by one", "messages", len(list), "err", err)
		for _, t := range list {
			t.dropped, t.list = true, nil
		}
	}
}

// guarded is submitAllTx whose panic is an error: the one who is to blame meets
// it again by itself.
func (s *Service) guarded(ctx context.Context, list []*turn, soon func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("delivery: panic among %d submissions", len(list))
		}
	}()
	return s.submitAllTx(ctx, list, soon)
}
