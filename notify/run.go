package notify

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
)

// BatchSource is a Source that can give the facts of many notices at once, which
// costs it less. Both slices are as long as all; each notice has facts or an error.
type BatchSource interface {
	NoticesFacts(ctx context.Context, all []Notice) ([]Facts, []error)
}

// gather is how long a result waits for others to be stored with.
const gather = 10 * time.Millisecond

// run is one run of one job.
type run struct {
	w      *Worker
	job    *river.Job[SendArgs]
	fresh  []state // to be sent now
	facts  []Facts // of fresh
	errs   []error
	back   bool // the job has to come again
	snooze time.Duration
}

// comeBack asks for another run after d at the latest.
func (r *run) comeBack(d time.Duration) {
	if !r.back || d < r.snooze {
		r.snooze = d
	}
	r.back = true
}

// verdict is what River is told.
func (r *run) verdict() error {
	if err := errors.Join(r.errs...); err != nil {
		return err
	}
	if r.back {
		return river.JobSnooze(r.snooze)
	}
	return nil
}

// sort settles what was left, puts off what is not due, closes what is stale, and
// leaves in fresh what is to be sent now, with its facts.
func (r *run) sort(ctx context.Context, found []state) {
	w := r.w
	var due []state
	for _, s := range found {
		wait := s.notBefore.Sub(w.now(""))
		switch {
		case s.closed:
		case wait > time.Second && s.tries > 0 && s.left == nil && len(found) > 1: // its next try has a job of its own
		case wait > time.Second:
			r.comeBack(wait)
		case s.left != nil:
			r.errs = append(r.errs, w.settle(ctx, nil, []ended{w.leftOver(ctx, s)}))
		default:
			due = append(due, s)
		}
	}
	if n := w.pace.size(); len(due) > n {
		due = due[:n]
		r.comeBack(0)
	}
	facts, errs := w.ask(ctx, due)
	var stale []state
	for i, s := range due {
		switch err := errs[i]; {
		case errors.Is(err, ErrStale):
			stale = append(stale, s)
		case err != nil:
			r.errs = append(r.errs, fmt.Errorf("notify: facts of notice %s: %w", s.notice.ID, err))
		default:
			r.admit(ctx, s, facts[i])
		}
	}
	closed, err := w.closeStale(ctx, stale)
	if r.errs = append(r.errs, err); closed < len(stale) {
		r.comeBack(w.timeout) // another run has it; look again when it must be over
	}
}

// admit puts a notice among those to be sent now, unless it has to wait.
func (r *run) admit(ctx context.Context, s state, f Facts) {
	var later *river.JobSnoozeError
	switch err := r.w.hold(ctx, s, f); {
	case errors.As(err, &later):
		r.comeBack(later.Duration)
	case err != nil:
		r.errs = append(r.errs, err)
	default:
		r.fresh, r.facts = append(r.fresh, s), append(r.facts, f)
	}
}

// ask asks the Source, at once where it can.
func (w *Worker) ask(ctx context.Context, due []state) ([]Facts, []error) {
	notices := make([]Notice, len(due))
	for i, s := range due {
		notices[i] = s.notice
	}
	if batch, ok := w.source.(BatchSource); ok && len(due) > 1 {
		return batch.NoticesFacts(ctx, notices)
	}
	facts, errs := make([]Facts, len(due)), make([]error, len(due))
	for i, n := range notices {
		facts[i], errs[i] = w.source.NoticeFacts(ctx, n)
	}
	return facts, errs
}

// attempt registers, delivers and settles what is fresh.
func (r *run) attempt(ctx context.Context) error {
	w := r.w
	taken, err := w.register(ctx, r.fresh)
	if err != nil {
		return err
	}
	if len(taken) < len(r.fresh) {
		r.comeBack(w.timeout) // another run has the others; look again when it must be over
	}
	results := make(chan ended, len(taken))
	for i, s := range r.fresh {
		a, ok := taken[s.notice.ID]
		if !ok {
			continue
		}
		go func() {
			a.Result, a.Digest = w.deliver(ctx, s.notice, a.Number, r.facts[i])
			a.EndedAt = w.after(s.notice.Account, a.StartedAt)
			results <- w.end(s, a, lastRetry(s.notice, s.created, r.facts[i]))
		}()
	}
	for left := len(taken); left > 0; {
		some := together(results, left)
		left -= len(some)
		var job *river.Job[SendArgs]
		if left == 0 && !r.back && errors.Join(r.errs...) == nil {
			job = r.job
		}
		err := w.settle(ctx, job, some)
		r.errs = append(r.errs, err)
	}
	return nil
}

// together waits for a result and takes those that come soon after, at most n.
func together(results <-chan ended, n int) []ended {
	some := []ended{<-results}
	if n == 1 {
		return some
	}
	soon := time.NewTimer(gather)
	defer soon.Stop()
	for len(some) < n {
		select {
		case e := <-results:
			some = append(some, e)
		case <-soon.C:
			return some
		}
	}
	return some
}

// leftOver is how an attempt ended that an earlier run left.
func (w *Worker) leftOver(ctx context.Context, s state) ended {
	a := *s.left
	if a.EndedAt.IsZero() {
		a.EndedAt = w.after(s.notice.Account, a.StartedAt)
		a.Result = Result{Outcome: Technical, InDoubt: true}
		w.log.WarnContext(ctx, "notice attempt was interrupted", "notice", s.notice.ID, "attempt", a.Number)
	}
	return w.end(s, a, lastRetry(s.notice, s.created, Facts{}))
}

// pace is how many notices of a job are sent at once: twice as many when the last
// went quickly, half when they took long: from 1 to batchSize, so that few wait for a slow relay with
// their attempt already begun. Safe for concurrent use; the zero value starts small.
type pace struct{ exponent atomic.Int32 }

const (
	quick = 5 * time.Second
	slow  = 20 * time.Second
	// batchSize is how many notices a job carries at most.
	batchSize = 64
)

func (p *pace) size() int {
	e := p.exponent.Load()
	if e < 0 {
		return 8 >> -e
	}
	return 8 << e
}

func (p *pace) took(d time.Duration) {
	switch e := p.exponent.Load(); {
	case d < quick && e < 3:
		p.exponent.CompareAndSwap(e, e+1)
	case d > slow && e > -3:
		p.exponent.CompareAndSwap(e, e-1)
	}
}
