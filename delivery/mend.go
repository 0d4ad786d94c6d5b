package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// sqlStuck finds deliveries whose follow-up work should long be done: accepted
// but not opened, or bound for paper but not posted. What the rules would say
// is asked again by the job itself.
const sqlStuck = `
SELECT d.id, d.state FROM delivery d JOIN message m ON m.id = d.message_id
 WHERE m.purged_at IS NULL AND d.last_at < $1 AND d.state IN ('submitted', 'notified', 'accepted', 'expired')
   AND (d.state = 'accepted'
     OR m.policy ->> 'fallback' = 'post' AND $3 AND d.recipient ? 'address' AND d.last_at < $4
         AND (d.state = 'expired' OR d.state = 'submitted' AND d.email = 'failed' AND d.sms = 'failed'
             OR d.state = 'notified' AND (d.choices ? 'paper_at' OR (m.policy ->> 'post_at_once')::boolean AND d.email = 'failed' AND d.sms = 'failed')))
   AND NOT EXISTS (SELECT FROM river_job j WHERE j.kind IN ('delivery_consign', 'delivery_post')
     AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled') AND j.args @> jsonb_build_object('delivery', d.id::text))
 ORDER BY d.id LIMIT $2`

// Requeue gives follow-up work that got lost a new job, at most limit times, and
// returns how many. Work that is still queued is not doubled. A letter that will
// never print is tried again by it, once a day: by then somebody may have
// mended the address window or the partner.
func (s *Service) Requeue(ctx context.Context, limit int) (int, error) {
	rows, err := s.Pool.Query(ctx, sqlStuck, s.Now().Add(-time.Hour), limit, s.Post != nil, s.Now().Add(-24*time.Hour))
	if err != nil {
		return 0, err
	}
	var jobs []river.InsertManyParams
	var id string
	var state State
	once := &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: time.Hour}}
	if _, err := pgx.ForEachRow(rows, []any{&id, &state}, func() error {
		var args river.JobArgs = PostArgs{Delivery: id}
		if state == Accepted {
			args = ConsignArgs{Delivery: id}
		}
		jobs = append(jobs, river.InsertManyParams{Args: args, InsertOpts: once})
		return nil
	}); err != nil || len(jobs) == 0 {
		return 0, err
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		_, err := s.Outbox.InsertManyTx(ctx, tx, jobs)
		return err
	})
	return len(jobs), err
}

// sweeper is a Vault that can look for objects that nothing refers to.
type sweeper interface {
	Sweep(ctx context.Context, olderThan time.Time, keep func(name string) bool) (int, error)
}

// SweepOrphans removes objects that no row names: of uploads that died before
// their commit. It looks only at objects older than two days, and keeps one
// whenever the database cannot be asked.
func (s *Service) SweepOrphans(ctx context.Context) (int, error) {
	v, ok := s.Vault.(sweeper)
	if !ok {
		return 0, nil
	}
	var failed error
	n, err := v.Sweep(ctx, s.Now().Add(-48*time.Hour), func(name string) bool {
		var known bool
		err := s.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM document WHERE object = $1 AND NOT lent) OR EXISTS (SELECT FROM document WHERE object = $1 AND lent)
			OR EXISTS (SELECT FROM letter WHERE object = $1) OR EXISTS (SELECT FROM postal_document WHERE object = $1) OR EXISTS (SELECT FROM bulk WHERE object = $1 AND wrapped_key IS NOT NULL)`,
			name).Scan(&known)
		failed = errors.Join(failed, err)
		return known || err != nil
	})
	return n, errors.Join(err, failed)
}
