package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// purge removes one message for good:
//
//  1. in one transaction: the content keys are forgotten and purged_at is set;
//     from here on nobody, we included, can read the content
//  2. the objects, which are noise by now, but for those that other messages have too
//  3. in one transaction: evidence, events, deliveries and the message itself,
//     leaving a row that says that it was removed
//
// A crash between the steps is taken up by the next call.
func (s *Service) purge(ctx context.Context, id ID, at time.Time) (bool, error) {
	objects, due, err := s.shred(ctx, id, at)
	if err != nil || !due {
		return false, err
	}
	if err := s.deleteLast(ctx, objects); err != nil {
		return false, err
	}
	return s.erase(ctx, id, at)
}

// sqlLastMove counts from the end of a window that still runs: nothing goes
// while somebody may take it.
const sqlLastMove = `SELECT max(CASE WHEN state IN ('submitted', 'notified') THEN greatest(moved_at, respond_by) ELSE moved_at END)
  FROM delivery WHERE message_id = $1`

// shred is step 1. It puts the message off when one of its deliveries moved
// later than was known.
func (s *Service) shred(ctx context.Context, id ID, at time.Time) (objects []string, due bool, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		var p Policy
		var held bool
		var before *time.Time
		if err := tx.QueryRow(ctx, `SELECT policy, held, purged_at FROM message WHERE id = $1 FOR UPDATE`, string(id)).
			Scan(&p, &held, &before); err != nil {
			return err
		}
		if held {
			return ErrHeld
		}
		var last time.Time
		if err := tx.QueryRow(ctx, sqlLastMove, string(id)).Scan(&last); err != nil {
			return err
		}
		if until := p.retainUntil(last.UTC()); before == nil && until.After(at) {
			_, err := tx.Exec(ctx, `UPDATE message SET retain_until = $2 WHERE id = $1`, string(id), until)
			return err
		}
		due = true
		rows, err := tx.Query(ctx, `
			WITH d AS (UPDATE document SET wrapped_key = NULL, inline = NULL WHERE message_id = $1 RETURNING object),
			     l AS (UPDATE letter SET wrapped_key = NULL WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = $1) RETURNING object),
			     p AS (UPDATE postal_document SET wrapped_key = NULL WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = $1) RETURNING object)
			SELECT object FROM d UNION ALL SELECT object FROM l UNION ALL SELECT object FROM p`, string(id))
		if err != nil {
			return err
		}
		if objects, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE message SET purged_at = coalesce(purged_at, $2) WHERE id = $1`, string(id), at)
		return err
	})
	if errors.Is(err, ErrHeld) || errors.Is(err, pgx.ErrNoRows) { // or another process removed it
		return nil, false, nil
	}
	return objects, due, err
}

// erasures is step 3, in the order in which rows hang on each other.
var erasures = []string{
	`DELETE FROM idempotency WHERE ref = $1 AND kind = 'message'`,
	`DELETE FROM evidence WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = $1)`,
	`DELETE FROM letter WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = $1)`,
	`DELETE FROM postal_document WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = $1)`,
	`DELETE FROM deadline WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = $1)`,
	`DELETE FROM erds_event WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = $1)`,
	`DELETE FROM delegate WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = $1)`,
	`DELETE FROM delivery WHERE message_id = $1`,
	`DELETE FROM document WHERE message_id = $1`,
	`DELETE FROM legal_hold WHERE message_id = $1`,
	`DELETE FROM message WHERE id = $1`,
}

// sqlRest leaves in the feed that there was an event, until it has been there for
// 90 days: by the clock of the message, which may be ahead of ours.
const sqlRest = `
INSERT INTO event_rest (id, account_id, test, delivery_id, message_id, seq, name, at, hash, tx, state, keep_until)
SELECT e.id, e.account_id, d.test, e.delivery_id, e.message_id, e.seq, e.name, e.at, e.hash, e.tx, d.state, e.at + $3 * interval '1 microsecond'
  FROM delivery d JOIN erds_event e ON e.delivery_id = d.id WHERE d.message_id = $1 AND e.at > $2
ON CONFLICT (id) DO NOTHING`

// sqlErasure leaves what proves the removal, without personal data. What a crash
// left of a test message may have begun by a clock ahead of the one that ends it.
const sqlErasure = `
INSERT INTO erasure (message_id, erased_at, deliveries, heads, account_id, test, due_at, contents_at, pieces)
SELECT m.id, greatest($2, m.purged_at), $3, $4, m.account_id, m.test, m.retain_until, m.contents_gone_at,
       (SELECT count(*) FROM document x WHERE x.message_id = m.id)
     + (SELECT count(*) FROM letter x JOIN delivery d ON d.id = x.delivery_id WHERE d.message_id = m.id)
     + (SELECT count(*) FROM postal_document x JOIN delivery d ON d.id = x.delivery_id WHERE d.message_id = m.id)
  FROM message m WHERE m.id = $1
ON CONFLICT (message_id) DO UPDATE SET erased_at = excluded.erased_at, deliveries = excluded.deliveries, heads = excluded.heads`

// erase is step 3. It reports false when another process was faster.
func (s *Service) erase(ctx context.Context, id ID, at time.Time) (done bool, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT true FROM message WHERE id = $1 FOR UPDATE`, string(id)).Scan(&done); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT id::text, last_hash FROM delivery WHERE message_id = $1 ORDER BY position`, string(id))
		if err != nil {
			return err
		}
		sum := sha256.New()
		var ids []string
		var one string
		var head []byte
		if _, err = pgx.ForEachRow(rows, []any{&one, &head}, func() error {
			sum.Write(head)
			ids = append(ids, one)
			return nil
		}); err != nil {
			return err
		}
		if err := s.forget(ctx, tx, ids); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlErasure, string(id), at, len(ids), sum.Sum(nil)); err != nil {
			return err
		}
		var b pgx.Batch
		b.Queue(sqlRest, string(id), at.Add(-FeedKept), s.Now().Add(FeedKept).Sub(at).Microseconds())
		for _, sql := range erasures {
			b.Queue(sql, string(id))
		}
		return tx.SendBatch(ctx, &b).Close()
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return done && err == nil, err
}

// forget lets the other nouns remove what they hold of deliveries.
func (s *Service) forget(ctx context.Context, tx pgx.Tx, deliveries []string) error {
	if err := s.Notices.Forget(ctx, tx, deliveries...); err != nil {
		return err
	}
	delegates, err := tx.Query(ctx, `SELECT id::text FROM delegate WHERE delivery_id = ANY ($1::uuid[])
		UNION ALL SELECT id::text FROM contact_proposal WHERE delivery_id = ANY ($1::uuid[])`, deliveries)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(delegates, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, id := range append(ids, deliveries...) {
		if err := s.Config.Codes.Forget(ctx, tx, id); err != nil {
			return err
		}
	}
	for _, id := range deliveries {
		if err := s.Identities.DeleteIdentifications(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}
