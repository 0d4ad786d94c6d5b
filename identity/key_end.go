package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// RevokeKey ends a key for good, from the next request on; tokens that a client
// has end with it. Revoking it again is no error. Errors: ErrForbidden, ErrNotFound.
func (s *Service) RevokeKey(ctx context.Context, by Actor, account, key string) error {
	return s.changeKey(ctx, by, account, key, "key_revoked", `
UPDATE api_key SET revoked_at = coalesce(revoked_at, greatest(created_at, $3)) WHERE id = $1 AND account_id = $2`)
}

// BlockKey stops a key until [Service.UnblockKey]: for whoever fears it leaked and
// wants to look first. Errors: ErrForbidden, ErrNotFound, also for a key that was
// revoked.
func (s *Service) BlockKey(ctx context.Context, by Actor, account, key string) error {
	return s.changeKey(ctx, by, account, key, "key_blocked", `
UPDATE api_key SET blocked_at = coalesce(blocked_at, $3) WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL`)
}

// UnblockKey lets a blocked key answer again. Errors: ErrForbidden, ErrNotFound.
func (s *Service) UnblockKey(ctx context.Context, by Actor, account, key string) error {
	return s.changeKey(ctx, by, account, key, "key_unblocked", `
UPDATE api_key SET blocked_at = CASE WHEN $3::timestamptz IS NULL THEN blocked_at END WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL`)
}

func (s *Service) changeKey(ctx context.Context, by Actor, account, key, action, sql string) error {
	if !isID(key) {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.administers(ctx, tx, by, account); err != nil {
			return err
		}
		at := s.now()
		tag, err := tx.Exec(ctx, sql, key, account, at)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		return s.logBy(ctx, tx, by, account, at, action)
	})
}

// Keys lists the keys and clients of an account, revoked ones too. A key with the
// scope admin may, for its own account. Errors: ErrForbidden, ErrNotFound.
func (s *Service) Keys(ctx context.Context, by Actor, account string) ([]Key, error) {
	if err := s.administers(ctx, s.pool, by, account); err != nil {
		return nil, err
	}
	return s.keysOf(ctx, account)
}

func (s *Service) keysOf(ctx context.Context, account string) ([]Key, error) {
	rows, err := s.pool.Query(ctx, selectKey+` WHERE k.account_id = $1 ORDER BY k.created_at, k.id`, account)
	if err != nil {
		return nil, fmt.Errorf("identity: keys: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
}

// KeysSeenBy lists what a key may know of its account's keys: all of its mode with
// the scope admin, else itself. Errors: ErrNotFound.
func (s *Service) KeysSeenBy(ctx context.Context, k Key) ([]Key, error) {
	all, err := s.keysOf(ctx, k.Account)
	if err != nil {
		return nil, err
	}
	var seen []Key
	for _, x := range all {
		if x.ID == k.ID || k.May(ScopeAdmin) && x.Mode == k.Mode {
			seen = append(seen, x)
		}
	}
	return seen, nil
}

// keyWarnings are how many days before its end an account is told of a key.
func keyWarnings() []int { return []int{7, 30} }

// WarnOfKeys tells administrators of keys that end within 30 days, and again
// within 7. Each warning goes out once, from any number of processes.
func (s *Service) WarnOfKeys(ctx context.Context) error {
	at := s.now()
	for _, days := range keyWarnings() {
		rows, err := s.pool.Query(ctx, `
SELECT k.id, k.account_id FROM api_key k JOIN account a ON a.id = k.account_id
 WHERE k.expires_at > $1 AND k.expires_at <= $2 AND (k.warned = 0 OR k.warned > $3) AND k.revoked_at IS NULL AND a.closed_at IS NULL
 ORDER BY k.id LIMIT 1000`, at, at.Add(time.Duration(days)*24*time.Hour), days)
		if err != nil {
			return fmt.Errorf("identity: keys that end: %w", err)
		}
		type ending struct{ ID, Account string }
		due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ending])
		if err != nil {
			return fmt.Errorf("identity: keys that end: %w", err)
		}
		for _, k := range due {
			err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
				tag, err := tx.Exec(ctx, `UPDATE api_key SET warned = $2 WHERE id = $1 AND (warned = 0 OR warned > $2) AND revoked_at IS NULL`, k.ID, days)
				if err != nil || tag.RowsAffected() == 0 { // another process told
					return err
				}
				return s.tellAdministrators(ctx, tx, k.Account, Note{Kind: NoteKeyExpires, Account: k.Account, Ref: k.ID})
			})
			if err != nil {
				return fmt.Errorf("identity: keys that end: %w", err)
			}
		}
	}
	return nil
}

// keyFacts are those of a note about a key that ends. What is the key's name.
func (s *Service) keyFacts(ctx context.Context, n Note) (f NoteFacts, err error) {
	if !isID(n.Ref) {
		return f, ErrStale
	}
	err = s.pool.QueryRow(ctx, `
SELECT a.name, k.name, k.expires_at FROM api_key k JOIN account a ON a.id = k.account_id
 WHERE k.id = $1 AND k.revoked_at IS NULL AND a.closed_at IS NULL AND k.expires_at > $2`, n.Ref, s.now()).Scan(&f.Account, &f.Who, &f.Until)
	if errors.Is(err, pgx.ErrNoRows) {
		return NoteFacts{}, ErrStale
	}
	if err != nil {
		return NoteFacts{}, fmt.Errorf("identity: note facts: %w", err)
	}
	f.Path = pathKeys
	return f, nil
}
