package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// TrialAddress is an address to which trial keys of an account may send, once the
// code that was sent there was entered.
type TrialAddress struct {
	ID          string
	Channel     string // "email" or "sms"
	Address     string
	CreatedAt   time.Time
	ConfirmedAt *time.Time
}

// maxTrialAddresses bounds the list of an account.
const maxTrialAddresses = 20

// AllowTrial sends a code to an address that trial keys should be able to send to.
// Asking again sends another one. Errors: ErrForbidden, ErrNotFound, ErrClosed,
// FieldErrors, *Locked, ErrTooManyCodes.
func (s *Service) AllowTrial(ctx context.Context, by Actor, account, channel, address, language string) error {
	address, err := contactValue(channel, address)
	if err != nil {
		return err
	}
	if s.codes == nil {
		return ErrNotFound
	}
	if err := s.administers(ctx, s.pool, by, account); err != nil {
		return err
	}
	if err := s.mayCode(ctx, by.IP, address); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := s.lockAccount(ctx, tx, by, account); err != nil {
			return err
		}
		id, err := newID()
		if err != nil {
			return err
		}
		at := s.now()
		err = tx.QueryRow(ctx, `
INSERT INTO trial_address AS t (id, account_id, channel, address, created_by, created_at)
SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM trial_address WHERE account_id = $2 AND NOT (channel = $3 AND address = $4)) < $7
ON CONFLICT (account_id, channel, address) DO UPDATE SET created_by = t.created_by RETURNING id`,
			id, account, channel, address, by.Subject, at, maxTrialAddresses).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return FieldErrors{{"address", "too_many"}}
		}
		if err != nil {
			return fmt.Errorf("identity: allow trial: %w", err)
		}
		challenge, err := s.codes.Issue(ctx, tx, id, channel, at)
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, Note{Kind: NoteContactCode, Channel: channel, To: address, Language: language, Account: account, Ref: challenge})
	})
}

// ConfirmTrial takes the code. Errors: ErrForbidden, ErrNotFound, ErrCode,
// ErrTooManyCodes.
func (s *Service) ConfirmTrial(ctx context.Context, by Actor, account, id, code string) error {
	if err := s.administers(ctx, s.pool, by, account); err != nil {
		return err
	}
	if s.codes == nil || !isID(id) {
		return ErrNotFound
	}
	var channel string
	err := s.pool.QueryRow(ctx, `SELECT channel FROM trial_address WHERE id = $1 AND account_id = $2 AND confirmed_at IS NULL`, id, account).Scan(&channel)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("identity: confirm trial: %w", err)
	}
	// The code is used up first: who dies here asks for another one.
	if err := s.codes.Check(ctx, id, channel, code, s.now()); err != nil {
		return err
	}
	return s.changeKey(ctx, by, account, id, "trial_address_confirmed",
		`UPDATE trial_address SET confirmed_at = coalesce(confirmed_at, $3) WHERE id = $1 AND account_id = $2`)
}

// ForbidTrial takes an address off the list. Errors: ErrForbidden, ErrNotFound.
func (s *Service) ForbidTrial(ctx context.Context, by Actor, account, id string) error {
	return s.changeKey(ctx, by, account, id, "trial_address_removed",
		`DELETE FROM trial_address WHERE id = $1 AND account_id = $2 AND $3::timestamptz IS NOT NULL`)
}

// TrialAddresses lists them, oldest first. Errors: ErrForbidden, ErrNotFound.
func (s *Service) TrialAddresses(ctx context.Context, by Actor, account string) ([]TrialAddress, error) {
	if err := s.administers(ctx, s.pool, by, account); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT id, channel, address, created_at, confirmed_at FROM trial_address WHERE account_id = $1 ORDER BY created_at, id`, account)
	if err != nil {
		return nil, fmt.Errorf("identity: trial addresses: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[TrialAddress])
}

// TrialAllows reports to which of addresses a trial key of the account may send:
// those that its people or its list have proven. Addresses are in lower case, or
// E.164.
func (s *Service) TrialAllows(ctx context.Context, account string, addresses []string) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, `
SELECT c.value FROM contact c JOIN membership m ON m.person_id = c.person_id WHERE m.account_id = $1 AND c.value = ANY ($2)
UNION SELECT t.address FROM trial_address t WHERE t.account_id = $1 AND t.confirmed_at IS NOT NULL AND t.address = ANY ($2)`, account, addresses)
	if err != nil {
		return nil, fmt.Errorf("identity: trial: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("identity: trial: %w", err)
	}
	out := make(map[string]bool, len(found))
	for _, a := range found {
		out[a] = true
	}
	return out, nil
}
