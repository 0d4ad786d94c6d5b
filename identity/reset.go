package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// resetFor is how long a password reset may be used.
const resetFor = 30 * time.Minute

// Reset is a password reset to be mailed to its person.
type Reset struct {
	Person    string
	Token     string // for the link; kept as a digest
	Email     string
	Language  string
	ExpiresAt time.Time
}

// AskReset starts a password reset. For a login that does not exist it returns
// the zero Reset and no error: the face says the same to everybody, and mails
// only when Email is set. An older reset of the person is dead.
//
// Errors: *Locked.
func (s *Service) AskReset(ctx context.Context, login, ip string) (Reset, error) {
	at := s.now()
	login = foldLogin(login)
	err := s.try(ctx, at, s.countedBy(addressLimit(), "reset", network(ip)), s.countedBy(resetLimit(), login))
	if err != nil {
		return Reset{}, err
	}
	r := Reset{Token: newToken(), ExpiresAt: at.Add(resetFor)}
	hash, _ := tokenHash(r.Token)
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT id, email, language FROM person WHERE login = $1 FOR UPDATE`, login).Scan(&r.Person, &r.Email, &r.Language)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM password_reset WHERE person_id = $1`, r.Person); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO password_reset (token_hash, person_id, expires_at) VALUES ($1, $2, $3)`, hash, r.Person, r.ExpiresAt)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Reset{}, nil
	}
	if err != nil {
		return Reset{}, fmt.Errorf("identity: ask reset: %w", err)
	}
	return r, nil
}

// ResetPassword sets a new password with a token that AskReset gave. The token
// is good once. Every session of the person ends; the second factor stays.
//
// Errors: ErrToken, FieldErrors, ErrBusy.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	hash, ok := tokenHash(token)
	if !ok {
		return ErrToken
	}
	// Looked at before the hashing, taken after it: a refused password must not
	// cost the token, and two who use it at once must not both win.
	at := s.now()
	var login, given, family string
	err := s.pool.QueryRow(ctx, `
SELECT p.login, p.given, p.family FROM password_reset r JOIN person p ON p.id = r.person_id
 WHERE r.token_hash = $1 AND r.expires_at > $2`, hash, at).Scan(&login, &given, &family)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrToken
	}
	if err != nil {
		return fmt.Errorf("identity: reset password: %w", err)
	}
	if err := s.hasher.check(password, login, given, family).orNil(); err != nil {
		return err
	}
	phc, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var person string
		err := tx.QueryRow(ctx, `DELETE FROM password_reset WHERE token_hash = $1 AND expires_at > $2 RETURNING person_id`, hash, at).Scan(&person)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrToken
		}
		if err != nil {
			return fmt.Errorf("identity: reset password: %w", err)
		}
		return s.setPassword(ctx, tx, person, phc, nil, "password_reset")
	})
}

// ChangePassword replaces the actor's password and ends the actor's other
// sessions; the one of token stays. Errors: ErrForbidden, ErrSignIn when old is
// wrong, *Locked, FieldErrors, ErrBusy.
func (s *Service) ChangePassword(ctx context.Context, by Actor, token, old, password string) error {
	if !by.isPerson(by.Subject) {
		return ErrForbidden
	}
	if err := s.try(ctx, s.now(), s.countedBy(factorLimit(), "password", by.Subject)); err != nil {
		return err
	}
	var phc, login, given, family string
	err := s.pool.QueryRow(ctx, `SELECT password_hash, login, given, family FROM person WHERE id = $1`, by.Subject).Scan(&phc, &login, &given, &family)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrForbidden
	}
	if err != nil {
		return fmt.Errorf("identity: change password: %w", err)
	}
	right, _, err := s.hasher.verify(ctx, phc, old)
	if err != nil {
		return err
	}
	if !right {
		return ErrSignIn
	}
	if err := s.hasher.check(password, login, given, family).orNil(); err != nil {
		return err
	}
	fresh, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	keep, _ := tokenHash(token)
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		return s.setPassword(ctx, tx, by.Subject, fresh, keep, "password_changed")
	})
}

func (s *Service) setPassword(ctx context.Context, tx pgx.Tx, person, phc string, keep []byte, action string) error {
	at := s.now()
	tag, err := tx.Exec(ctx, `UPDATE person SET password_hash = $2, password_at = $3 WHERE id = $1`, person, phc, at)
	if err := oneRow(tag.RowsAffected(), err); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE session SET revoked_at = $3 WHERE person_id = $1 AND token_hash IS DISTINCT FROM $2 AND revoked_at IS NULL`, person, keep, at)
	if err != nil {
		return fmt.Errorf("identity: set password: %w", err)
	}
	var account string
	err = tx.QueryRow(ctx, `SELECT coalesce((SELECT account_id::text FROM membership WHERE person_id = $1 ORDER BY created_at LIMIT 1), '')`, person).Scan(&account)
	if err != nil {
		return fmt.Errorf("identity: set password: %w", err)
	}
	return s.log1(ctx, tx, Access{Account: account, Person: person, At: at, Action: action})
}
