package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// pingBody is that of a push that proves an address.
type pingBody struct {
	Type      string   `json:"type"`
	Timestamp string   `json:"timestamp"`
	Data      pingData `json:"data"`
}

type pingData struct {
	Webhook   string `json:"webhook_id"`
	Test      bool   `json:"test"`
	Challenge string `json:"challenge"`
}

// HookPing is the type of the push that proves an address.
const HookPing = "webhook.ping.v1"

// pingsPerMinute bounds what somebody's address, not proven yet, can be made to get.
const pingsPerMinute = 10

// PingWebhook pushes once, now, and says what came of it. An address that answers
// 2xx and repeats the challenge of the body in its answer wants to be told: one
// that was pending is enabled. The same Once gives what came of it then. Errors:
// ErrNoHooks, ErrNotFound, ErrHookBusy, ErrKeyReused, ErrRunning.
func (s *Service) PingWebhook(ctx context.Context, account string, test bool, id string, once Once) (try HookAttempt, replayed bool, err error) {
	if s.Hooks == nil {
		return try, false, ErrNoHooks
	}
	w, err := s.Webhook(ctx, account, test, id)
	if err != nil {
		return try, false, err
	}
	event := evidence.NewID()
	was, err := s.remember(ctx, account, "webhook_ping", once, ID(event))
	if err != nil {
		return try, false, err
	}
	if was != "" {
		try, err = s.pinged(ctx, id, string(was))
		return try, true, err
	}
	try, err = s.ping(ctx, w, event)
	return try, false, err
}

// pinged is what came of an earlier ping. Errors: ErrRunning.
func (s *Service) pinged(ctx context.Context, hook, event string) (HookAttempt, error) {
	rows, err := s.Pool.Query(ctx, sqlHookAttempts+` WHERE a.webhook_id = $1 AND a.event_id = $2`, hook, event)
	if err != nil {
		return HookAttempt{}, err
	}
	try, err := pgx.CollectExactlyOneRow(rows, scanHookAttempt)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrRunning
	}
	return try, err
}

const sqlChallenge = `
SELECT challenge, (SELECT count(*) FROM webhook_attempt a WHERE a.webhook_id = w.id AND a.type = $2 AND a.at > $3) FROM webhook w WHERE id = $1`

func (s *Service) ping(ctx context.Context, w Webhook, event string) (HookAttempt, error) {
	at := s.Now()
	var challenge string
	var pings int
	if err := s.Pool.QueryRow(ctx, sqlChallenge, w.ID, HookPing, at.Add(-time.Minute)).Scan(&challenge, &pings); err != nil {
		return HookAttempt{}, err
	}
	if pings >= pingsPerMinute {
		return HookAttempt{}, ErrHookBusy
	}
	keys, err := s.hookKeys(ctx, w.ID, at)
	if err != nil {
		return HookAttempt{}, err
	}
	body, err := json.Marshal(pingBody{HookPing, at.UTC().Format("2006-01-02T15:04:05.000000Z"), pingData{w.ID, w.Test, challenge}})
	if err != nil {
		return HookAttempt{}, err
	}
	try := HookAttempt{Event: event, Type: HookPing, At: at}
	try.HookAnswer = s.Hooks.Send(ctx, HookCall{ID: try.Event, At: at, URL: w.URL, Body: body, Keys: keys})
	if try.ok() && !repeats(try.Answer, challenge) {
		try.Fault = FaultChallenge
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.recordPing(ctx, tx, w, &try) })
	return try, err
}

// recordPing writes a ping down; the address it proves is the one it was sent to.
func (s *Service) recordPing(ctx context.Context, tx pgx.Tx, w Webhook, try *HookAttempt) error {
	if _, err := s.noteAttempt(ctx, tx, w.ID, *try); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `SELECT attempts FROM webhook WHERE id = $1`, w.ID).Scan(&try.Number); err != nil || !try.ok() {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE webhook SET proven_at = coalesce(proven_at, $3), state = CASE state WHEN 'pending' THEN 'enabled' ELSE state END, failing_since = NULL
		WHERE id = $1 AND url = $2`, w.ID, w.URL, s.Now())
	return err
}
