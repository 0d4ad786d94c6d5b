package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// What a submission costs does not depend on webhooks: nothing is enqueued in its
// transaction. Each address has a place in the feed instead, from which it is
// read after commit; who moves the place forward holds the row, so that any
// number of processes may do it at once.

// hookPage is how much of the feed is read for one address in one transaction.
const hookPage = 100

// pushed is the body of a push: what happened, to which delivery, and where that
// is now. Standard Webhooks 1.0.0 §payload-structure
type pushed struct {
	Type      EventType  `json:"type"`
	Timestamp string     `json:"timestamp"`
	Data      pushedData `json:"data"`
}

type pushedData struct {
	ID       string `json:"id"`
	Delivery string `json:"delivery_id"`
	Message  string `json:"message_id"`
	Seq      int    `json:"seq"`
	Name     string `json:"name"`
	State    State  `json:"state"`
	Status   Status `json:"status"`
	Test     bool   `json:"test"`
	Hash     string `json:"hash"`
}

func (r Recorded) push() ([]byte, error) {
	return json.Marshal(pushed{TypeOf(r.Name), r.At.UTC().Format("2006-01-02T15:04:05.000000Z"), pushedData{ID: r.ID, Delivery: r.Delivery,
		Message: r.Message, Seq: r.Seq, Name: string(r.Name), State: r.State, Status: r.State.Status(), Test: r.Test, Hash: r.Hash}})
}

// DispatchWebhooks reads the feed for every enabled webhook and returns how many
// pushes came of it. One whose place somebody else moves is left to them.
func (s *Service) DispatchWebhooks(ctx context.Context) (n int, err error) {
	if s.Hooks == nil {
		return 0, nil
	}
	ids, err := s.ids(ctx, `SELECT id::text FROM webhook WHERE state = 'enabled' ORDER BY id`)
	if err != nil {
		return 0, err
	}
	var failed error
	for _, id := range ids {
		for {
			made, more, err := s.dispatch(ctx, id)
			n += made
			failed = errors.Join(failed, err)
			if err != nil || !more {
				break
			}
		}
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
	}
	return n, failed
}

const sqlHoldHook = `
SELECT account_id, test, types, cursor_tx::text, cursor_id FROM webhook WHERE id = $1 AND state = 'enabled' FOR UPDATE SKIP LOCKED`

// A push that was made before is made again: somebody set the place back.
const sqlInsertPosts = `
INSERT INTO webhook_post (webhook_id, event_id, type, body, created_at, give_up_at, next_at)
SELECT $1, n.event_id, n.type, n.body, $5, $6, $5 FROM unnest($2::uuid[], $3::text[], $4::text[]) AS n (event_id, type, body)
ON CONFLICT (webhook_id, event_id) DO UPDATE
   SET outcome = '', tries = 0, created_at = excluded.created_at, give_up_at = excluded.give_up_at, next_at = excluded.next_at, held_until = NULL`

// dispatch makes pushes of one page of the feed, and moves the place behind it:
// both or none.
func (s *Service) dispatch(ctx context.Context, id string) (made int, more bool, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		q := FeedQuery{Limit: hookPage}
		var types []string
		var at place
		err := tx.QueryRow(ctx, sqlHoldHook, id).Scan(&q.Account, &q.Test, &types, &at.tx, &at.id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // held by another process, or not enabled any more
		}
		if err != nil {
			return err
		}
		q.Names, _ = namesOf(types)
		list, next, full, err := s.pull(ctx, tx, q, at)
		if err != nil || next == at {
			return err
		}
		made, more = len(list), full
		if err := s.queuePosts(ctx, tx, id, list); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE webhook SET cursor_tx = $2::text::xid8, cursor_id = $3 WHERE id = $1`, id, next.tx, next.id)
		return err
	})
	return made, more, err
}

func (s *Service) queuePosts(ctx context.Context, tx pgx.Tx, hook string, list []Recorded) error {
	if len(list) == 0 {
		return nil
	}
	var events, types, bodies []string
	for _, r := range list {
		body, err := r.push()
		if err != nil {
			return err
		}
		events, types, bodies = append(events, r.ID), append(types, string(TypeOf(r.Name))), append(bodies, string(body))
	}
	now := s.Now()
	_, err := tx.Exec(ctx, sqlInsertPosts, hook, events, types, bodies, now, now.Add(hookLife))
	return err
}

// ResendWebhook pushes again everything after a cursor of the feed; the empty one
// is the beginning of what is kept. The same Once does it once. Errors:
// ErrNotFound; ErrCursor for one that is none; ErrHookOff; ErrKeyReused.
func (s *Service) ResendWebhook(ctx context.Context, account string, test bool, id, cursor string, once Once) (replayed bool, err error) {
	at, err := parsePlace(cursor)
	if err != nil {
		return false, ErrCursor
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		w, err := lockHook(ctx, tx, account, test, id)
		if err != nil {
			return err
		}
		if replayed, err = s.onceTx(ctx, tx, account, "webhook_resend", once); err != nil || replayed {
			return err
		}
		if w.State != HookEnabled {
			return ErrHookOff
		}
		_, err = tx.Exec(ctx, `UPDATE webhook SET cursor_tx = least($2::text::xid8, pg_snapshot_xmin(pg_current_snapshot())), cursor_id = $3 WHERE id = $1`,
			id, at.tx, at.id)
		return err
	})
	return replayed, err
}

// onceTx claims a key for an act of which nothing has to be found again.
func (s *Service) onceTx(ctx context.Context, tx pgx.Tx, account, kind string, once Once) (replayed bool, err error) {
	if once.Key == "" {
		return false, nil
	}
	ref := evidence.NewID()
	was, err := sameOnce(tx.QueryRow(ctx, sqlClaimKey, account, once.Key, kind, once.Digest, ref, s.Now()), kind, once)
	return err == nil && string(was) != ref, err
}

// sweepHooks removes what was kept long enough.
func (s *Service) sweepHooks(ctx context.Context, now time.Time) error {
	for _, q := range []struct {
		sql string
		age time.Duration
	}{
		{`DELETE FROM webhook_attempt WHERE (webhook_id, number) IN (SELECT webhook_id, number FROM webhook_attempt WHERE at < $1 LIMIT $2)`, hookKept},
		{`DELETE FROM webhook_post WHERE (webhook_id, event_id) IN (SELECT webhook_id, event_id FROM webhook_post WHERE created_at < $1 LIMIT $2)`, hookKept},
		{`DELETE FROM event_rest WHERE id IN (SELECT id FROM event_rest WHERE keep_until < $1 LIMIT $2)`, 0},
	} {
		if err := s.forgetOld(ctx, q.sql, now.Add(-q.age)); err != nil {
			return err
		}
	}
	_, err := s.Pool.Exec(ctx, `DELETE FROM webhook_key WHERE ends_at < $1`, now)
	return err
}
