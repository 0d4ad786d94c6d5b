package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// eraseAfter is how long after closing an account its personal data goes. R7
// allows 45 days; the rest is for a sweep that does not run.
const eraseAfter = 30 * 24 * time.Hour

// CloseAccount ends an account: its keys, sessions, mandates and links stop at
// once, its personal data goes within 45 days (R7), its deliveries and evidence
// stay as long as they have to. Its administrators are told. Errors: ErrForbidden, ErrNotFound, ErrClosed.
func (s *Service) CloseAccount(ctx context.Context, by Actor, account string) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := s.lockAccount(ctx, tx, by, account); err != nil {
			return err
		}
		at := s.now()
		for _, sql := range []string{
			`UPDATE account SET closed_at = greatest(created_at, $2) WHERE id = $1`,
			`UPDATE api_key SET revoked_at = greatest(created_at, $2) WHERE account_id = $1 AND revoked_at IS NULL`,
			`UPDATE session SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL`,
			`UPDATE mandate SET revoked_at = greatest(granted_at, $2), revoked_by = 'system' WHERE account_id = $1 AND revoked_at IS NULL`,
			`DELETE FROM ticket WHERE account_id = $1 AND $2::timestamptz IS NOT NULL`,
		} {
			if _, err := tx.Exec(ctx, sql, account, at); err != nil {
				return fmt.Errorf("identity: close account: %w", err)
			}
		}
		if err := s.tellAdministrators(ctx, tx, account, Note{Kind: NoteAccountClosed, Account: account, Ref: account}); err != nil {
			return err
		}
		return s.logBy(ctx, tx, by, account, at, "account_closed")
	})
}

// eraseClosed removes the personal data of accounts that closed long enough ago,
// one transaction each. A person in another account stays there.
func (s *Service) eraseClosed(ctx context.Context, at time.Time) error {
	rows, err := s.pool.Query(ctx, `SELECT id FROM account WHERE closed_at <= $1 AND erased_at IS NULL ORDER BY closed_at`, at.Add(-eraseAfter))
	if err != nil {
		return fmt.Errorf("identity: erase: %w", err)
	}
	accounts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("identity: erase: %w", err)
	}
	var errs []error
	for _, a := range accounts {
		errs = append(errs, pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return eraseAccount(ctx, tx, a, at) }))
	}
	return errors.Join(errs...)
}

func eraseAccount(ctx context.Context, tx pgx.Tx, account string, at time.Time) error {
	tag, err := tx.Exec(ctx, `UPDATE account SET name = '', email = '', address = NULL, erased_at = $2 WHERE id = $1 AND erased_at IS NULL`, account, at)
	if err != nil {
		return fmt.Errorf("identity: erase: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil // another process did
	}
	rows, err := tx.Query(ctx, `SELECT person_id FROM membership WHERE account_id = $1 ORDER BY person_id`, account)
	if err != nil {
		return fmt.Errorf("identity: erase: %w", err)
	}
	people, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("identity: erase: %w", err)
	}
	for _, p := range people {
		if err := removeMember(ctx, tx, account, p, System.Subject, at); err != nil {
			return err
		}
	}
	return eraseCompany(ctx, tx, account)
}
