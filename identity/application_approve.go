package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// approve opens the account of an application, which the caller has locked.
func (s *Service) approve(ctx context.Context, tx pgx.Tx, by Actor, a *Application, at time.Time) error {
	if a.ConfirmedBy == by.Subject {
		return ErrOwnCase
	}
	var same bool
	err := tx.QueryRow(ctx, `SELECT coalesce(`+sameHuman("$1", "(SELECT q.identification_id FROM person q WHERE q.id = $2)")+`, false)`,
		by.Subject, orNull(a.ConfirmedBy)).Scan(&same)
	if err != nil {
		return fmt.Errorf("identity: approve: %w", err)
	}
	if same {
		return ErrOwnCase
	}
	var p NewPerson
	err = tx.QueryRow(ctx, `SELECT given, family FROM person WHERE id = $1 FOR UPDATE`, orNull(a.Person)).Scan(&p.Given, &p.Family)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrClosed
	}
	if err != nil {
		return fmt.Errorf("identity: approve: %w", err)
	}
	if err := s.openCompany(ctx, tx, a, p, at); err != nil {
		return err
	}
	from := a.State
	a.State, a.DecidedBy, a.DecidedAt = ApplicationApproved, by.Subject, &at
	err = moved(tx.Exec(ctx, `
UPDATE application SET state = 'approved', decided_by = $3, decided_at = $4, account_id = $5 WHERE id = $1 AND state = $2`, a.ID, from, by.Subject, at, a.Account))
	if err != nil {
		return err
	}
	return s.tellApplicant(ctx, tx, *a, NoteApplicationApproved)
}

// openCompany makes the account, its administrator, that person's mandate and
// consent.
func (s *Service) openCompany(ctx context.Context, tx pgx.Tx, a *Application, p NewPerson, at time.Time) (err error) {
	if a.Account, err = newID(); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, insertAccount, a.Account, Company, a.Name, a.Email, orNull(a.EnterpriseNumber), orNull(a.VATNumber), a.Country, nil, at)
	if err != nil {
		return fmt.Errorf("identity: open company: %w", err)
	}
	if err := insertMember(ctx, tx, a.Account, a.Person, Administrator, a.Person, at); err != nil {
		return err
	}
	if err := insertConsent(ctx, tx, a.Account, a.Person, Consent{Text: "terms", Version: a.Terms, Language: a.Language}, a.FiledAt); err != nil {
		return err
	}
	id, err := newID()
	if err != nil {
		return err
	}
	err = insertMandate(ctx, tx, Mandate{ID: id, Account: a.Account, Person: a.Person, Given: p.Given, Family: p.Family,
		Powers: []Power{PowerSend, PowerReceive, PowerAdminister}, From: at, GrantedBy: System.Subject, GrantedAt: at, ProofKind: ProofFounder}, nil)
	if err != nil {
		return err
	}
	return s.log1(ctx, tx, Access{Account: a.Account, Person: a.Person, At: at, Action: "account_opened", Language: a.Language})
}

// tellApplicant tells the applicant, who may be gone by now.
func (s *Service) tellApplicant(ctx context.Context, tx pgx.Tx, a Application, kind NoteKind) error {
	var to string
	err := tx.QueryRow(ctx, `SELECT email FROM person WHERE id = $1`, orNull(a.Person)).Scan(&to)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("identity: tell applicant: %w", err)
	}
	return s.tell(ctx, tx, Note{Kind: kind, Channel: "email", To: to, Language: a.Language, Account: a.Account, Ref: a.ID})
}

// unsignedKept is how long an application waits for its form.
const unsignedKept = 90 * 24 * time.Hour

// eraseCompany removes what an erased account leaves of people: the application
// that opened it with its forms, and the names in its mandates (R7). Evidence
// keeps its own.
func eraseCompany(ctx context.Context, tx pgx.Tx, account string) error {
	for _, sql := range []string{`DELETE FROM application WHERE account_id = $1`, `UPDATE mandate SET given = '', family = '' WHERE account_id = $1`} {
		if _, err := tx.Exec(ctx, sql, account); err != nil {
			return fmt.Errorf("identity: erase company: %w", err)
		}
	}
	return nil
}

// moved is ErrMoved unless a statement changed one row.
func moved(tag pgconn.CommandTag, err error) error {
	if err != nil {
		return fmt.Errorf("identity: application: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return ErrMoved
	}
	return nil
}
