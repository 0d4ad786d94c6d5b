package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// sweepMost is how many rows of a kind one statement removes: few enough that
	// nobody waits for them.
	sweepMost = 10_000
	// sweepParts is how often it is repeated in one call while it finds as many: a
	// million in all, more than comes in between two calls.
	sweepParts = 100
)

// forgetOld removes what was over before an instant ($1), sweepMost rows ($2) at a time.
func (s *Service) forgetOld(ctx context.Context, sql string, before time.Time) error {
	for range sweepParts {
		tag, err := s.Pool.Exec(ctx, sql, before, sweepMost)
		if err != nil || tag.RowsAffected() < sweepMost {
			return err
		}
	}
	return nil
}

// Retain removes what has reached the end of its retention, at most limit
// messages, contents that go before their message, documents that no message took within a day, old sessions, and
// idempotency keys but those of messages, which live as long as their message. It
// returns how many messages went.
func (s *Service) Retain(ctx context.Context, limit int) (int, error) {
	unbound := s.dropUnbound(ctx, limit) // what the store keeps keeps no message
	if err := s.sweepDrafts(ctx); err != nil {
		return 0, errors.Join(unbound, err)
	}
	now := s.Now()
	for _, q := range []struct {
		sql string
		age time.Duration
	}{
		{`DELETE FROM idempotency WHERE (account_id, key) IN (SELECT account_id, key FROM idempotency
			WHERE created_at < $1 AND kind <> 'message' ORDER BY created_at LIMIT $2)`, 30 * 24 * time.Hour},
		{`DELETE FROM collect_session WHERE token_hash IN (SELECT token_hash FROM collect_session WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`, 0},
	} {
		if err := s.forgetOld(ctx, q.sql, now.Add(-q.age)); err != nil {
			return 0, err
		}
	}
	if err := s.sweepHooks(ctx, now); err != nil {
		return 0, err
	}
	n, err := s.purgeDue(ctx, "", now, limit)
	return n, errors.Join(unbound, err, s.dropContents(ctx, "", now, limit))
}

// What is due for removal, and what a crash left half removed.
const (
	sqlPurgeLeft = `SELECT id FROM message WHERE purged_at IS NOT NULL LIMIT $1`
	sqlPurgeLive = `SELECT id FROM message WHERE purged_at IS NULL AND NOT held AND NOT test AND retain_until <= $2
 ORDER BY retain_until LIMIT $1`
	sqlPurgeTest = `SELECT id FROM message WHERE purged_at IS NULL AND NOT held AND test AND account_id = $3 AND retain_until <= $2
 ORDER BY retain_until LIMIT $1`
)

// purgeDue removes messages that are due at the given time: live ones, or the
// test messages of one account.
func (s *Service) purgeDue(ctx context.Context, testOf string, at time.Time, limit int) (int, error) {
	ids, err := s.ids(ctx, sqlPurgeLeft, limit)
	if err != nil {
		return 0, err
	}
	var due []string
	if testOf == "" {
		due, err = s.ids(ctx, sqlPurgeLive, limit, at)
	} else {
		due, err = s.ids(ctx, sqlPurgeTest, limit, at, testOf)
	}
	if err != nil {
		return 0, err
	}
	ids = append(ids, due...)
	var n int
	var faults []error // one that cannot go keeps no other
	for _, id := range ids {
		switch gone, err := s.purge(ctx, ID(id), at); {
		case ctx.Err() != nil:
			return n, ctx.Err()
		case err != nil:
			faults = append(faults, fmt.Errorf("delivery: purge message %s: %w", id, err))
		case gone:
			n++
		}
	}
	return n, errors.Join(faults...)
}

func (s *Service) ids(ctx context.Context, sql string, args ...any) ([]string, error) {
	rows, err := s.Pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// dropUnbound removes uploads that no message took within a day, or as long as
// they are kept: the row with its key first, then the object.
func (s *Service) dropUnbound(ctx context.Context, limit int) error {
	rows, err := s.Pool.Query(ctx, `DELETE FROM document WHERE id IN (
		SELECT id FROM document WHERE message_id IS NULL AND created_at < $1 AND (keep_until IS NULL OR keep_until < $3)
		   AND NOT EXISTS (SELECT FROM draft WHERE draft.documents @> ARRAY[document.id])
		 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
		RETURNING object`, s.Now().Add(-24*time.Hour), limit, s.Now())
	if err != nil {
		return err
	}
	objects, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	return s.deleteLast(ctx, objects)
}
