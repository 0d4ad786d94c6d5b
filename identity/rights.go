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

// Consent is a text that somebody agreed to (R4).
type Consent struct {
	ID          string // given by AgreeTo
	Text        string // name of the text: "terms", "privacy"
	Version     string
	Language    string
	GivenAt     time.Time
	WithdrawnAt *time.Time
}

// AgreeTo records that the actor agreed to a text. Errors: ErrForbidden, FieldErrors.
func (s *Service) AgreeTo(ctx context.Context, by Actor, c Consent) error {
	if !by.isPerson(by.Subject) {
		return ErrForbidden
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		return insertConsent(ctx, tx, by.Account, by.Subject, c, s.now())
	})
}

func insertConsent(ctx context.Context, tx pgx.Tx, account, person string, c Consent, at time.Time) error {
	if c.Text == "" || c.Version == "" {
		return FieldErrors{{"consent", "missing"}}
	}
	id, err := newID()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
INSERT INTO consent (id, person_id, account_id, text, version, language, given_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, person, account, clean(c.Text, 100), clean(c.Version, 100), clean(c.Language, 35), at)
	if err != nil {
		return fmt.Errorf("identity: consent: %w", err)
	}
	return nil
}

// WithdrawConsent records that the actor no longer agrees. What that means for
// the account is the face's to explain. Errors: ErrNotFound.
func (s *Service) WithdrawConsent(ctx context.Context, by Actor, consent string) error {
	if !by.isPerson(by.Subject) || !isID(consent) {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		at := s.now()
		tag, err := tx.Exec(ctx, `UPDATE consent SET withdrawn_at = greatest(given_at, $3) WHERE id = $1 AND person_id = $2 AND withdrawn_at IS NULL`, consent, by.Subject, at)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		return s.logBy(ctx, tx, by, by.Account, at, "consent_withdrawn")
	})
}

// Restrict stops or resumes the processing of the actor's data (GDPR art. 18):
// while it is on, the person may look and nothing else. Errors: ErrNotFound.
func (s *Service) Restrict(ctx context.Context, by Actor, on bool) error {
	if !by.isPerson(by.Subject) {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		at := s.now()
		tag, err := tx.Exec(ctx, `UPDATE person SET restricted_at = CASE WHEN $2 THEN coalesce(restricted_at, $3::timestamptz) END WHERE id = $1`, by.Subject, on, at)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		return s.logBy(ctx, tx, by, by.Account, at, map[bool]string{true: "restricted", false: "unrestricted"}[on])
	})
}

// CloseAccount ends an account: its keys and sessions stop at once, its personal
// data goes within 45 days (R7), its deliveries and evidence stay as long as
// they have to. Errors: ErrForbidden, ErrNotFound, ErrClosed.
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
		} {
			if _, err := tx.Exec(ctx, sql, account, at); err != nil {
				return fmt.Errorf("identity: close account: %w", err)
			}
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
