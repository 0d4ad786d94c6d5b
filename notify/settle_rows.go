package notify

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// byKeys: all that settles finds its rows by a key. A plan made while a table has
	// a page or two reads all of it, and is kept until the table is analysed.
	byKeys = `SELECT set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)`

	lockNotices = `SELECT id, closed_at IS NOT NULL FROM notice WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`

	endAttempts = `
UPDATE notify_attempt a
   SET ended_at = e.ended_at, outcome = e.outcome, reply = e.reply, remote = e.remote, tls = e.tls, peer_id = e.peer_id, dsn = e.dsn,
       in_doubt = e.in_doubt, digest = e.digest, retry_at = e.retry_at, told_at = e.told_at, trace = e.trace
  FROM unnest($1::uuid[], $2::integer[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[],
              $10::boolean[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::jsonb[])
    AS e (notice_id, number, ended_at, outcome, reply, remote, tls, peer_id, dsn, in_doubt, digest, retry_at, told_at, trace)
 WHERE a.notice_id = e.notice_id AND a.number = e.number AND a.told_at IS NULL
RETURNING a.notice_id`

	closeNotices = `
UPDATE notice n SET closed_at = e.at, outcome = e.outcome FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS e (id, at, outcome)
 WHERE n.id = e.id AND n.closed_at IS NULL`

	postponeNotices = `
UPDATE notice n SET not_before = e.at FROM unnest($1::uuid[], $2::timestamptz[]) AS e (id, at)
 WHERE n.id = e.id AND n.closed_at IS NULL`
)

// endedRows are ended attempts as arrays, one per column of endAttempts.
type endedRows struct {
	id, outcome, reply, remote, tls, peer, digest []string
	number                                        []int
	ended                                         []time.Time
	dsn, doubt                                    []bool
	retry, told                                   []*time.Time
	trace                                         []*string
}

// add adds the attempt of a notice; told says that its delivery learns of it in
// the same transaction.
func (r *endedRows) add(id string, a Attempt, told bool) {
	var retry, toldAt *time.Time
	var trace *string
	if !a.RetryAt.IsZero() {
		retry = &a.RetryAt
	}
	if told {
		toldAt = &a.EndedAt
	}
	x := a.Result
	if x.Trace != nil {
		text := string(x.Trace) // an attempt that ended has it in canonical form
		trace = &text
	}
	r.id, r.number, r.ended = append(r.id, id), append(r.number, a.Number), append(r.ended, a.EndedAt)
	r.outcome, r.reply, r.remote = append(r.outcome, string(x.Outcome)), append(r.reply, x.Reply), append(r.remote, x.Remote)
	r.tls, r.peer, r.dsn = append(r.tls, x.TLS), append(r.peer, x.ID), append(r.dsn, x.DSN)
	r.doubt, r.digest = append(r.doubt, x.InDoubt), append(r.digest, a.Digest)
	r.retry, r.told, r.trace = append(r.retry, retry), append(r.told, toldAt), append(r.trace, trace)
}

func (r *endedRows) args() []any {
	return []any{r.id, r.number, r.ended, r.outcome, r.reply, r.remote, r.tls, r.peer, r.dsn, r.doubt, r.digest, r.retry, r.told, r.trace}
}

// storeEnds locks the notices and stores the results. It returns those that are
// ours to tell: not what was removed with its delivery while we were out, nor what
// another run settled.
func storeEnds(ctx context.Context, tx pgx.Tx, all []ended) ([]ended, error) {
	ids := make([]string, len(all))
	var rows endedRows
	for i, e := range all {
		ids[i] = e.notice.ID
		rows.add(e.notice.ID, e.attempt, true)
	}
	open, stored := make(map[string]bool, len(all)), make(map[string]bool, len(all))
	var b pgx.Batch
	b.Queue(byKeys)
	b.Queue(lockNotices, ids).Query(func(rows pgx.Rows) error {
		var id string
		var closed bool
		_, err := pgx.ForEachRow(rows, []any{&id, &closed}, func() error { open[id] = !closed; return nil })
		return err
	})
	b.Queue(endAttempts, rows.args()...).Query(func(rows pgx.Rows) error {
		var id string
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error { stored[id] = true; return nil })
		return err
	})
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	mine := all[:0:0]
	for _, e := range all {
		if stored[e.notice.ID] && open[e.notice.ID] {
			mine = append(mine, e)
		}
	}
	return mine, nil
}
