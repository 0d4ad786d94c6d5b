package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// state is what a run of the job finds.
type state struct {
	notice    Notice
	created   time.Time
	tries     int
	notBefore time.Time // wall clock
	closed    bool
	left      *Attempt // the attempt that was not told yet, if any
}

const selectNotice = `
SELECT id, coalesce(account_id::text, ''), coalesce(delivery_id::text, ''), kind, channel, address, language, ref, created_at, tries, not_before, closed_at IS NOT NULL
FROM notice WHERE id = $1`

const attemptColumns = `number, started_at, ended_at, outcome, reply, remote, tls, peer_id, dsn, in_doubt, digest, retry_at`

const selectLeft = `SELECT ` + attemptColumns + ` FROM notify_attempt WHERE notice_id = $1 AND told_at IS NULL`

// read returns pgx.ErrNoRows for a notice that is gone. The attempt is read before
// the notice: one that another run has just begun comes with a notice that is held
// ahead, and cannot be taken for one that was left.
func (w *Worker) read(ctx context.Context, id string) (state, error) {
	var s state
	rows, err := w.pool.Query(ctx, selectLeft, id)
	if err != nil {
		return state{}, fmt.Errorf("notify: read attempt: %w", err)
	}
	left, err := pgx.CollectExactlyOneRow(rows, scanAttempt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return state{}, fmt.Errorf("notify: read attempt: %w", err)
	default:
		s.left = &left
	}
	n := &s.notice
	err = w.pool.QueryRow(ctx, selectNotice, id).Scan(&n.ID, &n.Account, &n.Delivery, &n.Kind, &n.Channel, &n.To,
		&n.Language, &n.Ref, &s.created, &s.tries, &s.notBefore, &s.closed)
	if err != nil {
		return state{}, fmt.Errorf("notify: read notice: %w", err)
	}
	return s, nil
}

func scanAttempt(row pgx.CollectableRow) (Attempt, error) {
	var a Attempt
	var ended, retry *time.Time
	var outcome *Outcome
	r := &a.Result
	err := row.Scan(&a.Number, &a.StartedAt, &ended, &outcome, &r.Reply, &r.Remote, &r.TLS, &r.ID, &r.DSN, &r.InDoubt, &a.Digest, &retry)
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
	return a, nil
}

const takeNotice = `
UPDATE notice SET tries = tries + 1, not_before = $3 WHERE id = $1 AND tries = $2 AND closed_at IS NULL`

const insertAttempt = `INSERT INTO notify_attempt (notice_id, number, started_at) VALUES ($1, $2, $3)`

// register commits the next attempt before anything is dialled. It reports false
// when another run was faster. Until not_before no other run touches the notice.
func (w *Worker) register(ctx context.Context, s state) (Attempt, bool, error) {
	a := Attempt{Number: s.tries + 1}
	taken := false
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		held := instant(w.now("")).Add(w.timeout + 2*settleTimeout)
		tag, err := tx.Exec(ctx, takeNotice, s.notice.ID, s.tries, held)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		taken = true
		a.StartedAt = w.after(s.notice.Account, s.created) // after the lock
		_, err = tx.Exec(ctx, insertAttempt, s.notice.ID, a.Number, a.StartedAt)
		return err
	})
	if err != nil {
		return Attempt{}, false, fmt.Errorf("notify: register attempt: %w", err)
	}
	return a, taken, nil
}

const lockNotice = `SELECT closed_at IS NOT NULL FROM notice WHERE id = $1 FOR UPDATE`

const endAttempt = `
UPDATE notify_attempt SET ended_at = $3, outcome = $4, reply = $5, remote = $6, tls = $7, peer_id = $8,
       dsn = $9, in_doubt = $10, digest = $11, retry_at = $12, told_at = $13
WHERE notice_id = $1 AND number = $2 AND told_at IS NULL`

const closeNotice = `UPDATE notice SET closed_at = $2, outcome = $3 WHERE id = $1 AND closed_at IS NULL`

const postponeNotice = `UPDATE notice SET not_before = $2 WHERE id = $1 AND closed_at IS NULL`

// settle stores how the attempt ended, tells the Sink, closes the notice or
// schedules the next try, and completes the job: all or nothing. It sets
// a.RetryAt.
func (w *Worker) settle(ctx context.Context, job *river.Job[SendArgs], s state, a *Attempt, last time.Time) error {
	id := s.notice.ID
	delay, again := retryDelay(s.notice, a.Number, a.EndedAt, last, a.Result)
	if again {
		a.RetryAt = instant(a.EndedAt.Add(delay))
	}
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		var closed bool
		err := tx.QueryRow(ctx, lockNotice, id).Scan(&closed)
		if errors.Is(err, pgx.ErrNoRows) { // removed with its delivery while we were out
			return complete(ctx, tx, job)
		}
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, endAttempt, a.args(id, true)...)
		if err != nil {
			return err
		}
		if closed || tag.RowsAffected() != 1 { // another run settled it
			return complete(ctx, tx, job)
		}
		if s.notice.Delivery != "" {
			if err := w.sink.NoticeAttempted(ctx, tx, s.notice, *a); err != nil {
				return fmt.Errorf("tell attempt %d: %w", a.Number, err)
			}
		}
		if again {
			err = w.again(ctx, tx, s.notice, delay)
		} else {
			_, err = tx.Exec(ctx, closeNotice, id, a.EndedAt, a.Result.Outcome)
		}
		if err != nil {
			return err
		}
		return complete(ctx, tx, job)
	})
	if err != nil {
		return fmt.Errorf("notify: settle notice %s: %w", id, err)
	}
	return nil
}

// again puts the next try into tx. The job waits by the wall clock, whatever the
// account's says.
func (w *Worker) again(ctx context.Context, tx pgx.Tx, n Notice, delay time.Duration) error {
	at := instant(w.now("")).Add(delay)
	if _, err := tx.Exec(ctx, postponeNotice, n.ID, at); err != nil {
		return err
	}
	client := river.ClientFromContext[pgx.Tx](ctx)
	_, err := client.InsertTx(ctx, tx, SendArgs{NoticeID: n.ID}, jobOpts(n.Kind, at))
	return err
}

func complete(ctx context.Context, tx pgx.Tx, job *river.Job[SendArgs]) error {
	_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
	return err
}

// keep stores the result alone after settle failed, so that the next run tells
// it instead of sending again.
func (w *Worker) keep(ctx context.Context, id string, a Attempt) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if _, err := w.pool.Exec(ctx, endAttempt, a.args(id, false)...); err != nil {
		return fmt.Errorf("notify: keep result of notice %s: %w", id, err)
	}
	if _, err := w.pool.Exec(ctx, postponeNotice, id, instant(w.now(""))); err != nil {
		return fmt.Errorf("notify: keep result of notice %s: %w", id, err)
	}
	return nil
}

// args are those of endAttempt.
func (a Attempt) args(id string, told bool) []any {
	var retry, toldAt *time.Time
	if !a.RetryAt.IsZero() {
		retry = &a.RetryAt
	}
	if told {
		toldAt = &a.EndedAt
	}
	r := a.Result
	return []any{id, a.Number, a.EndedAt, r.Outcome, r.Reply, r.Remote, r.TLS, r.ID, r.DSN, r.InDoubt, a.Digest, retry, toldAt}
}

const closeUnsent = `
UPDATE notice SET closed_at = $3, outcome = 'stale' WHERE id = $1 AND tries = $2 AND closed_at IS NULL`

// closeStale closes a notice that nobody needs any more, unsent and without an
// event; unless another run has just begun to send it.
func (w *Worker) closeStale(ctx context.Context, job *river.Job[SendArgs], s state) error {
	lost := false
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		at := w.after(s.notice.Account, s.created)
		tag, err := tx.Exec(ctx, closeUnsent, s.notice.ID, s.tries, at)
		if err != nil {
			return err
		}
		if lost = tag.RowsAffected() == 0; lost {
			return nil
		}
		return complete(ctx, tx, job)
	})
	if err == nil && lost {
		return river.JobSnooze(w.timeout)
	}
	if err != nil {
		return fmt.Errorf("notify: close notice %s: %w", s.notice.ID, err)
	}
	return nil
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
