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

// AskReset mails a person a link to choose a new password. For a login that does
// not exist the same is done and stored, but nothing is sent: the face says the
// same to everybody. Links mailed before stay good until one is used, so that a
// stranger who asks again and again takes nobody's link away.
//
// Errors: *Locked.
//
// R35.
func (s *Service) AskReset(ctx context.Context, login, ip string) error {
	login = foldLogin(login)
	err := s.try(ctx, s.now(), s.countedBy(addressLimit(), "reset", network(ip)), s.countedBy(resetPairLimit(), network(ip), login), s.countedBy(resetLimit(), login))
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var person string
		n := Note{Kind: NotePasswordReset, Channel: "email", To: "nobody@bode.invalid", Language: "en"}
		err := tx.QueryRow(ctx, `SELECT id, email, language FROM person WHERE login = $1`, login).Scan(&person, &n.To, &n.Language)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("identity: ask reset: %w", err)
		}
		if n.Ref, err = s.newTicket(ctx, tx, ticket{Kind: ticketReset, Person: person}, resetFor); err != nil {
			return err
		}
		return s.tell(ctx, tx, n) // a ticket of nobody is stale when it is rendered
	})
}

// MayReset reports whether a token can still be used, so that a page can say so
// before somebody thinks of a password. Errors: ErrToken.
func (s *Service) MayReset(ctx context.Context, token string) error {
	_, err := s.resetOf(ctx, s.pool, token)
	return err
}

// resetOf is the reset of a token; one of nobody is none. Errors: ErrToken.
func (s *Service) resetOf(ctx context.Context, q querier, token string) (ticket, error) {
	t, err := s.ticket(ctx, q, ticketReset, token)
	if err == nil && t.Person == "" {
		err = ErrToken
	}
	return t, err
}

// ResetPassword sets a new password with a token that AskReset mailed. The token
// is good once. Every session of the person ends; the second factor stays.
//
// Errors: ErrToken, FieldErrors, ErrBusy.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	// Looked at before the hashing, taken after it: a refused password must not
	// cost the token, and two who use it at once must not both win.
	t, err := s.resetOf(ctx, s.pool, token)
	if err != nil {
		return err
	}
	var login, given, family string
	err = s.pool.QueryRow(ctx, `SELECT login, given, family FROM person WHERE id = $1`, t.Person).Scan(&login, &given, &family)
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
		t, err := s.useTicket(ctx, tx, ticketReset, token)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM ticket WHERE kind = $1 AND person_id = $2`, ticketReset, t.Person); err != nil {
			return fmt.Errorf("identity: reset password: %w", err)
		}
		return s.setPassword(ctx, tx, t.Person, phc, nil, "password_reset")
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
	err = s.tellPerson(ctx, tx, person, Note{Kind: NoteSignInChanged, Account: account, Ref: action}, true)
	if err != nil {
		return err
	}
	return s.log1(ctx, tx, Access{Account: account, Person: person, At: at, Action: action})
}
