package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// GrantMandate grants a draft of the actor's, whose text was just signed: l is the
// errand of it, p what came back. All of it is one transaction: the errand and the
// draft are used up, the proof is kept, the mandate is written. The caller has
// checked that l belongs to the actor's own session.
//
// Errors: ErrLoginStale when the draft is gone or the text is another one,
// ErrForbidden when somebody else signed, ErrUnidentified for too low a level,
// ErrNoMandate, ErrSuspended, ErrClosed, ErrNotFound when the grantee is gone.
//
// R26, R31
func (s *Service) GrantMandate(ctx context.Context, by Actor, l Login, p Proof) (m Mandate, err error) {
	if !by.isPerson(by.Subject) || !isID(by.Account) || l.Errand != ErrandMandate || !isID(l.Subject) {
		return Mandate{}, ErrForbidden
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.EndLogin(ctx, tx, l); err != nil {
			return err
		}
		at := s.now()
		var text string
		if m, text, err = s.takeDraft(ctx, tx, by, l.Subject, at); err != nil {
			return err
		}
		if p.Approved != text {
			return fmt.Errorf("%w: another text was signed", ErrLoginStale)
		}
		if err := s.mayGrant(ctx, tx, by, m.Classes, at); err != nil {
			return err
		}
		if err := s.isHim(ctx, tx, by.Subject, p); err != nil {
			return err
		}
		if err := s.findGrantee(ctx, tx, &m); err != nil {
			return err
		}
		i, err := s.SaveIdentification(ctx, tx, p, Occasion{Purpose: Authentication, Person: by.Subject, IP: by.IP, UserAgent: by.UserAgent})
		if err != nil {
			return err
		}
		if !i.Level.AtLeast(LevelSubstantial) {
			return ErrUnidentified
		}
		if m.ProofKind, m.ProofRecord = ProofApproval, i.Record; p.Method == MethodStatement {
			m.ProofKind = ProofSignature
		}
		if err := insertMandate(ctx, tx, m, TextDigest(text)); err != nil {
			return err
		}
		if err := s.logBy(ctx, tx, by, m.Account, at, "mandate_granted"); err != nil {
			return err
		}
		return s.tellMandate(ctx, tx, m, NoteMandateGranted, NoteMandateGiven)
	})
	if err != nil {
		return Mandate{}, err
	}
	return m, nil
}

// ErrandMandate is the errand of signing a mandate; its subject is the draft.
const ErrandMandate = "mandate"

func (s *Service) takeDraft(ctx context.Context, tx pgx.Tx, by Actor, id string, at time.Time) (m Mandate, text string, err error) {
	m = Mandate{GrantedBy: by.Subject, GrantedAt: at}
	err = tx.QueryRow(ctx, `
DELETE FROM mandate_draft WHERE id = $1 AND granter_id = $2 AND account_id = $3 AND expires_at > $4
RETURNING id, account_id, grantee_id, powers, classes, valid_from, valid_until, text`, id, by.Subject, by.Account, at).
		Scan(&m.ID, &m.Account, &m.Person, &m.Powers, &m.Classes, &m.From, &m.Until, &text)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, "", ErrLoginStale
	}
	if err != nil {
		return m, "", fmt.Errorf("identity: grant mandate: %w", err)
	}
	if m.From.Before(at) {
		m.From = at // nobody acted under it before it was signed
	}
	if m.Until != nil && !m.Until.After(m.From) {
		return m, "", ErrLoginStale
	}
	return m, text, nil
}

// isHim fails with ErrForbidden unless a proof is of the very human that a person
// is bound to: the same national number, or the same subject of a provider.
func (s *Service) isHim(ctx context.Context, tx pgx.Tx, person string, p Proof) error {
	var same bool
	err := tx.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM person x JOIN identification i ON i.id = x.identification_id
                WHERE x.id = $1 AND (i.national_digest = $2 OR i.subject_digest = $3))`,
		person, orNull(s.NationalNumberDigest(p.NationalNumber)), s.digest("provider subject", p.Provider, p.Subject)).Scan(&same)
	if err != nil {
		return fmt.Errorf("identity: compare person: %w", err)
	}
	if !same {
		return fmt.Errorf("%w: somebody else signed", ErrForbidden)
	}
	return nil
}

// findGrantee takes the names of the grantee, who has to be there still, a
// member where the principal is a company.
func (s *Service) findGrantee(ctx context.Context, tx pgx.Tx, m *Mandate) error {
	err := tx.QueryRow(ctx, `
SELECT p.given, p.family FROM person p, account a
 WHERE p.id = $1 AND a.id = $2 AND p.identification_id IS NOT NULL
   AND (a.kind = 'private' OR EXISTS (SELECT FROM membership x WHERE x.account_id = a.id AND x.person_id = p.id))
   FOR SHARE OF p`, m.Person, m.Account).Scan(&m.Given, &m.Family)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("identity: grantee: %w", err)
	}
	return nil
}

// tellMandate tells the grantee, and those who administer the principal.
func (s *Service) tellMandate(ctx context.Context, tx pgx.Tx, m Mandate, grantee, principal NoteKind) error {
	if err := s.tellAdministrators(ctx, tx, m.Account, Note{Kind: principal, Account: m.Account, Ref: m.ID}); err != nil {
		return err
	}
	var to, language string
	err := tx.QueryRow(ctx, `SELECT email, language FROM person WHERE id = $1`, orNull(m.Person)).Scan(&to, &language)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("identity: tell grantee: %w", err)
	}
	if err != nil {
		return nil
	}
	return s.tell(ctx, tx, Note{Kind: grantee, Channel: "email", To: to, Language: language, Account: m.Account, Ref: m.ID})
}

// WithdrawMandate ends a mandate at once. An administrator of the principal may,
// and the grantee, who lays it down. The last mandate to administer a company
// stays: grant one to somebody else first. Withdrawing it again is no error.
//
// Errors: ErrForbidden, ErrNotFound, ErrClosed, ErrLastAdministrator.
func (s *Service) WithdrawMandate(ctx context.Context, by Actor, id string) error {
	if !by.isPerson(by.Subject) || !isID(id) {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		account, kind, err := s.lockPrincipal(ctx, tx, by, id)
		if err != nil {
			return err
		}
		m, err := oneMandate(ctx, tx, id)
		if err != nil || m.RevokedAt != nil {
			return err
		}
		at := s.now()
		if kind == Company && m.Covers(PowerAdminister, "", at) {
			if err := othersAdminister(ctx, tx, m, at); err != nil {
				return err
			}
		}
		at = latest(at, m.GrantedAt)
		tag, err := tx.Exec(ctx, `UPDATE mandate SET revoked_at = $2, revoked_by = $3 WHERE id = $1 AND revoked_at IS NULL`, id, at, by.Subject)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		if err := s.logBy(ctx, tx, by, account, at, "mandate_withdrawn"); err != nil {
			return err
		}
		return s.tellMandate(ctx, tx, m, NoteMandateWithdrawn, NoteMandateEnded)
	})
}

// lockPrincipal locks the account of a mandate for somebody who may end it: a
// suspended one too.
func (s *Service) lockPrincipal(ctx context.Context, tx pgx.Tx, by Actor, mandate string) (account string, kind Kind, err error) {
	var grantee string
	err = tx.QueryRow(ctx, `SELECT account_id, coalesce(person_id::text, '') FROM mandate WHERE id = $1`, mandate).Scan(&account, &grantee)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", ErrNotFound
	}
	if err != nil {
		return "", "", fmt.Errorf("identity: withdraw mandate: %w", err)
	}
	if kind, err = s.lockAccount(ctx, tx, System, account); err != nil {
		return "", "", err
	}
	if grantee == by.Subject {
		return account, kind, nil
	}
	return account, kind, s.administers(ctx, tx, by, account)
}

// othersAdminister fails with ErrLastAdministrator when nobody else could grant
// a mandate of the account any more. The account is locked.
func othersAdminister(ctx context.Context, tx pgx.Tx, m Mandate, at time.Time) error {
	var n int
	err := tx.QueryRow(ctx, `
SELECT count(*) FROM mandate o JOIN membership x ON x.account_id = o.account_id AND x.person_id = o.person_id AND x.role = 'administrator'
 WHERE o.account_id = $1 AND o.id <> $2 AND 'administer' = ANY(o.powers) AND o.classes = '{}' AND o.revoked_at IS NULL
   AND o.valid_from <= $3 AND (o.valid_until IS NULL OR o.valid_until > $3)`, m.Account, m.ID, at).Scan(&n)
	if err != nil {
		return fmt.Errorf("identity: count mandates: %w", err)
	}
	if n == 0 {
		return ErrLastAdministrator
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
