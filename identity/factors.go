package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// enrolFor is how long after signing in somebody without a working factor may
// make a new one: installing an application takes longer than showing a code.
const enrolFor = 30 * time.Minute

// Factors are what a person can sign in with besides the password.
type Factors struct {
	Authenticator bool
	Passkeys      int
	Recovery      int // codes left
}

// Any reports whether there is a second factor at all.
func (f Factors) Any() bool { return f.Authenticator || f.Passkeys > 0 }

const selectFactors = `
SELECT p.totp_secret IS NOT NULL,
       (SELECT count(*) FROM webauthn_credential w WHERE w.person_id = p.id),
       (SELECT count(*) FROM recovery_code r WHERE r.person_id = p.id)
  FROM person p WHERE p.id = $1`

// Factors says what the actor can sign in with. Errors: ErrNotFound.
func (s *Service) Factors(ctx context.Context, by Actor) (Factors, error) {
	if !by.isPerson(by.Subject) {
		return Factors{}, ErrNotFound
	}
	return factors(ctx, s.pool, by.Subject)
}

func factors(ctx context.Context, q querier, person string) (f Factors, err error) {
	err = q.QueryRow(ctx, selectFactors, person).Scan(&f.Authenticator, &f.Passkeys, &f.Recovery)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, ErrNotFound
	}
	if err != nil {
		return f, fmt.Errorf("identity: factors: %w", err)
	}
	return f, nil
}

// MayChangeFactors locks the person and fails unless the actor may change how
// that person signs in: two factors shown at most [FreshFor] ago; or, for half an
// hour, a session opened by a recovery code or after identifying again; or one
// opened by a password, of somebody who never had a second factor.
//
// Errors: ErrForbidden, ErrNotFresh.
func (s *Service) MayChangeFactors(ctx context.Context, tx pgx.Tx, by Actor) error {
	if !by.isPerson(by.Subject) {
		return ErrForbidden
	}
	if _, err := tx.Exec(ctx, `SELECT id FROM person WHERE id = $1 FOR UPDATE`, by.Subject); err != nil {
		return fmt.Errorf("identity: lock person: %w", err)
	}
	limit := enrolFor
	switch by.Method {
	case MethodTOTP, MethodPasskey:
		limit = FreshFor
	case MethodRecovery, MethodReproofed:
	case MethodPassword:
		if f, err := factors(ctx, tx, by.Subject); err != nil {
			return err
		} else if f.Any() {
			return ErrForbidden
		}
	default:
		return ErrForbidden
	}
	if s.now().Sub(by.ProvenAt) > limit {
		return ErrNotFresh
	}
	return nil
}

// FactorChanged leaves a change of how the actor signs in in the access log, and
// tells the person by e-mail and text message. action is a key of the
// translation files.
func (s *Service) FactorChanged(ctx context.Context, tx pgx.Tx, by Actor, action string) error {
	if err := s.logBy(ctx, tx, by, by.Account, s.now(), action); err != nil {
		return err
	}
	return s.tellFactor(ctx, tx, by.Subject, by.Account, action)
}

// Added is what came of adding a factor.
type Added struct {
	Token    string   // of the session from now on; empty when it stays
	Recovery []string // codes, shown once; nil when older ones still work
}

// FactorAdded completes the adding of a factor that was just shown, in the
// transaction that keeps it: whoever has no recovery codes gets some, and a
// session that was opened with less becomes one of method, under a new token. If
// it was opened because factors were lost, all others of the person end.
//
// Errors: ErrSessionOver.
func (s *Service) FactorAdded(ctx context.Context, tx pgx.Tx, by Actor, token, method, action string) (a Added, err error) {
	f, err := factors(ctx, tx, by.Subject)
	if err != nil {
		return a, err
	}
	at := s.now()
	if f.Recovery == 0 {
		if a.Recovery, err = s.renewRecovery(ctx, tx, by.Subject, at); err != nil {
			return a, err
		}
	}
	if by.Method != MethodTOTP && by.Method != MethodPasskey {
		if a.Token, err = s.renewSession(ctx, tx, by, token, method, at); err != nil {
			return a, err
		}
		if by.Method != MethodPassword {
			if err := s.endOthers(ctx, tx, by, a.Token, at); err != nil {
				return a, err
			}
		}
	}
	return a, s.FactorChanged(ctx, tx, by, action)
}

// RemoveAuthenticator ends the actor's authenticator; a passkey has to stay.
// Errors: ErrForbidden, ErrNotFresh, ErrNotFound, ErrLastFactor.
func (s *Service) RemoveAuthenticator(ctx context.Context, by Actor) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.MayChangeFactors(ctx, tx, by); err != nil {
			return err
		}
		f, err := factors(ctx, tx, by.Subject)
		switch {
		case err != nil:
			return err
		case !f.Authenticator:
			return ErrNotFound
		}
		tag, err := tx.Exec(ctx, `
UPDATE person SET totp_secret = NULL, totp_pending = NULL
 WHERE id = $1 AND EXISTS (SELECT FROM webauthn_credential WHERE person_id = $1 AND cloned_at IS NULL)`, by.Subject)
		if err != nil {
			return fmt.Errorf("identity: remove authenticator: %w", err)
		}
		if tag.RowsAffected() != 1 {
			return ErrLastFactor
		}
		return s.FactorChanged(ctx, tx, by, "authenticator_removed")
	})
}

// tellFactor tells a person, on both channels, that the means to sign in
// changed; what is the action as the access log has it.
func (s *Service) tellFactor(ctx context.Context, tx pgx.Tx, person, account, what string) error {
	return s.tellPerson(ctx, tx, person, Note{Kind: NoteSignInChanged, Account: account, Ref: what}, true)
}
