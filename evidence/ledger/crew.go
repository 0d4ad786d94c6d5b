package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// Workers is how many jobs of [Queue] a process should take at a time. Most of
	// them wait for one that works for all.
	Workers = 32

	// company is how long the first of a party waits for others, when there were any
	// the last time.
	company = 2 * time.Millisecond

	// hands is how many pieces of a party are made at a time.
	hands = 4
)

// seats is how many parties are at work at a time.
func seats() int { return max(2, runtime.NumCPU()) }

// faults are the pieces that failed, with the reason.
type faults map[Ref]error

// of is what went wrong with some pieces: the first of it, and how much more.
func (f faults) of(refs []Ref) error {
	var first error
	n := 0
	for _, r := range refs {
		if err := f[r]; err != nil {
			first = cmp.Or(first, err)
			n++
		}
	}
	if n < 2 {
		return first
	}
	return fmt.Errorf("%w (%d of %d pieces failed)", first, n, len(refs))
}

// crew lets jobs that come together be done together: a transaction takes about
// as long for one piece as for twenty.
type crew struct {
	most  int // pieces that go together, if more come
	work  func(context.Context, []Ref) (faults, error)
	seats chan struct{}

	mu   sync.Mutex
	open *party // that others may join
	last int    // jobs of the party before
}

func newCrew(most int, work func(context.Context, []Ref) (faults, error)) *crew {
	return &crew{most: most, work: work, seats: make(chan struct{}, seats())}
}

// party are jobs that are done by the first of them.
type party struct {
	refs   []Ref
	jobs   int
	done   chan struct{} // closed when the rest is set
	faults faults
	err    error
}

var errBrokenOff = errors.New("ledger: the job that worked for this one was broken off")

// do does the work for these pieces, with that of others who come meanwhile. What
// fails for others is not an error for these.
func (c *crew) do(ctx context.Context, refs []Ref) error {
	p, leads, wait := c.join(refs)
	if !leads {
		select {
		case <-p.done:
			return errors.Join(p.err, p.faults.of(refs))
		case <-ctx.Done():
			return ctx.Err() // it is done all the same
		}
	}
	p.err = errBrokenOff // until it is known
	defer close(p.done)
	defer c.shut(p)
	if wait {
		pause(ctx, company)
	}
	select {
	case c.seats <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.seats }()
	c.shut(p)
	p.faults, p.err = c.work(ctx, p.refs)
	return errors.Join(p.err, p.faults.of(refs))
}

// join puts pieces into a party: that which is open, or a new one to lead.
func (c *crew) join(refs []Ref) (p *party, leads, wait bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p = c.open; p == nil {
		p, leads, wait = &party{done: make(chan struct{})}, true, c.last > 1
		c.open = p
	}
	p.jobs++
	p.refs = append(p.refs, refs...)
	if len(p.refs) >= c.most {
		c.open, c.last = nil, p.jobs
	}
	return p, leads, wait && c.open == p
}

// shut lets nobody join any more.
func (c *crew) shut(p *party) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == p {
		c.open, c.last = nil, p.jobs
	}
}

// apart does what work does, and does it again piece by piece when the database
// refuses something of it: what it refuses keeps no other back.
func apart(work func(context.Context, []Ref) (faults, error)) func(context.Context, []Ref) (faults, error) {
	return func(ctx context.Context, refs []Ref) (faults, error) {
		failed, err := work(ctx, refs)
		if len(refs) < 2 || !refused(err) {
			return failed, err
		}
		failed = faults{}
		for _, r := range refs {
			one, err := work(ctx, []Ref{r})
			if err != nil && !refused(err) {
				return failed, err
			}
			failed[r] = cmp.Or(err, one[r])
		}
		return failed, nil
	}
}

// refused says whether an error is of what was to be written or asked, and not of
// the database.
func refused(err error) bool {
	var text pgx.ErrPreprocessingBatch
	var code *pgconn.PgError
	if !errors.As(err, &code) {
		return errors.As(err, &text)
	}
	switch code.Code[:2] { // PostgreSQL, appendix A
	case "22", "23", "40", "P0":
		return true
	}
	return false
}

// each calls do for every item, for a few at a time: a key or an authority may take
// its time. An error, and a panic, is that of its item.
func each[T interface{ failed(error) }](list []T, do func(T) error) {
	safely := func(x T) {
		defer func() {
			if r := recover(); r != nil {
				x.failed(fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
			}
		}()
		if err := do(x); err != nil {
			x.failed(err)
		}
	}
	var group sync.WaitGroup
	next := make(chan T)
	for range min(hands, len(list)) {
		group.Go(func() {
			for x := range next {
				safely(x)
			}
		})
	}
	for _, x := range list {
		next <- x
	}
	close(next)
	group.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
