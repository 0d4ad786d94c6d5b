package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// recoveryWait is how long somebody who lost every factor waits for new ones:
// the time the real holder has to stop it. recoveryLife is how long after that
// one may come back, recoveryToken how long a new password may be typed then.
const (
	recoveryWait  = 24 * time.Hour
	recoveryLife  = 7 * 24 * time.Hour
	recoveryToken = 30 * time.Minute
)

// Recovery is one on its way, of somebody who lost every factor (R28).
type Recovery struct {
	StartedAt time.Time
	ReadyAt   time.Time // nothing is given out before
	ExpiresAt time.Time
	Token     string // sets a new password now; empty while it waits
}

// AskRecovery is the subject of an errand in which somebody identifies to
// recover a login: a person, or nobody for a login that does not exist. Nothing
// happens yet, and nothing shows which of the two it is.
//
// Errors: *Locked, for the address alone: nobody can keep an owner from it.
func (s *Service) AskRecovery(ctx context.Context, login, ip string) (subject string, err error) {
	if err := s.try(ctx, s.now(), s.countedBy(addressLimit(), "recovery", network(ip))); err != nil {
		return "", err
	}
	err = s.pool.QueryRow(ctx, `SELECT id FROM person WHERE login = $1`, foldLogin(login)).Scan(&subject)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.NewString(), nil
	}
	if err != nil {
		return "", fmt.Errorf("identity: ask recovery: %w", err)
	}
	return subject, nil
}

// selectHolder gives where a person acts, and whether a proof is of whom the
// person is bound to.
const selectHolder = `
SELECT coalesce((SELECT m.account_id::text FROM membership m JOIN account a ON a.id = m.account_id AND a.closed_at IS NULL
                  WHERE m.person_id = p.id ORDER BY m.created_at, m.account_id LIMIT 1), ''), i.level,
       coalesce(i.national_digest = nullif($2, ''), i.subject_digest = $3)
  FROM person p JOIN identification i ON i.id = p.identification_id WHERE p.id = $1 FOR UPDATE OF p`

// Reproof takes the proof that somebody brings who lost every factor, and ends
// the errand. It has to be of the same national number or, where either lacks
// one, of the same subject at the same provider, as the identification that the
// person is bound to, and worth its level. The first time a day begins: the person is told on both channels,
// with a link that stops it. Whoever identifies again after that day gets a token
// for a new password. A proof that does not fit stands in the person's access
// log, and ends the errand too.
//
// Errors: ErrForbidden when it does not fit, or nobody was ever identified;
// ErrLoginStale.
func (s *Service) Reproof(ctx context.Context, l Login, p Proof, ip, userAgent string) (r Recovery, err error) {
	refused := false
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.EndLogin(ctx, tx, l); err != nil {
			return err
		}
		var account string
		var level Level
		var same bool
		err := tx.QueryRow(ctx, selectHolder, l.Subject, s.NationalNumberDigest(p.NationalNumber), s.digest("provider subject", p.Provider, p.Subject)).
			Scan(&account, &level, &same)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("identity: reproof: %w", err)
		}
		at := s.now()
		seen := Access{Account: account, Person: l.Subject, At: at, IP: ip, UserAgent: userAgent, Language: l.Language}
		if refused = err != nil || !same || account == "" || !s.assurance.Grant(SenderProofing, p.Method, p.Level).AtLeast(level); refused {
			if account == "" {
				return nil
			}
			seen.Action = "recovery_refused"
			return s.log1(ctx, tx, seen)
		}
		i, err := s.SaveIdentification(ctx, tx, p, Occasion{Purpose: SenderProofing, Person: l.Subject, IP: ip, UserAgent: userAgent})
		if err != nil {
			return err
		}
		r, err = s.goOnRecovering(ctx, tx, i.Record, seen)
		return err
	})
	if err == nil && refused {
		err = ErrForbidden
	}
	if err != nil {
		return Recovery{}, err
	}
	return r, nil
}

// goOnRecovering begins a recovery, says that it waits, or gives the token out.
func (s *Service) goOnRecovering(ctx context.Context, tx pgx.Tx, record string, seen Access) (r Recovery, err error) {
	at := seen.At
	err = tx.QueryRow(ctx, `SELECT started_at, ready_at, expires_at FROM recovery WHERE person_id = $1 AND expires_at > $2`, seen.Person, at).
		Scan(&r.StartedAt, &r.ReadyAt, &r.ExpiresAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s.beginRecovery(ctx, tx, &record, nil, seen)
	case err != nil:
		return r, fmt.Errorf("identity: recovery: %w", err)
	case at.Before(r.ReadyAt):
		return r, nil
	}
	r.Token = newToken()
	hash, _ := tokenHash(r.Token)
	tag, err := tx.Exec(ctx, `UPDATE recovery SET token_hash = $2, token_expires = $3 WHERE person_id = $1`, seen.Person, hash, at.Add(recoveryToken))
	return r, oneRow(tag.RowsAffected(), err)
}

func (s *Service) beginRecovery(ctx context.Context, tx pgx.Tx, record *string, operators []string, seen Access) (Recovery, error) {
	r := Recovery{StartedAt: seen.At, ReadyAt: seen.At.Add(recoveryWait), ExpiresAt: seen.At.Add(recoveryWait + recoveryLife)}
	var hash []byte
	var until *time.Time
	if len(operators) > 0 {
		r.Token = newToken()
		hash, _ = tokenHash(r.Token)
		until = &r.ExpiresAt
	}
	_, err := tx.Exec(ctx, `
INSERT INTO recovery AS r (person_id, record, operators, started_at, ready_at, expires_at, token_hash, token_expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (person_id) DO UPDATE SET record = excluded.record, operators = excluded.operators, started_at = excluded.started_at,
       ready_at = excluded.ready_at, expires_at = excluded.expires_at, token_hash = excluded.token_hash, token_expires = excluded.token_expires`,
		seen.Person, record, notNil(operators), r.StartedAt, r.ReadyAt, r.ExpiresAt, hash, until)
	if err != nil {
		return r, fmt.Errorf("identity: recovery: %w", err)
	}
	ticket, err := s.newTicket(ctx, tx, ticket{Kind: ticketRecovery, Person: seen.Person}, recoveryWait)
	if err != nil {
		return r, err
	}
	seen.Action = "recovery_started"
	if err := s.log1(ctx, tx, seen); err != nil {
		return r, err
	}
	return r, s.tellPerson(ctx, tx, seen.Person, Note{Kind: NoteRecoveryStarted, Account: seen.Account, Ref: ticket}, true)
}

// RecoverByOperators begins a recovery for somebody who was never identified, or
// cannot identify any more, and whom two operators recognised. The token is for
// the person, and good after the same day of waiting as any. Only the system may.
//
// Errors: ErrForbidden unless two different operators stand in for it,
// ErrNotFound.
func (s *Service) RecoverByOperators(ctx context.Context, by Actor, person, first, second string) (r Recovery, err error) {
	if by.Kind != ActorSystem || clean(first, 100) == "" || clean(second, 100) == "" || first == second {
		return Recovery{}, ErrForbidden
	}
	if !isID(person) {
		return Recovery{}, ErrNotFound
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `SELECT id FROM person WHERE id = $1 FOR UPDATE`, person)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		seen := Access{Person: person, At: s.now()}
		if seen.Account, err = firstAccount(ctx, tx, person); err != nil {
			return err
		}
		r, err = s.beginRecovery(ctx, tx, nil, []string{clean(first, 100), clean(second, 100)}, seen)
		return err
	})
	return r, err
}
