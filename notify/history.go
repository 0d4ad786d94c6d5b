package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Told is a notice with what became of it, for an operator to read.
type Told struct {
	Notice    Notice
	CreatedAt time.Time
	ClosedAt  time.Time // zero while it is under way
	Outcome   string    // of the last attempt, "stale" when closed unsent, "" while under way
	Attempts  []Attempt // in order; a running one has no EndedAt
	Reports   []Report  // what was said later, in the order in which it came; without Raw
}

// Querier is what History reads from: a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const selectDelivery = `
SELECT id, coalesce(account_id::text, ''), coalesce(delivery_id::text, ''), kind, channel, address, language, ref, created_at, closed_at, coalesce(outcome, '')
FROM notice WHERE delivery_id = $1 ORDER BY id`

const selectAttempts = `SELECT ` + attemptColumns + ` FROM notify_attempt WHERE notice_id = $1 ORDER BY number`

// History returns the notices of a delivery, oldest first.
func (s *Service) History(ctx context.Context, db Querier, delivery string) ([]Told, error) {
	rows, err := db.Query(ctx, selectDelivery, delivery)
	if err != nil {
		return nil, fmt.Errorf("notify: history: %w", err)
	}
	told, err := pgx.CollectRows(rows, scanTold)
	if err != nil {
		return nil, fmt.Errorf("notify: history: %w", err)
	}
	for i := range told {
		rows, err := db.Query(ctx, selectAttempts, told[i].Notice.ID)
		if err != nil {
			return nil, fmt.Errorf("notify: history: %w", err)
		}
		if told[i].Attempts, err = pgx.CollectRows(rows, scanAttempt); err != nil {
			return nil, fmt.Errorf("notify: history: %w", err)
		}
		if rows, err = db.Query(ctx, selectReports, told[i].Notice.ID); err != nil {
			return nil, fmt.Errorf("notify: history: %w", err)
		}
		if told[i].Reports, err = pgx.CollectRows(rows, scanReport); err != nil {
			return nil, fmt.Errorf("notify: history: %w", err)
		}
	}
	return told, nil
}

const selectReports = `
SELECT source, id, notice_id, number, fact, rung, cause, status, reply, remote, occurred_at, digest
  FROM notify_report WHERE notice_id = $1 ORDER BY received_at, id`

func scanReport(row pgx.CollectableRow) (r Report, err error) {
	err = row.Scan(&r.Source, &r.ID, &r.Notice, &r.Attempt, &r.Fact, &r.Rung, &r.Cause, &r.Status, &r.Reply, &r.Remote, &r.OccurredAt, &r.Digest)
	r.OccurredAt = r.OccurredAt.UTC()
	return r, err
}

func scanTold(row pgx.CollectableRow) (Told, error) {
	var t Told
	var closed *time.Time
	n := &t.Notice
	err := row.Scan(&n.ID, &n.Account, &n.Delivery, &n.Kind, &n.Channel, &n.To, &n.Language, &n.Ref, &t.CreatedAt, &closed, &t.Outcome)
	if err != nil {
		return Told{}, err
	}
	t.CreatedAt = t.CreatedAt.UTC()
	if closed != nil {
		t.ClosedAt = closed.UTC()
	}
	return t, nil
}
