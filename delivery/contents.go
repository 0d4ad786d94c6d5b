package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ContentsRule says how many months contents are kept after the last change of
// their deliveries; 0: as long as their message. Config.Identities knows it in every
// wiring that is not a test's.
type ContentsRule interface {
	ContentsKept(ctx context.Context) (months int, err error)
}

// sqlContentsDue is when contents may go: nobody may take them any more or has yet
// to print them, nothing holds them, and the last change is so many months ago, to
// the same day or the last of a shorter month.
//
// Regulation (EEC, Euratom) No 1182/71 art. 3(2)(c)
const sqlContentsDue = `m.contents_gone_at IS NULL AND m.purged_at IS NULL AND NOT m.held AND NOT EXISTS (
  SELECT FROM delivery d WHERE d.message_id = m.id AND (d.state IN ('submitted', 'notified', 'accepted', 'posting')
      OR d.state = 'expired' AND d.recipient ? 'address' AND m.policy ->> 'fallback' = 'post'
      OR (d.moved_at AT TIME ZONE 'UTC') + $2 * interval '1 month' > ($1::timestamptz AT TIME ZONE 'UTC')))`

// No month has fewer than 28 days: what is younger need not be looked at.
const (
	sqlContentsLive = `SELECT m.id FROM message m WHERE NOT m.test AND m.submitted_at <= $1::timestamptz - $2 * interval '28 days' AND ` + sqlContentsDue + `
 ORDER BY m.submitted_at LIMIT $3`
	sqlContentsTest = `SELECT m.id FROM message m WHERE m.test AND m.account_id = $4 AND m.submitted_at <= $1::timestamptz - $2 * interval '28 days' AND ` + sqlContentsDue + `
 ORDER BY m.submitted_at LIMIT $3`
	sqlContentsLock = `SELECT true FROM message m WHERE m.id = $3 AND ` + sqlContentsDue + ` FOR UPDATE OF m`
)

// dropContents removes, of at most limit messages, the text, the documents and the
// letters that were kept as long as contents are (R29): live ones, or the test
// messages of one account. Events, evidence and what a postal operator proves stay
// until the message goes.
func (s *Service) dropContents(ctx context.Context, testOf string, at time.Time, limit int) error {
	rule, ok := s.Identities.(ContentsRule)
	if !ok {
		return nil
	}
	months, err := rule.ContentsKept(ctx)
	if err != nil || months == 0 {
		return err
	}
	sql, args := sqlContentsLive, []any{at, months, limit}
	if testOf != "" {
		sql, args = sqlContentsTest, append(args, testOf)
	}
	ids, err := s.ids(ctx, sql, args...)
	if err != nil {
		return err
	}
	var faults []error // one that cannot go keeps no other
	for _, id := range ids {
		if err := s.dropContentsOf(ctx, ID(id), at, months); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			faults = append(faults, fmt.Errorf("delivery: contents of message %s: %w", id, err))
		}
	}
	return errors.Join(faults...)
}

// dropContentsOf forgets the keys in one transaction, then removes the objects. A
// crash in between leaves noise, which goes with the message.
func (s *Service) dropContentsOf(ctx context.Context, id ID, at time.Time, months int) error {
	var objects []string
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		var due bool
		if err := tx.QueryRow(ctx, sqlContentsLock, at, months, string(id)).Scan(&due); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			WITH d AS (UPDATE document SET wrapped_key = NULL, inline = NULL WHERE message_id = $1 RETURNING object),
			     l AS (UPDATE letter SET wrapped_key = NULL WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = $1) RETURNING object)
			SELECT object FROM d UNION ALL SELECT object FROM l`, string(id))
		if err != nil {
			return err
		}
		if objects, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE message SET contents_gone_at = $2 WHERE id = $1`, string(id), at)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) { // held, moved or gone meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	return s.deleteLast(ctx, objects)
}
