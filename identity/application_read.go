package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const applicationColumns = `a.id, coalesce(a.person_id::text, ''), a.given, a.family, a.level, a.record,
       a.name, a.country, coalesce(a.enterprise_number, ''), coalesce(a.vat_number, ''), a.email, a.capacity, a.language, a.terms,
       a.state, coalesce(a.form_id::text, ''), coalesce(a.confirmed_by::text, ''), a.confirmed_at,
       coalesce(a.decided_by::text, ''), a.decided_at, a.reason, coalesce(a.account_id::text, ''), a.filed_at`

func scanApplication(row pgx.CollectableRow) (a Application, err error) {
	err = row.Scan(&a.ID, &a.Person, &a.Given, &a.Family, &a.Level, &a.Record,
		&a.Name, &a.Country, &a.EnterpriseNumber, &a.VATNumber, &a.Email, &a.Capacity, &a.Language, &a.Terms,
		&a.State, &a.Form, &a.ConfirmedBy, &a.ConfirmedAt, &a.DecidedBy, &a.DecidedAt, &a.Reason, &a.Account, &a.FiledAt)
	return a, err
}

// Applications lists what the actor filed, latest first.
func (s *Service) Applications(ctx context.Context, by Actor) ([]Application, error) {
	if !by.isPerson(by.Subject) {
		return nil, ErrForbidden
	}
	rows, err := s.pool.Query(ctx, `SELECT `+applicationColumns+` FROM application a WHERE a.person_id = $1 ORDER BY a.id DESC LIMIT 100`, by.Subject)
	if err != nil {
		return nil, fmt.Errorf("identity: applications: %w", err)
	}
	return pgx.CollectRows(rows, scanApplication)
}

// Application is one application, for the applicant and for operators. Errors:
// ErrNotFound.
func (s *Service) Application(ctx context.Context, by Actor, id string) (Application, error) {
	if !by.isPerson(by.Subject) || !isID(id) {
		return Application{}, ErrNotFound
	}
	return oneApplication(ctx, s.pool, `SELECT `+applicationColumns+` FROM application a
 WHERE a.id = $1 AND (a.person_id = $2 OR EXISTS (SELECT FROM operator o WHERE o.person_id = $2))`, id, by.Subject)
}

func oneApplication(ctx context.Context, q querier, sql string, args ...any) (Application, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return Application{}, fmt.Errorf("identity: application: %w", err)
	}
	a, err := pgx.CollectExactlyOneRow(rows, scanApplication)
	if errors.Is(err, pgx.ErrNoRows) {
		return Application{}, ErrNotFound
	}
	if err != nil {
		return Application{}, fmt.Errorf("identity: application: %w", err)
	}
	return a, nil
}

// ApprovalForm is a form that came back, and what was found in it.
type ApprovalForm struct {
	ID         string
	SHA256     []byte
	Size       int
	Signed     SignedBy // zero unless the form is ours with a signature that holds
	UploadedAt time.Time
}

// ApprovalForms lists the forms of an application, latest first. Errors:
// ErrNotFound.
func (s *Service) ApprovalForms(ctx context.Context, by Actor, application string) ([]ApprovalForm, error) {
	if _, err := s.Application(ctx, by, application); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `
SELECT id, sha256, size, qualified, signer_given, signer_family, signer_organisation, signer_issuer, signed_at, uploaded_at
  FROM application_form WHERE application_id = $1 ORDER BY uploaded_at DESC, id DESC`, application)
	if err != nil {
		return nil, fmt.Errorf("identity: approval forms: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (f ApprovalForm, err error) {
		var at *time.Time
		err = row.Scan(&f.ID, &f.SHA256, &f.Size, &f.Signed.Qualified, &f.Signed.Given, &f.Signed.Family, &f.Signed.Organisation, &f.Signed.Issuer, &at, &f.UploadedAt)
		if at != nil {
			f.Signed.At = *at
		}
		return f, err
	})
}

// BlankForm is the form of an application as we made it, to be signed. Errors:
// ErrNotFound, ErrSealed.
func (s *Service) BlankForm(ctx context.Context, by Actor, application string) ([]byte, error) {
	if _, err := s.Application(ctx, by, application); err != nil {
		return nil, err
	}
	var sealed []byte
	if err := s.pool.QueryRow(ctx, `SELECT blank FROM application WHERE id = $1`, application).Scan(&sealed); err != nil {
		return nil, fmt.Errorf("identity: blank form: %w", err)
	}
	return s.box.Open(sealed, blankPlace(application))
}

// SignedForm is a form as it came back. Errors: ErrNotFound, ErrSealed.
func (s *Service) SignedForm(ctx context.Context, by Actor, application, form string) ([]byte, error) {
	if _, err := s.Application(ctx, by, application); err != nil {
		return nil, err
	}
	if !isID(form) {
		return nil, ErrNotFound
	}
	var sealed []byte
	err := s.pool.QueryRow(ctx, `SELECT sealed FROM application_form WHERE id = $1 AND application_id = $2`, form, application).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("identity: signed form: %w", err)
	}
	return s.box.Open(sealed, formPlace(form))
}

func formPlace(id string) []byte { return []byte("application_form:" + id) }
