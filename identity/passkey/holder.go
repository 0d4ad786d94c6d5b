package passkey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"
)

// holder is a person with passkeys, as the protocol sees one.
type holder struct {
	person string
	handle []byte
	login  string
	name   string
	keys   []webauthn.Credential
}

// WebAuthnID implements webauthn.User.
func (h *holder) WebAuthnID() []byte { return h.handle }

// WebAuthnName implements webauthn.User.
func (h *holder) WebAuthnName() string { return h.login }

// WebAuthnDisplayName implements webauthn.User.
func (h *holder) WebAuthnDisplayName() string { return h.name }

// WebAuthnCredentials implements webauthn.User.
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// holderOf reads a person with the passkeys that were not copied, and with the
// copied ones too where all is true.
func holderOf(ctx context.Context, q querier, person string, all bool) (*holder, error) {
	h := &holder{person: person}
	err := q.QueryRow(ctx, `SELECT coalesce(passkey_handle, ''), login, given || ' ' || family FROM person WHERE id = $1`, person).
		Scan(&h.handle, &h.login, &h.name)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrStale
	}
	if err != nil {
		return nil, fmt.Errorf("passkey: person: %w", err)
	}
	rows, err := q.Query(ctx, `SELECT credential FROM webauthn_credential WHERE person_id = $1 AND ($2 OR cloned_at IS NULL)`, person, all)
	if err != nil {
		return nil, fmt.Errorf("passkey: person: %w", err)
	}
	raw, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, fmt.Errorf("passkey: person: %w", err)
	}
	for _, b := range raw {
		var c webauthn.Credential
		if err := json.Unmarshal(b, &c); err != nil {
			return nil, fmt.Errorf("passkey: person: %w", err)
		}
		h.keys = append(h.keys, c)
	}
	return h, nil
}
