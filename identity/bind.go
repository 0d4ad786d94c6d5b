package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ProveIdentity makes what was proven on an errand of the actor's own session
// the proof of who the actor is (R2), and ends the errand. The proof has to be
// worth "substantial" and to name that person, who is called from then on as it
// says. Somebody who was proven before stays who they are: the new proof has the
// same national number or, where either lacks one, comes from the same account
// at the same provider. A provider's account that was deleted and made again is
// therefore still the same person, which is logged for operators.
//
// Errors: ErrForbidden when l is not an errand for the actor or the level is too
// low, ErrSomebodyElse, ErrLoginStale. Nothing is kept then but a line in the
// access log.
//
// CIR (EU) 2025/1944 annex I REQ-QERDS-5.2.1.1-01A
func (s *Service) ProveIdentity(ctx context.Context, by Actor, l Login, p Proof, language string) (i Identification, err error) {
	if !by.isPerson(l.Subject) {
		return Identification{}, ErrForbidden
	}
	var changed bool
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.EndLogin(ctx, tx, l); err != nil {
			return err
		}
		i, err = s.SaveIdentification(ctx, tx, p, Occasion{Purpose: SenderProofing, Person: by.Subject, IP: by.IP, UserAgent: by.UserAgent})
		if err != nil {
			return err
		}
		if changed, err = s.bind(ctx, tx, by.Subject, i.Record); err != nil {
			return err
		}
		return s.LogAccess(ctx, tx, by, "identified", language)
	})
	if errors.Is(err, ErrForbidden) {
		return Identification{}, errors.Join(err, s.LogAccess(ctx, nil, by, "identification_refused", language))
	}
	if err != nil {
		return Identification{}, err
	}
	if changed {
		s.log.WarnContext(ctx, "person bound to another account of the same provider", "person", by.Subject, "record", i.Record, "method", p.Method)
	}
	return i, nil
}

// BindIdentification makes a record that exists the proof of who an account
// holder is, by the rules of [Service.ProveIdentity]. Only the system may.
//
// Errors: ErrForbidden, ErrSomebodyElse, ErrNotFound.
func (s *Service) BindIdentification(ctx context.Context, by Actor, person, record string) error {
	if by.Kind != ActorSystem {
		return ErrForbidden
	}
	if !isID(person) || !isID(record) {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := s.bind(ctx, tx, person, record)
		return err
	})
}

// bind is BindIdentification in a transaction. changed: the provider is the same
// as before, and its subject is another one.
func (s *Service) bind(ctx context.Context, tx pgx.Tx, person, record string) (changed bool, err error) {
	var r struct {
		given, family, oldGiven, oldFamily string
		level                              Level
		bound, same                        bool
	}
	err = tx.QueryRow(ctx, selectBindable, person, record).
		Scan(&r.given, &r.family, &r.level, &r.oldGiven, &r.oldFamily, &r.bound, &r.same, &changed)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, ErrNotFound
	}
	if err != nil {
		return false, fmt.Errorf("identity: bind identification: %w", err)
	}
	switch {
	case !r.level.AtLeast(LevelSubstantial):
		return false, fmt.Errorf("%w: level %q", ErrForbidden, r.level)
	case r.bound && !r.same, !r.bound && !sameName(r.oldGiven, r.oldFamily, r.given, r.family, false):
		return false, ErrSomebodyElse
	}
	_, err = tx.Exec(ctx, `UPDATE person SET identification_id = $2, given = $3, family = $4 WHERE id = $1`, person, record, r.given, r.family)
	if err != nil {
		return false, fmt.Errorf("identity: bind identification: %w", err)
	}
	return changed, nil
}

const selectBindable = `
SELECT i.given, i.family, i.level, p.given, p.family, p.identification_id IS NOT NULL,
       coalesce(i.national_digest = o.national_digest, i.subject_digest = o.subject_digest, false),
       coalesce(i.provider = o.provider AND i.subject_digest <> o.subject_digest, false)
  FROM person p JOIN identification i ON i.id = $2 LEFT JOIN identification o ON o.id = p.identification_id
 WHERE p.id = $1 FOR UPDATE OF p`
