package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxMandates bounds a list of mandates.
const maxMandates = 500

// Mandates lists the mandates of the actor's account, in force and ended, latest
// first. Errors: ErrForbidden, ErrNotFound.
func (s *Service) Mandates(ctx context.Context, by Actor) ([]Mandate, error) {
	if err := s.administers(ctx, s.pool, by, by.Account); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT `+mandateColumns+` FROM mandate WHERE account_id = $1 ORDER BY granted_at DESC, id DESC LIMIT $2`, by.Account, maxMandates)
	if err != nil {
		return nil, fmt.Errorf("identity: mandates: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Mandate])
}

// HeldMandate is a mandate that somebody holds, with the principal.
type HeldMandate struct {
	Mandate
	Principal string // legal name, or the person's
	Kind      Kind   // of the principal
}

// HeldMandates lists the mandates that the actor holds, of any account, in force
// and ended, latest first. Errors: ErrForbidden.
func (s *Service) HeldMandates(ctx context.Context, by Actor) ([]HeldMandate, error) {
	if !by.isPerson(by.Subject) {
		return nil, ErrForbidden
	}
	rows, err := s.pool.Query(ctx, `
SELECT m.id, m.account_id, coalesce(m.person_id::text, ''), m.given, m.family, m.powers, m.classes, m.valid_from, m.valid_until,
       m.granted_by, m.granted_at, m.proof_kind, coalesce(m.proof_record::text, ''), m.revoked_at, `+principalName+`, a.kind
  FROM mandate m JOIN account a ON a.id = m.account_id WHERE m.person_id = $1 AND a.closed_at IS NULL
 ORDER BY m.granted_at DESC, m.id DESC LIMIT $2`, by.Subject, maxMandates)
	if err != nil {
		return nil, fmt.Errorf("identity: held mandates: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (h HeldMandate, err error) {
		m := &h.Mandate
		err = row.Scan(&m.ID, &m.Account, &m.Person, &m.Given, &m.Family, &m.Powers, &m.Classes, &m.From, &m.Until,
			&m.GrantedBy, &m.GrantedAt, &m.ProofKind, &m.ProofRecord, &m.RevokedAt, &h.Principal, &h.Kind)
		return h, err
	})
}

// principalName is SQL for the name of account a: the legal name, or its
// person's.
const principalName = `CASE WHEN a.kind = 'company' THEN a.name ELSE coalesce((
           SELECT x.given || ' ' || x.family FROM membership y JOIN person x ON x.id = y.person_id
            WHERE y.account_id = a.id ORDER BY y.created_at LIMIT 1), '') END`

func oneMandate(ctx context.Context, q querier, id string) (Mandate, error) {
	rows, err := q.Query(ctx, `SELECT `+mandateColumns+` FROM mandate WHERE id = $1`, id)
	if err != nil {
		return Mandate{}, fmt.Errorf("identity: mandate: %w", err)
	}
	m, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Mandate])
	if errors.Is(err, pgx.ErrNoRows) {
		return Mandate{}, ErrNotFound
	}
	if err != nil {
		return Mandate{}, fmt.Errorf("identity: mandate: %w", err)
	}
	return m, nil
}

// revokeMandates ends every mandate that a person holds of an account: with the
// membership. The account is locked.
func revokeMandates(ctx context.Context, tx pgx.Tx, account, person, by string, at time.Time) error {
	_, err := tx.Exec(ctx, `
UPDATE mandate SET revoked_at = greatest(granted_at, $4), revoked_by = $3 WHERE account_id = $1 AND person_id = $2 AND revoked_at IS NULL`,
		account, person, by, at)
	if err != nil {
		return fmt.Errorf("identity: revoke mandates: %w", err)
	}
	return nil
}
