package identity

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxPasskeys is how many passkeys a person may have.
const MaxPasskeys = 20

// Passkey is one of a person's passkeys. How it signs in is for identity/passkey.
type Passkey struct {
	ID        string // base64url
	Name      string
	Synced    bool // the credential may leave its device (backup eligible)
	CreatedAt time.Time
	UsedAt    *time.Time
	ClonedAt  *time.Time // its counter went back: it opens nothing any more
}

// Passkeys lists those of the actor, oldest first. Errors: ErrNotFound.
func (s *Service) Passkeys(ctx context.Context, by Actor) ([]Passkey, error) {
	if !by.isPerson(by.Subject) {
		return nil, ErrNotFound
	}
	rows, err := s.pool.Query(ctx, `
SELECT translate(encode(id, 'base64'), E'+/=\n', '-_'), name, coalesce((credential #>> '{flags,backupEligible}')::boolean, false),
       created_at, used_at, cloned_at
  FROM webauthn_credential WHERE person_id = $1 ORDER BY created_at, id`, by.Subject)
	if err != nil {
		return nil, fmt.Errorf("identity: passkeys: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Passkey])
}

// PasskeyName tidies the name of a passkey. Errors: FieldErrors.
func PasskeyName(name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", FieldErrors{{"passkey_name", "missing"}}
	case name != clean(name, 200):
		return "", FieldErrors{{"passkey_name", "malformed"}}
	}
	return name, nil
}

// RenamePasskey gives a passkey of the actor another name. Errors: ErrNotFound,
// FieldErrors.
func (s *Service) RenamePasskey(ctx context.Context, by Actor, id, name string) error {
	raw, ok := passkeyID(id)
	if !ok || !by.isPerson(by.Subject) {
		return ErrNotFound
	}
	name, err := PasskeyName(name)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE webauthn_credential SET name = $3 WHERE id = $1 AND person_id = $2`, raw, by.Subject, name)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		return s.logBy(ctx, tx, by, by.Account, s.now(), "passkey_renamed")
	})
}

// RemovePasskey ends a passkey of the actor; another factor that works has to
// stay. Errors: ErrForbidden, ErrNotFresh, ErrNotFound, ErrLastFactor.
func (s *Service) RemovePasskey(ctx context.Context, by Actor, id string) error {
	raw, ok := passkeyID(id)
	if !ok {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.MayChangeFactors(ctx, tx, by); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM webauthn_credential WHERE id = $1 AND person_id = $2`, raw, by.Subject)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		var stays bool
		err = tx.QueryRow(ctx, `
SELECT totp_secret IS NOT NULL OR EXISTS (SELECT FROM webauthn_credential w WHERE w.person_id = p.id AND w.cloned_at IS NULL)
  FROM person p WHERE p.id = $1`, by.Subject).Scan(&stays)
		if err != nil {
			return fmt.Errorf("identity: remove passkey: %w", err)
		}
		if !stays {
			return ErrLastFactor
		}
		return s.FactorChanged(ctx, tx, by, "passkey_removed")
	})
}

func passkeyID(id string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	return raw, err == nil && len(raw) > 0 && len(raw) <= 1023
}
