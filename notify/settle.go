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

const (
	lockNotices = `SELECT id, closed_at IS NOT NULL FROM notice WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`

	endAttempt = `
UPDATE notify_attempt SET ended_at = $3, outcome = $4, reply = $5, remote = $6, tls = $7, peer_id = $8,
       dsn = $9, in_doubt = $10, digest = $11, retry_at = $12, told_at = $13, trace = $14
WHERE notice_id = $1 AND number = $2 AND told_at IS NULL`

	closeNotice = `UPDATE notice SET closed_at = $2, outcome = $3 WHERE id = $1 AND closed_at IS NULL`

	postponeNotice = `UPDATE notice SET not_before = $2 WHERE id = $1 AND closed_at IS NULL`
)

func (w *Worker) settleTogether(ctx context.Context, job *river.Job[SendArgs], all []ended) error {
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		mine, err := w.storeEnds(ctx, tx, all)
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

// storeEnds locks the notices and stores the results. It returns those that are
// ours to tell: not what was removed with its delivery while we were out, nor what
// another run settled.
func (w *Worker) storeEnds(ctx context.Context, tx pgx.Tx, all []ended) ([]ended, error) {
	ids := make([]string, len(all))
	for i, e := range all {
		ids[i] = e.notice.ID
	}
	rows, err := tx.Query(ctx, lockNotices, ids)
	if err != nil {
		return nil, err
	}
	open := make(map[string]bool, len(all))
	var id string
	var closed bool
	if _, err := pgx.ForEachRow(rows, []any{&id, &closed}, func() error { open[id] = !closed; return nil }); err != nil {
		return nil, err
	}
	var b pgx.Batch
	stored := make([]bool, len(all))
	for _, e := range all {
		b.Queue(endAttempt, e.attempt.args(e.notice.ID, true)...)
	}
	results := tx.SendBatch(ctx, &b)
	for i := range all {
		tag, err := results.Exec()
		if err != nil {
			return nil, errors.Join(err, results.Close())
		}
		stored[i] = tag.RowsAffected() == 1
	}
	if err := results.Close(); err != nil {
		return nil, err
	}
	mine := all[:0:0]
	for i, e := range all {
		if stored[i] && open[e.notice.ID] {
			mine = append(mine, e)
		}
	}
	return mine, nil
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
	var b pgx.Batch
	var jobs []river.InsertManyParams
	wall := instant(w.now(""))
	for _, e := range mine {
		if !e.again {
			b.Queue(closeNotice, e.notice.ID, e.attempt.EndedAt, e.attempt.Result.Outcome)
			continue
		}
		at := wall.Add(e.delay)
		b.Queue(postponeNotice, e.notice.ID, at)
		jobs = append(jobs, river.InsertManyParams{Args: SendArgs{NoticeID: e.notice.ID}, InsertOpts: jobOpts(e.notice.Kind, at)})
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
	if _, err := w.pool.Exec(ctx, endAttempt, a.args(id, false)...); err != nil {
		return fmt.Errorf("notify: keep result of notice %s: %w", id, err)
	}
	if _, err := w.pool.Exec(ctx, postponeNotice, id, instant(w.now(""))); err != nil {
		return fmt.Errorf("notify: keep result of notice %s: %w", id, err)
	}
	return nil
}

// args are those of endAttempt.
func (a Attempt) args(id string, told bool) []any {
	var retry, toldAt *time.Time
	var trace *string
	if !a.RetryAt.IsZero() {
		retry = &a.RetryAt
	}
	if told {
		toldAt = &a.EndedAt
	}
	r := a.Result
	if c := canonical(r.Trace); c != nil {
		text := string(c)
		trace = &text
	}
	return []any{id, a.Number, a.EndedAt, r.Outcome, r.Reply, r.Remote, r.TLS, r.ID, r.DSN, r.InDoubt, a.Digest, retry, toldAt, trace}
}
