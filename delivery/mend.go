package delivery

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// Deliveries whose follow-up work should long be done: accepted but not opened, or
// bound for paper but not posted. What the rules would say is asked again by the
// job itself.
const (
	sqlStuck = `
SELECT d.id, d.state FROM delivery d JOIN message m ON m.id = d.message_id
 WHERE m.purged_at IS NULL AND d.moved_at < $1 AND d.last_at < $1
   AND (d.state IN ('submitted', 'accepted') OR d.state = 'notified' AND (d.choices ? 'paper_at' OR d.email = 'failed' AND d.sms = 'failed'))
   AND (d.state = 'accepted'
     OR m.policy ->> 'fallback' = 'post' AND $3 AND d.recipient ? 'address' AND d.last_at < $4
         AND (d.state = 'submitted' AND d.email = 'failed' AND d.sms = 'failed'
             OR d.state = 'notified' AND (d.choices ? 'paper_at' OR (m.policy ->> 'post_at_once')::boolean AND d.email = 'failed' AND d.sms = 'failed')))` + sqlNoJob + `
 ORDER BY d.id LIMIT $2`

	sqlNoJob = `
   AND NOT EXISTS (SELECT FROM river_job j WHERE j.kind IN ('delivery_consign', 'delivery_post')
     AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled') AND j.args @> jsonb_build_object('delivery', d.id::text))`

	// sqlExpired is a part of what expired and has an address, which may be much and
	// mostly as it should be: what of it is stuck, and the last of it.
	sqlExpired = `
WITH part AS MATERIALIZED (SELECT id, message_id, moved_at, last_at FROM delivery WHERE state = 'expired' AND recipient ? 'address'
      AND moved_at < $1 AND (moved_at, id) > ($2, $3) ORDER BY moved_at, id LIMIT $4)
(SELECT d.id, d.moved_at, 'expired' FROM part d JOIN message m ON m.id = d.message_id
  WHERE m.purged_at IS NULL AND d.last_at < $1 AND m.policy ->> 'fallback' = 'post'` + sqlNoJob + `
  ORDER BY d.moved_at, d.id LIMIT $5)
UNION ALL (SELECT id, moved_at, CASE WHEN (SELECT count(*) FROM part) < $4 THEN 'end' ELSE 'more' END FROM part ORDER BY moved_at DESC, id DESC LIMIT 1)`
)

// expiredLook is how much of what expired one call of Requeue looks at.
const expiredLook = 1000

// expiredMark is up to where this process looked at what expired. It begins again
// at the end.
type expiredMark struct {
	mu sync.Mutex
	at time.Time // guarded by mu, as is id
	id string
}

// Requeue gives follow-up work that got lost a new job, at most limit times of each
// kind, and returns how many. Of what expired it looks at a part, at the others the
// next times. Work that is still queued is not doubled. A letter that will
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
	}); err != nil {
		return 0, err
	}
	if s.Post != nil {
		lost, err := s.lostLetters(ctx, limit)
		if err != nil {
			return 0, err
		}
		for _, id := range lost {
			jobs = append(jobs, river.InsertManyParams{Args: PostArgs{Delivery: id}, InsertOpts: once})
		}
	}
	if len(jobs) == 0 {
		return 0, nil
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		_, err := s.Outbox.InsertManyTx(ctx, tx, jobs)
		return err
	})
	return len(jobs), err
}

// lostLetters are those of the next part of what expired for which no letter went,
// nor will one.
func (s *Service) lostLetters(ctx context.Context, limit int) (lost []string, err error) {
	m := &s.expired
	m.mu.Lock()
	defer m.mu.Unlock()
	rows, err := s.Pool.Query(ctx, sqlExpired, s.Now().Add(-24*time.Hour), m.at, cmp.Or(m.id, uuid.Nil.String()), expiredLook, limit)
	if err != nil {
		return nil, err
	}
	var id, what, lastID string
	var at, last time.Time
	if _, err := pgx.ForEachRow(rows, []any{&id, &at, &what}, func() error {
		switch what {
		case "more":
			last, lastID = at, id
		case "expired":
			lost = append(lost, id)
			m.at, m.id = at, id
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if len(lost) < limit {
		m.at, m.id = last, lastID // zero when that was all
	}
	return lost, nil
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
