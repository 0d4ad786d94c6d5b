package seal

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"sync"
	"time"
)

// batcherConfig is what a batcher needs; nothing has a default.
type batcherConfig struct {
	Wait     time.Duration // that a digest is parked
	Max      int           // digests in a batch
	Calls    int           // batches under way
	Deadline time.Duration // for one batch, with the time that it queues
	// Sign fills in signature or error of each digest; its own error is that of
	// all of them.
	Sign func(ctx context.Context, h crypto.Hash, all []*parked) error
}

// parked is a digest that waits for its signature.
type parked struct {
	digest []byte
	sig    []byte
	err    error
	done   chan struct{}
}

// batcher lets digests that come close together share one call. Every digest
// that it takes gets its answer after Wait and Deadline at the latest.
type batcher struct {
	cfg   batcherConfig
	calls chan struct{}
	all   sync.WaitGroup

	mu     sync.Mutex
	open   map[crypto.Hash]*batch
	closed bool
}

// batch is digests of one kind that still take others in.
type batch struct {
	parked []*parked
	timer  *time.Timer
}

func newBatcher(cfg batcherConfig) *batcher {
	return &batcher{cfg: cfg, calls: make(chan struct{}, cfg.Calls), open: make(map[crypto.Hash]*batch)}
}

// sign parks a digest and waits for its signature, or for the end of ctx; the
// digest is then signed all the same.
func (b *batcher) sign(ctx context.Context, digest []byte, h crypto.Hash) ([]byte, error) {
	p := &parked{digest: slices.Clone(digest), done: make(chan struct{})}
	if !b.park(p, h) {
		return nil, ErrClosed
	}
	select {
	case <-p.done:
		return p.sig, p.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

func (b *batcher) park(p *parked, h crypto.Hash) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	one := b.open[h]
	if one == nil {
		one = &batch{}
		one.timer = time.AfterFunc(b.cfg.Wait, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.send(h, one)
		})
		b.open[h] = one
	}
	one.parked = append(one.parked, p)
	if len(one.parked) >= b.cfg.Max {
		b.send(h, one)
	}
	return true
}

// send lets a batch go, once. The caller holds mu.
func (b *batcher) send(h crypto.Hash, one *batch) {
	if b.open[h] != one {
		return
	}
	one.timer.Stop()
	delete(b.open, h)
	b.all.Go(func() { b.run(h, one.parked) })
}

// run has a batch signed and tells everybody.
func (b *batcher) run(h crypto.Hash, all []*parked) {
	ctx, cancel := context.WithTimeout(context.Background(), b.cfg.Deadline)
	defer cancel()
	err := b.turn(ctx, func() error { return b.cfg.Sign(ctx, h, all) })
	for _, p := range all {
		if err != nil {
			p.sig, p.err = nil, err
		}
		if p.err != nil {
			p.sig = nil
		}
		close(p.done)
	}
}

// turn runs f when fewer than the allowed number of batches are under way.
func (b *batcher) turn(ctx context.Context, f func() error) error {
	select {
	case b.calls <- struct{}{}:
		defer func() { <-b.calls }()
		return f()
	case <-ctx.Done():
		return fmt.Errorf("%w: queue: %w", ErrUnavailable, ctx.Err())
	}
}

// close takes no more digests, sends the parked ones at once, and waits until
// all have their answer.
func (b *batcher) close() {
	b.mu.Lock()
	b.closed = true
	for h, one := range b.open {
		b.send(h, one)
	}
	b.mu.Unlock()
	b.all.Wait()
}
