package main

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/notify"
)

// operations lets operators see and steer the work of the service.
type operations struct {
	pool    *pgxpool.Pool
	jobs    *river.Client[pgx.Tx]
	notices *notify.Service
}

var (
	_ portal.Jobs   = operations{}
	_ portal.Doubts = operations{}
)

// longWork is how long a job may run, or wait for its turn, before it is worth a
// look.
const longWork = 15 * time.Minute

// Troubled lists jobs that were given up, failed at least once, or take too long.
func (o operations) Troubled(ctx context.Context, before int64, limit int) ([]portal.Job, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	at := time.Now().Add(-longWork)
	rows, err := o.pool.Query(ctx, `
SELECT id, kind, queue, state::text, attempt, max_attempts, coalesce(attempted_at, created_at), scheduled_at,
       coalesce(errors[cardinality(errors)]->>'error', ''), CASE WHEN state IN ('discarded', 'cancelled') THEN finalized_at END
  FROM river_job
 WHERE id < $1 AND (state IN ('discarded', 'retryable') OR state = 'running' AND attempted_at < $2 OR state = 'available' AND scheduled_at < $2)
 ORDER BY id DESC LIMIT $3`, before, at, limit)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[portal.Job])
	for i := range list {
		list[i].Error = masked(list[i].Error)
	}
	return list, err
}

// personal is what an error of a peer may repeat of people: addresses and numbers.
var personal = regexp.MustCompile(`[^\s<>"'(),;:=]+@[^\s<>"'(),;:]+|\+?[0-9][0-9 ./-]{6,}[0-9]`)

// masked is an error without addresses and numbers of people, and not too long.
func masked(s string) string {
	s = personal.ReplaceAllStringFunc(s, func(found string) string {
		digits := strings.Count(strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return '0'
			}
			return -1
		}, found), "0")
		if !strings.Contains(found, "@") && digits < 8 {
			return found // the code of a reply
		}
		return "…"
	})
	if r := []rune(s); len(r) > 500 {
		s = string(r[:500]) + "…"
	}
	return s
}

// Retry lets a job be worked at once.
func (o operations) Retry(ctx context.Context, tx pgx.Tx, id int64) error {
	_, err := o.jobs.JobRetryTx(ctx, tx, id)
	return jobError(err)
}

// Cancel keeps a job from being worked again.
func (o operations) Cancel(ctx context.Context, tx pgx.Tx, id int64) error {
	_, err := o.jobs.JobCancelTx(ctx, tx, id)
	return jobError(err)
}

func jobError(err error) error {
	if errors.Is(err, river.ErrNotFound) {
		return web.ErrNotFound
	}
	return err
}

// Doubts lists notices of which nobody knows whether they were sent.
func (o operations) Doubts(ctx context.Context, limit int) ([]notify.Doubt, error) {
	return o.notices.Doubts(ctx, o.pool, time.Now(), limit)
}

// endHolds lifts holds that came to their end.
func (a *app) endHolds(ctx context.Context) error {
	n, err := a.deliveries.EndHolds(ctx)
	if n > 0 {
		a.log.InfoContext(ctx, "holds ended", "holds", n)
	}
	return err
}
