package delivery

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// How long batches are kept: those that nobody goes on with, and what is known
// of those that ended.
const (
	bulkIdle = 30 * 24 * time.Hour
	bulkKept = 90 * 24 * time.Hour
)

// RetainBulks ends batches that nobody went on with, and forgets those that
// ended long ago, at most limit of each.
func (s *Service) RetainBulks(ctx context.Context, limit int) error {
	idle, err := s.ids(ctx, `SELECT id FROM bulk WHERE ended_at IS NULL AND changed_at < $2 ORDER BY changed_at LIMIT $1`, limit, s.Now().Add(-bulkIdle))
	if err != nil {
		return err
	}
	for _, id := range idle {
		b, err := s.bulkByID(ctx, ID(id))
		if err == nil && b.Source == BulkCSV {
			err = s.CancelBulk(ctx, b.Account, b.ID)
		} else if err == nil {
			err = s.endBulk(ctx, b, b.State, BulkDone)
		}
		if err != nil {
			return err
		}
	}
	over, err := s.ids(ctx, `SELECT id FROM bulk WHERE ended_at < $2 ORDER BY ended_at LIMIT $1`, limit, s.Now().Add(-bulkKept))
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM bulk_row WHERE bulk_id = ANY ($1::uuid[])`, over); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM bulk WHERE id = ANY ($1::uuid[]) AND ended_at IS NOT NULL`, over)
		return err
	})
}

const sqlLostBulks = `
SELECT b.id FROM bulk b WHERE b.source = 'csv' AND b.state IN ('checking', 'running', 'stopping') AND b.changed_at < $2
   AND NOT EXISTS (SELECT FROM river_job j WHERE j.kind = 'delivery_bulk'
     AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled') AND j.args @> jsonb_build_object('bulk', b.id::text))
 ORDER BY b.id LIMIT $1`

// RequeueBulks gives batches whose work got lost a new job, at most limit, and
// returns how many.
func (s *Service) RequeueBulks(ctx context.Context, limit int) (int, error) {
	lost, err := s.ids(ctx, sqlLostBulks, limit, s.Now().Add(-time.Hour))
	if err != nil || len(lost) == 0 {
		return 0, err
	}
	var jobs []river.InsertManyParams
	for _, id := range lost {
		jobs = append(jobs, river.InsertManyParams{Args: BulkArgs{Bulk: id}})
	}
	return len(jobs), pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		_, err := s.Outbox.InsertManyTx(ctx, tx, jobs)
		return err
	})
}
