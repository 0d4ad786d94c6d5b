package identity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// KeyLife is how long a key lives unless its maker says otherwise; MaxKeyLife at
// most.
const (
	KeyLife    = 365 * 24 * time.Hour
	MaxKeyLife = 3 * KeyLife
)

// maxSameName is how many keys of one name and mode may answer at once: an old one,
// and its successor while software changes over.
const maxSameName = 2

// NewKey is what making a key takes.
type NewKey struct {
	Mode   Mode
	Name   string        // what it is used for; its successor has the same
	Scopes []Scope       // at least one
	Life   time.Duration // zero: KeyLife
}

// check tidies n and finds what is wrong with it.
func (n *NewKey) check() (bad FieldErrors) {
	if !slices.Contains(Modes(), n.Mode) {
		bad = append(bad, FieldError{"mode", "malformed"})
	}
	if n.Name = clean(strings.TrimSpace(n.Name), 200); n.Name == "" {
		bad = append(bad, FieldError{"name", "missing"})
	}
	if len(n.Scopes) == 0 {
		bad = append(bad, FieldError{"scopes", "missing"})
	}
	var scopes []Scope
	for _, s := range Scopes() {
		if slices.Contains(n.Scopes, s) {
			scopes = append(scopes, s)
		}
	}
	if len(scopes) != len(n.Scopes) {
		bad = append(bad, FieldError{"scopes", "malformed"})
	}
	n.Scopes = scopes
	if n.Life == 0 {
		n.Life = KeyLife
	}
	if n.Life < time.Hour || n.Life > MaxKeyLife {
		bad = append(bad, FieldError{"life", "malformed"})
	}
	return bad
}

// MakeKey makes a key and returns its secret, which exists nowhere else: it is
// shown once and cannot be found again. Only administrators of the account may,
// and the system. A key of the same name that still answers goes on: the new one
// is its successor. A third one is refused with ErrTooManyKeys.
//
// Errors: ErrForbidden, ErrNotFound, ErrClosed, ErrSuspended, ErrTooManyKeys,
// FieldErrors.
func (s *Service) MakeKey(ctx context.Context, by Actor, account string, n NewKey) (secret string, k Key, err error) {
	if err := n.check().orNil(); err != nil {
		return "", Key{}, err
	}
	end := s.now().Add(n.Life)
	return s.makeKey(ctx, by, account, n, &end)
}

// CreateKey is MakeKey with every scope and without an end: for what the system
// makes for itself, as a demonstration does.
//
// Errors: ErrForbidden, ErrNotFound, ErrClosed, ErrTooManyKeys, FieldErrors.
func (s *Service) CreateKey(ctx context.Context, by Actor, account string, mode Mode, name string) (secret string, k Key, err error) {
	n := NewKey{Mode: mode, Name: name, Scopes: Scopes()}
	if err := n.check().orNil(); err != nil {
		return "", Key{}, err
	}
	return s.makeKey(ctx, by, account, n, nil)
}

func (s *Service) makeKey(ctx context.Context, by Actor, account string, n NewKey, end *time.Time) (secret string, k Key, err error) {
	secret = newSecret(n.Mode)
	hash := sha256.Sum256([]byte(secret))
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		k, err = s.insertKey(ctx, tx, by, account, n, KindKey, hash[:], end)
		return err
	})
	if err != nil {
		return "", Key{}, err
	}
	return secret, k, nil
}

// insertKey makes the row of a key or client, with the account locked, so that
// two administrators make no third key of a name.
func (s *Service) insertKey(ctx context.Context, tx pgx.Tx, by Actor, account string, n NewKey, kind string, hash []byte, end *time.Time) (k Key, err error) {
	if _, err := s.lockAccount(ctx, tx, by, account); err != nil {
		return Key{}, err
	}
	at := s.now()
	var same int
	err = tx.QueryRow(ctx, `
SELECT count(*) FROM api_key WHERE account_id = $1 AND mode = $2 AND name = $3 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $4)`,
		account, n.Mode, n.Name, at).Scan(&same)
	if err != nil {
		return Key{}, fmt.Errorf("identity: create key: %w", err)
	}
	if same >= maxSameName {
		return Key{}, ErrTooManyKeys
	}
	k = Key{Account: account, Kind: kind, Mode: n.Mode, Test: n.Mode == Test, Name: n.Name, Scopes: n.Scopes, CreatedAt: at, ExpiresAt: end}
	if k.ID, err = newID(); err != nil {
		return Key{}, err
	}
	_, err = tx.Exec(ctx, `
INSERT INTO api_key (id, account_id, kind, mode, name, scopes, secret_hash, created_by, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, k.ID, account, kind, n.Mode, n.Name, n.Scopes, hash, by.Subject, at, end)
	if err != nil {
		return Key{}, fmt.Errorf("identity: create key: %w", err)
	}
	return k, s.logBy(ctx, tx, by, account, at, kind+"_created")
}
