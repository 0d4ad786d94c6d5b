package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// RecoveryOf says how far the recovery of a token is. Errors: ErrToken.
func (s *Service) RecoveryOf(ctx context.Context, token string) (r Recovery, err error) {
	hash, ok := tokenHash(token)
	if !ok {
		return Recovery{}, ErrToken
	}
	err = s.pool.QueryRow(ctx, `SELECT started_at, ready_at, expires_at FROM recovery WHERE token_hash = $1 AND token_expires > $2`, hash, s.now()).
		Scan(&r.StartedAt, &r.ReadyAt, &r.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Recovery{}, ErrToken
	}
	if err != nil {
		return Recovery{}, fmt.Errorf("identity: recovery: %w", err)
	}
	return r, nil
}

// FinishRecovery sets a new password with a token that is ready. Every factor and
// every session of the person ends; what it opens is a session in which new
// factors may be made, and nothing else. The token is good once.
//
// Errors: ErrToken, FieldErrors, ErrBusy, ErrSignIn when every account is closed.
func (s *Service) FinishRecovery(ctx context.Context, token, password, ip, userAgent, language string) (session string, err error) {
	hash, ok := tokenHash(token)
	if !ok {
		return "", ErrToken
	}
	// Looked at before the hashing, taken after it, as in ResetPassword.
	var login, given, family string
	err = s.pool.QueryRow(ctx, `
SELECT p.login, p.given, p.family FROM recovery r JOIN person p ON p.id = r.person_id
 WHERE r.token_hash = $1 AND r.token_expires > $2 AND r.ready_at <= $2`, hash, s.now()).Scan(&login, &given, &family)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrToken
	}
	if err != nil {
		return "", fmt.Errorf("identity: recovery: %w", err)
	}
	if err := s.hasher.check(password, login, given, family).orNil(); err != nil {
		return "", err
	}
	phc, err := s.hasher.hash(ctx, password)
	if err != nil {
		return "", err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var person string
		err := tx.QueryRow(ctx, `DELETE FROM recovery WHERE token_hash = $1 AND token_expires > $2 AND ready_at <= $2 RETURNING person_id`, hash, s.now()).Scan(&person)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrToken
		}
		if err != nil {
			return fmt.Errorf("identity: recovery: %w", err)
		}
		if err := s.startAfresh(ctx, tx, person, phc); err != nil {
			return err
		}
		if session, err = s.OpenSessionFor(ctx, tx, person, MethodReproofed, ip, userAgent, language); err != nil {
			return err
		}
		by := Actor{Kind: ActorPerson, Subject: person, IP: ip, UserAgent: userAgent}
		return s.recoveryDone(ctx, tx, by)
	})
	if err != nil {
		return "", err
	}
	return session, nil
}

// startAfresh leaves a person with a password, and with nothing else to sign in.
func (s *Service) startAfresh(ctx context.Context, tx pgx.Tx, person, phc string) error {
	at := s.now()
	tag, err := tx.Exec(ctx, `UPDATE person SET password_hash = $2, password_at = $3, totp_secret = NULL, totp_pending = NULL WHERE id = $1`, person, phc, at)
	if err := oneRow(tag.RowsAffected(), err); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE session SET revoked_at = $2 WHERE person_id = $1 AND revoked_at IS NULL`, person, at); err != nil {
		return fmt.Errorf("identity: recovery: %w", err)
	}
	for _, sql := range []string{
		`DELETE FROM webauthn_credential WHERE person_id = $1`,
		`DELETE FROM webauthn_ceremony WHERE person_id = $1`,
		`DELETE FROM recovery_code WHERE person_id = $1`,
		`DELETE FROM ticket WHERE person_id = $1 AND kind IN ('reset', 'recovery')`,
	} {
		if _, err := tx.Exec(ctx, sql, person); err != nil {
			return fmt.Errorf("identity: recovery: %w", err)
		}
	}
	return nil
}

// recoveryDone leaves in the access log what was done, and tells the person.
func (s *Service) recoveryDone(ctx context.Context, tx pgx.Tx, by Actor) error {
	account, err := firstAccount(ctx, tx, by.Subject)
	if err != nil {
		return err
	}
	if err := s.logBy(ctx, tx, by, account, s.now(), "recovery_done"); err != nil {
		return err
	}
	return s.tellPerson(ctx, tx, by.Subject, Note{Kind: NoteRecoveryDone, Account: account}, true)
}

// firstAccount is the account that a person joined first, or "".
func firstAccount(ctx context.Context, q querier, person string) (account string, err error) {
	err = q.QueryRow(ctx, `
SELECT coalesce((SELECT account_id::text FROM membership WHERE person_id = $1 ORDER BY created_at, account_id LIMIT 1), '')`, person).Scan(&account)
	if err != nil {
		return "", fmt.Errorf("identity: first account: %w", err)
	}
	return account, nil
}

// PendingRecovery is the one of the actor, or nil. Errors: ErrNotFound.
func (s *Service) PendingRecovery(ctx context.Context, by Actor) (*Recovery, error) {
	if !by.isPerson(by.Subject) {
		return nil, ErrNotFound
	}
	var r Recovery
	err := s.pool.QueryRow(ctx, `SELECT started_at, ready_at, expires_at FROM recovery WHERE person_id = $1 AND expires_at > $2`, by.Subject, s.now()).
		Scan(&r.StartedAt, &r.ReadyAt, &r.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("identity: recovery: %w", err)
	}
	return &r, nil
}

// StopRecovery ends a recovery of the actor, who has a factor that works: two
// were shown, or a recovery code. Errors: ErrForbidden, ErrNotFound.
func (s *Service) StopRecovery(ctx context.Context, by Actor) error {
	if !by.isPerson(by.Subject) || by.Method != MethodTOTP && by.Method != MethodPasskey && by.Method != MethodRecovery {
		return ErrForbidden
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		return s.stopRecovery(ctx, tx, by, by.Account)
	})
}

// MayStopRecovery looks at the link of a notice, without using it. Errors:
// ErrToken.
func (s *Service) MayStopRecovery(ctx context.Context, token string) error {
	_, err := s.ticket(ctx, s.pool, ticketRecovery, token)
	return err
}

// StopRecoveryByLink ends a recovery with the link of its notice, once. Errors:
// ErrToken.
func (s *Service) StopRecoveryByLink(ctx context.Context, token, ip, userAgent string) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		t, err := s.useTicket(ctx, tx, ticketRecovery, token)
		if err != nil {
			return err
		}
		by := Actor{Kind: ActorPerson, Subject: t.Person, IP: ip, UserAgent: userAgent}
		account, err := firstAccount(ctx, tx, t.Person)
		if err != nil {
			return err
		}
		err = s.stopRecovery(ctx, tx, by, account)
		if errors.Is(err, ErrNotFound) {
			return ErrToken
		}
		return err
	})
}

func (s *Service) stopRecovery(ctx context.Context, tx pgx.Tx, by Actor, account string) error {
	tag, err := tx.Exec(ctx, `DELETE FROM recovery WHERE person_id = $1`, by.Subject)
	if err := oneRow(tag.RowsAffected(), err); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM ticket WHERE person_id = $1 AND kind = $2`, by.Subject, ticketRecovery); err != nil {
		return fmt.Errorf("identity: recovery: %w", err)
	}
	return s.logBy(ctx, tx, by, account, s.now(), "recovery_stopped")
}
