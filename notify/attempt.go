package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// state is what a run of the job finds of one notice.
type state struct {
	notice    Notice
	created   time.Time
	tries     int
	notBefore time.Time // wall clock
	closed    bool
	left      *Attempt // the attempt that was not told yet, if any
}

const attemptColumns = `number, started_at, ended_at, outcome, reply, remote, tls, peer_id, dsn, in_doubt, digest, retry_at, coalesce(trace::text, '')`

// selectNotices reads notices each with the attempt of it that was not told yet.
const selectNotices = `
SELECT n.id, coalesce(n.account_id::text, ''), coalesce(n.delivery_id::text, ''), n.kind, n.channel, n.address, n.language, n.ref, n.created_at, n.tries, n.not_before,
       n.closed_at IS NOT NULL, coalesce(a.number, 0), coalesce(a.started_at, n.created_at), a.ended_at, a.outcome, coalesce(a.reply, ''), coalesce(a.remote, ''),
       coalesce(a.tls, ''), coalesce(a.peer_id, ''), coalesce(a.dsn, false), coalesce(a.in_doubt, false), coalesce(a.digest, ''), a.retry_at, coalesce(a.trace::text, '')
  FROM notice n LEFT JOIN notify_attempt a ON a.notice_id = n.id AND a.told_at IS NULL
 WHERE n.id = ANY($1::uuid[]) ORDER BY n.id`

// read returns the notices that are there. Notice and attempt are of one instant:
// an attempt that another run has just begun is not taken for one that was left,
// nor a notice that is held ahead for it as one whose next try has a job.
func (w *Worker) read(ctx context.Context, ids []string) ([]state, error) {
	rows, err := w.pool.Query(ctx, selectNotices, ids)
	if err != nil {
		return nil, fmt.Errorf("notify: read notices: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s state, err error) {
		n := &s.notice
		a, err := scanAttemptOf(row, &n.ID, &n.Account, &n.Delivery, &n.Kind, &n.Channel, &n.To, &n.Language, &n.Ref, &s.created, &s.tries, &s.notBefore, &s.closed)
		if a.Number > 0 {
			s.left = &a
		}
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("notify: read notices: %w", err)
	}
	return found, nil
}

func scanAttempt(row pgx.CollectableRow) (Attempt, error) { return scanAttemptOf(row) }

// scanAttemptOf reads what stands before attemptColumns into before.
func scanAttemptOf(row pgx.CollectableRow, before ...any) (Attempt, error) {
	var a Attempt
	var ended, retry *time.Time
	var outcome *Outcome
	var trace string
	r := &a.Result
	err := row.Scan(append(before, &a.Number, &a.StartedAt, &ended, &outcome, &r.Reply, &r.Remote, &r.TLS, &r.ID, &r.DSN, &r.InDoubt, &a.Digest, &retry, &trace)...)
	if err != nil {
		return Attempt{}, err
	}
	a.StartedAt = a.StartedAt.UTC()
	if ended != nil {
		a.EndedAt, r.Outcome = ended.UTC(), *outcome
	}
	if retry != nil {
		a.RetryAt = retry.UTC()
	}
	r.Trace = canonical(json.RawMessage(trace))
	return a, nil
}

// Taken in the order of their ids, so that two runs with the same notices do not
// wait for each other in a circle; one that another run has just now is left to it.
const registerAttempts = `
WITH due AS (
    SELECT n.id, u.started_at FROM unnest($1::uuid[], $2::integer[], $3::timestamptz[]) AS u (id, tries, started_at)
    JOIN notice n ON n.id = u.id AND n.tries = u.tries AND n.closed_at IS NULL
    ORDER BY n.id FOR UPDATE OF n SKIP LOCKED
), taken AS (
    UPDATE notice n SET tries = n.tries + 1, not_before = $4 FROM due WHERE n.id = due.id RETURNING n.id, n.tries, due.started_at
)
INSERT INTO notify_attempt (notice_id, number, started_at) SELECT id, tries, started_at FROM taken RETURNING notice_id, number, started_at`

// register commits the next attempt of each notice before anything is dialled, in
// one statement. What another run was faster with is not among the returned ones.
// Until not_before no other run touches them.
func (w *Worker) register(ctx context.Context, all []state) (map[string]Attempt, error) {
	ids, tries, started := make([]string, len(all)), make([]int, len(all)), make([]time.Time, len(all))
	for i, s := range all {
		ids[i], tries[i], started[i] = s.notice.ID, s.tries, w.after(s.notice.Account, s.created)
	}
	held := instant(w.now("")).Add(w.timeout + 2*settleTimeout)
	rows, err := w.pool.Query(ctx, registerAttempts, ids, tries, started, held)
	if err != nil {
		return nil, fmt.Errorf("notify: register attempts: %w", err)
	}
	taken := make(map[string]Attempt, len(all))
	var id string
	var a Attempt
	if _, err := pgx.ForEachRow(rows, []any{&id, &a.Number, &a.StartedAt}, func() error {
		taken[id] = Attempt{Number: a.Number, StartedAt: a.StartedAt.UTC()}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("notify: register attempts: %w", err)
	}
	return taken, nil
}

const closeUnsent = `
UPDATE notice n SET closed_at = u.at, outcome = 'stale' FROM unnest($1::uuid[], $2::integer[], $3::timestamptz[]) AS u (id, tries, at)
 WHERE n.id = u.id AND n.tries = u.tries AND n.closed_at IS NULL RETURNING n.id`

// closeStale closes notices that nobody needs any more, unsent and without an
// event; unless another run has just begun to send one. It returns how many it closed.
func (w *Worker) closeStale(ctx context.Context, all []state) (int, error) {
	if len(all) == 0 {
		return 0, nil
	}
	ids, tries, at := make([]string, len(all)), make([]int, len(all)), make([]time.Time, len(all))
	for i, s := range all {
		ids[i], tries[i], at[i] = s.notice.ID, s.tries, w.after(s.notice.Account, s.created)
	}
	tag, err := w.pool.Exec(ctx, closeUnsent, ids, tries, at)
	if err != nil {
		return 0, fmt.Errorf("notify: close notices: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// clean makes a peer's words storable: UTF-8 without control characters but line
// ends, at most 500 octets; an unknown outcome becomes Technical.
func (r Result) clean() Result {
	switch r.Outcome {
	case Sent, Temporary, Permanent, Technical:
	default:
		r.Outcome = Technical
	}
	r.InDoubt = r.InDoubt && r.Outcome == Technical
	r.Reply, r.Remote, r.TLS, r.ID = clip(r.Reply), clip(r.Remote), clip(r.TLS), clip(r.ID)
	r.Trace = canonical(r.Trace)
	return r
}

func clip(s string) string {
	s = strings.Map(func(c rune) rune {
		if c != '\n' && !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > 500 {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
