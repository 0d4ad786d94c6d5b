package delivery

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// post is a push that was taken to be sent.
type hookPost struct {
	hook, event, account, url string
	kind                      string
	body                      string
	tries                     int
	giveUp                    time.Time
}

// sqlTakePost takes the push that has waited longest, of an address that is not
// busy. It is due again when the lease is over: who dies while sending has it sent
// twice, with the same id.
const sqlTakePost = `
WITH due AS (
    SELECT p.webhook_id, p.event_id FROM webhook_post p JOIN webhook w ON w.id = p.webhook_id AND w.state = 'enabled'
     WHERE p.next_at <= $1 AND (SELECT count(*) FROM webhook_post b WHERE b.webhook_id = p.webhook_id AND b.held_until > $1) < $3
     ORDER BY p.next_at, p.event_id LIMIT 1 FOR UPDATE OF p SKIP LOCKED
)
UPDATE webhook_post p SET next_at = $2, held_until = $2, tries = p.tries + 1
  FROM due, webhook w WHERE p.webhook_id = due.webhook_id AND p.event_id = due.event_id AND w.id = p.webhook_id
RETURNING p.webhook_id::text, p.event_id::text, w.account_id::text, w.url, p.type, p.body, p.tries, p.give_up_at`

// SendWebhook takes one push that is due, sends it and writes down what came of
// it. It reports false when nothing was due. At least once: what was answered and
// could not be written down is sent again.
func (s *Service) SendWebhook(ctx context.Context) (bool, error) {
	if s.Hooks == nil {
		return false, nil
	}
	now := s.Now()
	var p hookPost
	err := s.Pool.QueryRow(ctx, sqlTakePost, now, now.Add(hookLease), hookAtOnce).
		Scan(&p.hook, &p.event, &p.account, &p.url, &p.kind, &p.body, &p.tries, &p.giveUp)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	keys, err := s.hookKeys(ctx, p.hook, now)
	if err != nil {
		return true, err
	}
	a := s.Hooks.Send(ctx, HookCall{ID: p.event, At: now, URL: p.url, Body: []byte(p.body), Keys: keys})
	if ctx.Err() != nil { // we stop: whether it arrived is not known
		return true, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return true, pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.recordPost(ctx, tx, p, a, now) })
}

// ok reports that a push was taken.
func (a HookAnswer) ok() bool { return a.Fault == "" && a.Status >= 200 && a.Status < 300 }

// recordPost writes down one try, and what follows from it for the push and for
// the webhook.
func (s *Service) recordPost(ctx context.Context, tx pgx.Tx, p hookPost, a HookAnswer, began time.Time) error {
	w, err := s.noteAttempt(ctx, tx, p.hook, HookAttempt{Event: p.event, Type: p.kind, At: began, HookAnswer: a, RetryAt: p.retry(a, s.Now())})
	if errors.Is(err, ErrNotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	outcome, next := "delivered", time.Time{}
	if !a.ok() {
		if next = p.retry(a, s.Now()); next.IsZero() {
			outcome = "failed"
		} else {
			outcome = ""
		}
	}
	// A push that was made anew while this one was out is left alone.
	if _, err := tx.Exec(ctx, `UPDATE webhook_post SET outcome = $3, next_at = $4, held_until = NULL WHERE webhook_id = $1 AND event_id = $2 AND tries = $5`,
		p.hook, p.event, outcome, null(next), p.tries); err != nil {
		return err
	}
	return s.judge(ctx, tx, w, a)
}

// judge notes whether an address works, and disables one that wants nothing any
// more or took nothing for three days.
func (s *Service) judge(ctx context.Context, tx pgx.Tx, w Webhook, a HookAnswer) error {
	now := s.Now()
	if a.ok() {
		_, err := tx.Exec(ctx, `UPDATE webhook SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL`, w.ID)
		return err
	}
	why := HookReason("")
	switch {
	case a.Status == 410:
		why = HookGone
	case !w.FailingSince.IsZero() && now.Sub(w.FailingSince) >= hookLife:
		why = HookFailing
	}
	if why == "" {
		_, err := tx.Exec(ctx, `UPDATE webhook SET failing_since = coalesce(failing_since, $2) WHERE id = $1`, w.ID, now)
		return err
	}
	tag, err := tx.Exec(ctx, `UPDATE webhook SET state = 'disabled', reason = $2 WHERE id = $1 AND state = 'enabled'`, w.ID, why)
	if err != nil || tag.RowsAffected() == 0 || s.HookAlarm == nil {
		return err
	}
	return s.HookAlarm.WebhookDisabled(ctx, tx, w.Account)
}

// waits are those after the first failure, the second, and so on; the last one
// repeats.
var waits = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
	4 * time.Hour, 8 * time.Hour}

// retry is when p is tried again after an answer, later by up to a fifth so that
// what failed together does not come back together. Zero: not at all.
func (p hookPost) retry(a HookAnswer, now time.Time) time.Time {
	if a.ok() {
		return time.Time{}
	}
	d := waits[min(p.tries, len(waits))-1]
	d += rand.N(d/5 + 1)
	at := now.Add(max(d, a.RetryAfter)).Truncate(time.Microsecond)
	if at.After(p.giveUp) {
		return time.Time{}
	}
	return at
}
