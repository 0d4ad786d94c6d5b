package delivery

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// normal writes what was asked for in one form, and finds what is wrong with it.
func (s *Service) normalHook(in NewHook) (NewHook, FieldErrors) {
	var c checker
	in.URL, in.Description = strings.TrimSpace(in.URL), strings.TrimSpace(in.Description)
	c.text("/url", in.URL, 1, MaxHookURL, false)
	c.text("/description", in.Description, 0, MaxHookText, false)
	if len(c.faults) == 0 && s.Hooks.Check(in.URL) != nil {
		c.fault("/url", "webhook_url")
	}
	if len(in.Types) == 0 {
		in.Types = []string{PresetDefault}
	}
	if _, i := namesOf(in.Types); i >= 0 {
		c.fault("/types/"+strconv.Itoa(i), "event_type")
	}
	slices.Sort(in.Types)
	in.Types = slices.Compact(in.Types)
	return in, c.faults
}

const (
	// One account at a time, so that none gets past the bound.
	sqlLockHooks = `SELECT count(w.id) FROM (SELECT id FROM account WHERE id = $1 FOR UPDATE) a LEFT JOIN webhook w ON w.account_id = a.id AND w.test = $2`

	// It is told of what is committed from now on; of what has begun already too.
	sqlInsertHook = `
INSERT INTO webhook (id, account_id, test, url, description, types, state, challenge, cursor_tx, cursor_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, pg_snapshot_xmin(pg_current_snapshot()), '00000000-0000-0000-0000-000000000000', $8)`
)

// CreateWebhook registers an address. Nothing is pushed before [Service.PingWebhook]
// has shown that it wants to be told. The key is given out here and nowhere else,
// but again to the same Once while it is the newest. Errors: ErrNoHooks,
// FieldErrors, ErrTooManyHooks, ErrKeyReused.
func (s *Service) CreateWebhook(ctx context.Context, account string, test bool, in NewHook, once Once) (w Webhook, k HookKey, replayed bool, err error) {
	if s.Hooks == nil {
		return w, k, false, ErrNoHooks
	}
	in, faults := s.normalHook(in)
	if len(faults) > 0 {
		return w, k, false, faults
	}
	id := evidence.NewID()
	var was ID
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		if once.Key != "" {
			was, err = sameOnce(tx.QueryRow(ctx, sqlClaimKey, account, once.Key, "webhook", once.Digest, id, s.Now()), "webhook", once)
			if err != nil || string(was) != id {
				return err
			}
		}
		var n int
		if err := tx.QueryRow(ctx, sqlLockHooks, account, test).Scan(&n); err != nil {
			return err
		}
		if n >= MaxHooks {
			return ErrTooManyHooks
		}
		if _, err := tx.Exec(ctx, sqlInsertHook, id, account, test, in.URL, in.Description, in.Types, newHookKey().Shared()[6:38], s.Now()); err != nil {
			return err
		}
		k, err = s.addHookKey(ctx, tx, id, evidence.NewID(), s.Now())
		return err
	})
	if err != nil {
		return w, HookKey{}, false, err
	}
	if was != "" && string(was) != id {
		return s.createdBefore(ctx, account, test, string(was))
	}
	w, err = s.Webhook(ctx, account, test, id)
	return w, k, false, err
}

// createdBefore is the first answer again, with the key while it is the newest.
func (s *Service) createdBefore(ctx context.Context, account string, test bool, id string) (Webhook, HookKey, bool, error) {
	w, err := s.Webhook(ctx, account, test, id)
	if err != nil {
		return w, HookKey{}, false, err
	}
	keys, err := s.hookKeys(ctx, id, s.Now())
	if err != nil || len(w.Keys) != 1 || !w.Keys[0].CreatedAt.Equal(w.CreatedAt) {
		return w, HookKey{}, true, err
	}
	return w, keys[0], true, nil
}

// HookChange is what is to change; nil: it stays.
type HookChange struct {
	URL, Description *string
	Types            *[]string
	Enabled          *bool
}

const sqlChangeHook = `
UPDATE webhook SET url = $4, description = $5, types = $6, state = $7, reason = $8, proven_at = $9, failing_since = NULL, challenge = coalesce($10, challenge)
 WHERE id = $1 AND account_id = $2 AND test = $3`

// ChangeWebhook changes a webhook. One whose address changes has to prove anew
// that it wants to be told; one that is enabled goes on where it stopped. Errors:
// ErrNoHooks, ErrNotFound, FieldErrors, ErrHookUnproven.
func (s *Service) ChangeWebhook(ctx context.Context, account string, test bool, id string, change HookChange) (Webhook, error) {
	if s.Hooks == nil {
		return Webhook{}, ErrNoHooks
	}
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		w, err := lockHook(ctx, tx, account, test, id)
		if err != nil {
			return err
		}
		in := NewHook{w.URL, w.Description, w.Types}
		for _, x := range []struct{ to, from *string }{{&in.URL, change.URL}, {&in.Description, change.Description}} {
			if x.from != nil {
				*x.to = *x.from
			}
		}
		if change.Types != nil {
			in.Types = *change.Types
		}
		in, faults := s.normalHook(in)
		if len(faults) > 0 {
			return faults
		}
		var challenge *string
		if in.URL != w.URL {
			fresh := newHookKey().Shared()[6:38]
			w.State, w.Reason, w.ProvenAt, challenge = HookPending, "", time.Time{}, &fresh
		}
		if change.Enabled != nil {
			if w.State, w.Reason, err = w.turned(*change.Enabled); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, sqlChangeHook, id, account, test, in.URL, in.Description, in.Types, w.State, w.Reason, null(w.ProvenAt), challenge)
		return err
	})
	if err != nil {
		return Webhook{}, err
	}
	return s.Webhook(ctx, account, test, id)
}

// turned is the state of w when its owner turns it on or off. Errors:
// ErrHookUnproven.
func (w Webhook) turned(on bool) (HookState, HookReason, error) {
	switch {
	case !on:
		return HookDisabled, HookAsked, nil
	case w.ProvenAt.IsZero():
		return w.State, w.Reason, ErrHookUnproven
	}
	return HookEnabled, "", nil
}

// lockHook reads a webhook and holds it until the transaction ends.
func lockHook(ctx context.Context, tx pgx.Tx, account string, test bool, id string) (Webhook, error) {
	if !isID(id) {
		return Webhook{}, ErrNotFound
	}
	rows, err := tx.Query(ctx, sqlHook+` WHERE w.id = $1 AND w.account_id = $2 AND w.test = $3 FOR UPDATE OF w`, id, account, test)
	if err != nil {
		return Webhook{}, err
	}
	list, err := pgx.CollectRows(rows, scanHook)
	if err != nil {
		return Webhook{}, err
	}
	if len(list) == 0 {
		return Webhook{}, ErrNotFound
	}
	return list[0], nil
}

// DeleteWebhook removes a webhook with its keys and its log. A push that is under
// way may still arrive. Errors: ErrNotFound.
func (s *Service) DeleteWebhook(ctx context.Context, account string, test bool, id string) error {
	if !isID(id) {
		return ErrNotFound
	}
	tag, err := s.Pool.Exec(ctx, `DELETE FROM webhook WHERE id = $1 AND account_id = $2 AND test = $3`, id, account, test)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	return err
}

// RotateWebhook makes a new key, given out here and nowhere else, but again to the
// same Once while it is the newest. The ones before sign too until the overlap is
// over, 0: at once. Errors: ErrNotFound, FieldErrors, ErrKeyReused.
func (s *Service) RotateWebhook(ctx context.Context, account string, test bool, id string, overlap time.Duration, once Once) (w Webhook, k HookKey, replayed bool, err error) {
	var c checker
	if overlap < 0 || overlap > MaxOverlap {
		c.fault("/overlap", "duration", "max", "P7D")
		return w, k, false, c.faults
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := lockHook(ctx, tx, account, test, id); err != nil {
			return err
		}
		at, key := s.Now(), evidence.NewID()
		if once.Key != "" {
			was, err := sameOnce(tx.QueryRow(ctx, sqlClaimKey, account, once.Key, "webhook_rotate", once.Digest, key, at), "webhook_rotate", once)
			if replayed = err == nil && string(was) != key; err != nil || replayed {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM webhook_key WHERE webhook_id = $1 AND ends_at <= $2`, id, at); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE webhook_key SET ends_at = least(ends_at, $2) WHERE webhook_id = $1`, id, at.Add(overlap)); err != nil {
			return err
		}
		k, err = s.addHookKey(ctx, tx, id, key, at)
		return err
	})
	if err != nil {
		return w, HookKey{}, false, err
	}
	if w, err = s.Webhook(ctx, account, test, id); err == nil && replayed {
		k, err = s.keyOf(ctx, account, once, id)
	}
	return w, k, replayed, err
}

// keyOf is the key that an earlier call made, while it is the newest.
func (s *Service) keyOf(ctx context.Context, account string, once Once, hook string) (HookKey, error) {
	var newest bool
	err := s.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM idempotency i JOIN webhook_key k ON k.id = i.ref
		WHERE i.account_id = $1 AND i.key = $2 AND k.webhook_id = $3 AND k.ends_at IS NULL)`, account, once.Key, hook).Scan(&newest)
	if err != nil || !newest {
		return HookKey{}, err
	}
	keys, err := s.hookKeys(ctx, hook, s.Now())
	if err != nil || len(keys) == 0 {
		return HookKey{}, err
	}
	return keys[0], nil
}
