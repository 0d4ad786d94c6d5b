package delivery

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
)

// HookAttempt is one try of a push. Took is in whole milliseconds.
type HookAttempt struct {
	Number int // from 1 within the webhook
	Event  string
	Type   string
	At     time.Time
	HookAnswer
	RetryAt time.Time // zero: it is not tried again by itself
}

// Delivered reports that the address took it.
func (a HookAttempt) Delivered() bool { return a.ok() }

const sqlNoteAttempt = `
WITH w AS (
    UPDATE webhook SET attempts = attempts + 1 WHERE id = $1
    RETURNING id, account_id::text, state, reason, attempts, coalesce(failing_since, 'epoch') AS failing
), a AS (
    INSERT INTO webhook_attempt (webhook_id, number, event_id, type, at, took_ms, status, fault, answer, retry_at)
    SELECT id, attempts, $2, $3, $4, $5, $6, $7, $8, $9 FROM w
)
SELECT account_id, state, reason, failing FROM w`

// noteAttempt writes a try into the log, holds the webhook, and returns what
// matters of it as it was. Errors: ErrNotFound.
func (s *Service) noteAttempt(ctx context.Context, tx pgx.Tx, hook string, a HookAttempt) (Webhook, error) {
	w := Webhook{ID: hook}
	err := tx.QueryRow(ctx, sqlNoteAttempt, hook, a.Event, a.Type, a.At, a.Took.Milliseconds(), a.Status, a.Fault, CleanAnswer(a.Answer), null(a.RetryAt)).
		Scan(&w.Account, &w.State, &w.Reason, &w.FailingSince)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, ErrNotFound
	}
	if w.FailingSince = w.FailingSince.UTC(); w.FailingSince.Unix() == 0 {
		w.FailingSince = time.Time{}
	}
	return w, err
}

// secretive is what an answer may hold and a log may not: addresses of people, and
// what is long and random.
var secretive = regexp.MustCompile(`[^\s"'<>@]+@[^\s"'<>@]+|[A-Za-z0-9+/_=.~-]{24,}|(?i:bearer|basic) +\S+|(?i)"?(?:password|secret|token|api_?key|authorization|cookie)"?\s*[:=]\s*"?[^\s",}]+`)

// CleanAnswer is what is kept of an answer: its beginning, as text, without what
// looks like a secret.
func CleanAnswer(b []byte) string {
	text := strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b), "?"))
	text = secretive.ReplaceAllString(text, "[…]")
	if len(text) > maxHookAnswer {
		text = strings.ToValidUTF8(text[:maxHookAnswer], "")
	}
	return text
}

// repeats reports whether an answer holds a challenge.
func repeats(answer []byte, challenge string) bool {
	return challenge != "" && bytes.Contains(answer, []byte(challenge))
}

const sqlHookAttempts = `
SELECT a.number, a.event_id, a.type, a.at, a.took_ms, a.status, a.fault, a.answer, a.retry_at
  FROM webhook_attempt a JOIN webhook w ON w.id = a.webhook_id`

func scanHookAttempt(row pgx.CollectableRow) (a HookAttempt, err error) {
	var ms int64
	var answer string
	var retry *time.Time
	err = row.Scan(&a.Number, &a.Event, &a.Type, &a.At, &ms, &a.Status, &a.Fault, &answer, &retry)
	a.At, a.Took, a.Answer = a.At.UTC(), time.Duration(ms)*time.Millisecond, []byte(answer)
	if retry != nil {
		a.RetryAt = retry.UTC()
	}
	return a, err
}

// WebhookAttempts lists tries, newest first, at most limit of them, older than
// number before (0: from the newest). Errors: ErrNotFound.
func (s *Service) WebhookAttempts(ctx context.Context, account string, test bool, id string, before, limit int) ([]HookAttempt, error) {
	if _, err := s.Webhook(ctx, account, test, id); err != nil {
		return nil, err
	}
	rows, err := s.Pool.Query(ctx, sqlHookAttempts+` WHERE w.id = $1 AND w.account_id = $2 AND ($3 = 0 OR a.number < $3) ORDER BY a.number DESC LIMIT $4`,
		id, account, before, min(max(limit, 1), MaxPage))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanHookAttempt)
}

const sqlResendPost = `
UPDATE webhook_post p SET outcome = '', tries = 0, next_at = $3, give_up_at = $4, held_until = NULL
  FROM webhook_attempt a
 WHERE a.webhook_id = $1 AND a.number = $2 AND p.webhook_id = a.webhook_id AND p.event_id = a.event_id`

// ResendWebhookAttempt pushes once more what was tried, whatever came of it; with
// the same id. The same Once does it once. Errors: ErrNotFound, also for a ping
// and for what is no longer kept; ErrHookOff; ErrKeyReused.
func (s *Service) ResendWebhookAttempt(ctx context.Context, account string, test bool, id string, number int, once Once) (replayed bool, err error) {
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
		now := s.Now()
		tag, err := tx.Exec(ctx, sqlResendPost, id, number, now, now.Add(hookLife))
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNotFound
		}
		return err
	})
	return replayed, err
}

// RetryWebhook pushes again what was given up. Errors: ErrNotFound, ErrHookOff.
func (s *Service) RetryWebhook(ctx context.Context, account string, test bool, id string) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		w, err := lockHook(ctx, tx, account, test, id)
		if err != nil {
			return err
		}
		if w.State != HookEnabled {
			return ErrHookOff
		}
		now := s.Now()
		_, err = tx.Exec(ctx, `UPDATE webhook_post SET outcome = '', tries = 0, next_at = $2, give_up_at = $3, held_until = NULL
			WHERE webhook_id = $1 AND outcome = 'failed'`, id, now, now.Add(hookLife))
		return err
	})
}
