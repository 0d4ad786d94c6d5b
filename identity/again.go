package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// FreshFor is how long all factors count as shown just now: sending, deciding,
// and changing factors, people or mandates take a session that fresh.
const FreshFor = 5 * time.Minute

// Strong reports whether the session was opened, or renewed, with two factors:
// a password and an authenticator, or a passkey with user verification.
//
// REQ-QERDS-5.2.2-03 (a)
func (s Session) Strong() bool { return s.Method == MethodTOTP || s.Method == MethodPasskey }

// againLimit bounds the tries of one session to prove itself again. It is
// counted by session, so that whoever holds a stolen one slows nobody else down.
func againLimit() limit { return limit{"again", 5, 15 * time.Minute} }

// ProveAgain renews a session with the password and a code of the authenticator:
// it becomes as fresh as one just opened, under a new token; the old token is
// dead. A recovery code does not serve: it is for whoever has nothing else.
//
// Errors: ErrSessionOver, ErrSignIn, *Locked, ErrBusy.
//
// REQ-QERDS-5.2.2-03 (a)
func (s *Service) ProveAgain(ctx context.Context, token, password, code, ip, userAgent string) (fresh string, _ Session, _ error) {
	sess, err := s.Session(ctx, token)
	if err != nil {
		return "", Session{}, err
	}
	at := s.now()
	if err := s.try(ctx, at, s.countedBy(againLimit(), token)); err != nil {
		return "", Session{}, err
	}
	c, err := s.candidate(ctx, sess.Login)
	if err != nil {
		return "", Session{}, err
	}
	right, _, err := s.hasher.verify(ctx, c.PasswordHash, password)
	if err != nil {
		return "", Session{}, err
	}
	by := sess.Actor(ip, userAgent)
	if !right || c.Person != sess.Person {
		return "", Session{}, s.refuseAgain(ctx, by, at)
	}
	if err := s.try(ctx, at, s.countedBy(factorLimit(), c.Person)); errors.Is(err, ErrLocked) {
		return "", Session{}, s.refuseAgain(ctx, by, at) // as in SignIn: "locked" would say that the password is right
	} else if err != nil {
		return "", Session{}, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		method, err := s.secondFactor(ctx, tx, c, code, at)
		if err != nil {
			return err
		}
		if method != MethodTOTP {
			return ErrCode
		}
		if err := s.forgive(ctx, tx, []counted{s.countedBy(factorLimit(), c.Person)}, s.countedBy(againLimit(), token)); err != nil {
			return err
		}
		fresh, err = s.RenewSession(ctx, tx, by, token, method)
		return err
	})
	if errors.Is(err, ErrCode) {
		return "", Session{}, s.refuseAgain(ctx, by, at)
	}
	if err != nil {
		return "", Session{}, err
	}
	sess, err = s.Session(ctx, fresh)
	return fresh, sess, err
}

func (s *Service) refuseAgain(ctx context.Context, by Actor, at time.Time) error {
	if err := s.logBy(ctx, s.pool, by, by.Account, at, "proof_refused"); err != nil {
		return err
	}
	return ErrSignIn
}

// RenewSession makes the actor's session of a token one in which all factors of
// method were shown just now, under a new token; the old one is dead. The caller
// has seen the factors in the same transaction.
//
// Errors: ErrForbidden, ErrSessionOver.
func (s *Service) RenewSession(ctx context.Context, tx pgx.Tx, by Actor, token, method string) (fresh string, err error) {
	if !by.isPerson(by.Subject) {
		return "", ErrForbidden
	}
	at := s.now()
	if fresh, err = s.renewSession(ctx, tx, by, token, method, at); err != nil {
		return "", err
	}
	return fresh, s.logBy(ctx, tx, by, by.Account, at, "proven_again")
}

func (s *Service) renewSession(ctx context.Context, tx pgx.Tx, by Actor, token, method string, at time.Time) (string, error) {
	hash, ok := tokenHash(token)
	if !ok {
		return "", ErrSessionOver
	}
	fresh := newToken()
	freshHash, _ := tokenHash(fresh)
	tag, err := tx.Exec(ctx, `
UPDATE session SET token_hash = $3, method = $4, proven_at = $5, seen_at = $5, expires_at = least($6, absolute_expires_at)
 WHERE token_hash = $1 AND person_id = $2 AND revoked_at IS NULL AND expires_at > $5 AND absolute_expires_at > $5`,
		hash, by.Subject, freshHash, method, at, at.Add(s.idle))
	if err != nil {
		return "", fmt.Errorf("identity: renew session: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return "", ErrSessionOver
	}
	return fresh, nil
}
