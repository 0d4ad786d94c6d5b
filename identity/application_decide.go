package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ConfirmApplication says that an operator looked at a form and found it right.
// One operator is enough under a qualified signature; without one the first
// confirmation waits for that of somebody else. The last one opens the company
// account with the applicant as its administrator, under a mandate with every
// power, in the same transaction. form is the form that the operator saw.
//
// Errors: ErrForbidden, ErrNotFound, ErrMoved, ErrOwnCase, ErrClosed when the
// applicant is gone.
func (s *Service) ConfirmApplication(ctx context.Context, by Actor, id, form string) (Application, error) {
	return s.decide(ctx, by, id, func(tx pgx.Tx, a *Application, at time.Time) error {
		if a.Form != form || a.State != ApplicationSigned && a.State != ApplicationChecking {
			return ErrMoved
		}
		if a.State == ApplicationChecking && a.ConfirmedBy == "" {
			return s.confirmFirst(ctx, tx, by, a, at)
		}
		return s.approve(ctx, tx, by, a, at)
	})
}

// RefuseApplication ends an application; the applicant reads the reason. Errors:
// ErrForbidden, ErrNotFound, ErrMoved, ErrOwnCase, FieldErrors.
func (s *Service) RefuseApplication(ctx context.Context, by Actor, id, reason string) (Application, error) {
	reason, err := reasonOf(reason)
	if err != nil {
		return Application{}, err
	}
	return s.decide(ctx, by, id, func(tx pgx.Tx, a *Application, at time.Time) error {
		if a.State == ApplicationApproved || a.State == ApplicationRefused {
			return ErrMoved
		}
		from := a.State
		a.State, a.Reason, a.DecidedBy, a.DecidedAt = ApplicationRefused, reason, by.Subject, &at
		// The first confirmation may be this operator's own: refusing takes it back.
		err := moved(tx.Exec(ctx, `
UPDATE application SET state = 'refused', reason = $3, decided_by = $4, decided_at = $5,
       confirmed_by = NULLIF(confirmed_by, $4), confirmed_at = CASE WHEN confirmed_by = $4 THEN NULL ELSE confirmed_at END
 WHERE id = $1 AND state = $2`, a.ID, from, reason, by.Subject, at))
		if err != nil {
			return err
		}
		return s.tellApplicant(ctx, tx, *a, NoteApplicationRefused)
	}, "application_refused", reason)
}

// AskFormAgain sends an application back to the applicant, for another form.
// Confirmations of the old one count no longer. Errors: as RefuseApplication.
func (s *Service) AskFormAgain(ctx context.Context, by Actor, id, reason string) (Application, error) {
	reason, err := reasonOf(reason)
	if err != nil {
		return Application{}, err
	}
	return s.decide(ctx, by, id, func(tx pgx.Tx, a *Application, at time.Time) error {
		if a.State != ApplicationSigned && a.State != ApplicationChecking {
			return ErrMoved
		}
		from := a.State
		a.State, a.Reason, a.Form, a.ConfirmedBy, a.ConfirmedAt = ApplicationFiled, reason, "", "", nil
		err := moved(tx.Exec(ctx, `
UPDATE application SET state = 'filed', form_id = NULL, reason = $3, confirmed_by = NULL, confirmed_at = NULL WHERE id = $1 AND state = $2`, a.ID, from, reason))
		if err != nil {
			return err
		}
		return s.tellApplicant(ctx, tx, *a, NoteApplicationForm)
	}, "application_form_asked", reason)
}

// decide holds an application locked while an operator, who must be no party to
// it, acts on it. words are the act and the reason; the act of a confirmation
// follows from what it did.
func (s *Service) decide(ctx context.Context, by Actor, id string, act func(pgx.Tx, *Application, time.Time) error, words ...string) (a Application, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.operates(ctx, tx, by); err != nil {
			return err
		}
		if !isID(id) {
			return ErrNotFound
		}
		var err error
		if a, err = oneApplication(ctx, tx, `SELECT `+applicationColumns+` FROM application a WHERE a.id = $1 FOR UPDATE`, id); err != nil {
			return err
		}
		var own bool
		if err := tx.QueryRow(ctx, `SELECT `+sameHuman("$1", "$2"), by.Subject, a.Record).Scan(&own); err != nil {
			return fmt.Errorf("identity: decide: %w", err)
		}
		if own || a.Person == by.Subject {
			return ErrOwnCase
		}
		at := s.now()
		if err := act(tx, &a, at); err != nil {
			return err
		}
		done := actBy(by, at, "application_confirmed")
		if a.State == ApplicationApproved {
			done.Act = "application_approved"
		}
		if done.Application, done.Account = a.ID, a.Account; len(words) == 2 {
			done.Act, done.Reason = words[0], words[1]
		}
		return insertAct(ctx, tx, done)
	})
	if err != nil {
		return Application{}, err
	}
	return a, nil
}

func (s *Service) confirmFirst(ctx context.Context, tx pgx.Tx, by Actor, a *Application, at time.Time) error {
	a.ConfirmedBy, a.ConfirmedAt = by.Subject, &at
	return moved(tx.Exec(ctx, `
UPDATE application SET confirmed_by = $2, confirmed_at = $3 WHERE id = $1 AND state = 'checking' AND confirmed_by IS NULL`, a.ID, by.Subject, at))
}
