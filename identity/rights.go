package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

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
