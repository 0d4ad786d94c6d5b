package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Finished is an attempt that ended, with its notice.
type Finished struct {
	Notice  Notice
	Attempt Attempt
}

// BatchSink is a Sink that can learn of many attempts at once, which costs it
// less. An error rolls everything back, and each is then told alone.
type BatchSink interface {
	NoticesAttempted(ctx context.Context, tx pgx.Tx, all []Finished) error
}

// ended is an attempt whose result is in our hands.
type ended struct {
	state
	attempt Attempt
	last    time.Time     // no retry after
	delay   time.Duration // until the next try
	again   bool
}

func (w *Worker) end(s state, a Attempt, last time.Time) ended {
	e := ended{state: s, attempt: a, last: last}
	e.delay, e.again = retryDelay(s.notice, a.Number, a.EndedAt, last, a.Result)
	if e.again {
		e.attempt.RetryAt = instant(a.EndedAt.Add(e.delay))
	}
	return e
}

// settle stores how attempts ended, tells the Sink, closes the notices or
// schedules the next try, and completes job unless it is nil: all or nothing. When
// that fails for several, each is settled alone, because one that cannot be told
// must not hold back the others; the job is then left to River. What could not be
// settled at all is kept as a result, to be told by the next run instead of sent
// again.
func (w *Worker) settle(ctx context.Context, job *river.Job[SendArgs], all []ended) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	err := w.settleTogether(ctx, job, all)
	if err == nil {
		return nil
	}
	if len(all) == 1 {
		return errors.Join(err, w.keep(ctx, all[0].notice.ID, all[0].attempt))
	}
	w.log.WarnContext(ctx, "attempts are settled one by one", "attempts", len(all), "err", err)
	var errs []error
	for i := range all {
		if err := w.settleTogether(ctx, nil, all[i:i+1]); err != nil {
			errs = append(errs, err, w.keep(ctx, all[i].notice.ID, all[i].attempt))
		}
	}
	return errors.Join(errs...)
}

func (w *Worker) settleTogether(ctx context.Context, job *river.Job[SendArgs], all []ended) error {
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		mine, err := storeEnds(ctx, tx, all)
		if err != nil {
			return err
		}
		if err := w.tell(ctx, tx, mine); err != nil {
			return err
		}
		if err := w.followUp(ctx, tx, mine); err != nil {
			return err
		}
		if job == nil {
			return nil
		}
		_, err = river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
	if err != nil {
		return fmt.Errorf("notify: settle %d attempts, of notice %s first: %w", len(all), all[0].notice.ID, err)
	}
	return nil
}

// tell tells the Sink of those that belong to a delivery.
func (w *Worker) tell(ctx context.Context, tx pgx.Tx, mine []ended) error {
	var all []Finished
	for _, e := range mine {
		if e.notice.Delivery != "" {
			all = append(all, Finished{e.notice, e.attempt})
		}
	}
	if batch, ok := w.sink.(BatchSink); ok && len(all) > 1 {
		if err := batch.NoticesAttempted(ctx, tx, all); err != nil {
			return fmt.Errorf("tell %d attempts: %w", len(all), err)
		}
		return nil
	}
	for _, f := range all {
		if err := w.sink.NoticeAttempted(ctx, tx, f.Notice, f.Attempt); err != nil {
			return fmt.Errorf("tell attempt %d: %w", f.Attempt.Number, err)
		}
	}
	return nil
}

// followUp closes what is over and puts next tries into tx. Their jobs wait by
// the wall clock, whatever the account's says.
func (w *Worker) followUp(ctx context.Context, tx pgx.Tx, mine []ended) error {
	var closed, later, outcomes []string
	var ends, next []time.Time
	var jobs []river.InsertManyParams
	wall := instant(w.now(""))
	for _, e := range mine {
		if !e.again {
			closed, ends, outcomes = append(closed, e.notice.ID), append(ends, e.attempt.EndedAt), append(outcomes, string(e.attempt.Result.Outcome))
			continue
		}
		at := wall.Add(e.delay)
		later, next = append(later, e.notice.ID), append(next, at)
		jobs = append(jobs, river.InsertManyParams{Args: SendArgs{NoticeID: e.notice.ID}, InsertOpts: jobOpts(e.notice.Kind, at)})
	}
	var b pgx.Batch
	if len(closed) > 0 {
		b.Queue(closeNotices, closed, ends, outcomes)
	}
	if len(later) > 0 {
		b.Queue(postponeNotices, later, next)
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	if len(jobs) == 0 {
		return nil
	}
	_, err := river.ClientFromContext[pgx.Tx](ctx).InsertManyTx(ctx, tx, jobs)
	return err
}

// keep stores the result alone after settle failed, so that the next run tells
// it instead of sending again.
func (w *Worker) keep(ctx context.Context, id string, a Attempt) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var rows endedRows
	rows.add(id, a, false)
	if _, err := w.pool.Exec(ctx, endAttempts, rows.args()...); err != nil {
		return fmt.Errorf("notify: keep result of notice %s: %w", id, err)
	}
	if _, err := w.pool.Exec(ctx, postponeNotices, []string{id}, []time.Time{instant(w.now(""))}); err != nil {
		return fmt.Errorf("notify: keep result of notice %s: %w", id, err)
	}
	return nil
}
