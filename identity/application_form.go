package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxApprovalForm bounds a form that is uploaded, in octets.
const MaxApprovalForm = 5 << 20

// ErrUnchecked says that nobody could look at a signature now: come back later.
var ErrUnchecked = errors.New("identity: signature could not be checked")

// AttachForm brings back the signed form of the actor's own application. With a
// qualified signature under the very form that we made, one operator decides;
// anything else, ink on a scan too, takes two. Whether the signer may bind the
// company is the operator's to see. A form is brought once, unless an operator
// asks for another.
//
// Errors: ErrNotFound, ErrMoved when no form is asked for, FieldErrors,
// ErrUnchecked.
func (s *Service) AttachForm(ctx context.Context, by Actor, application string, pdf []byte) (Application, error) {
	a, err := s.ownApplication(ctx, s.pool, by, application, "")
	if err != nil {
		return Application{}, err
	}
	if a.State != ApplicationFiled {
		return Application{}, ErrMoved
	}
	switch {
	case len(pdf) == 0:
		return Application{}, FieldErrors{{"form", "missing"}}
	case len(pdf) > MaxApprovalForm:
		return Application{}, FieldErrors{{"form", "too_long"}}
	case !bytes.HasPrefix(pdf, []byte("%PDF-")):
		return Application{}, FieldErrors{{"form", "malformed"}}
	}
	signed, err := s.whoSigned(ctx, by, a, pdf)
	if err != nil {
		return Application{}, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if a, err = s.ownApplication(ctx, tx, by, application, " FOR UPDATE"); err != nil {
			return err
		}
		if a.State != ApplicationFiled {
			return ErrMoved
		}
		return s.attach(ctx, tx, by, &a, pdf, signed)
	})
	if err != nil {
		return Application{}, err
	}
	return a, nil
}

func (s *Service) ownApplication(ctx context.Context, q querier, by Actor, id, lock string) (Application, error) {
	if !by.isPerson(by.Subject) || !isID(id) {
		return Application{}, ErrNotFound
	}
	return oneApplication(ctx, q, `SELECT `+applicationColumns+` FROM application a WHERE a.id = $1 AND a.person_id = $2`+lock, id, by.Subject)
}

// whoSigned looks at the signature, outside any transaction: it may ask for
// certificates' states. A certificate for another enterprise proves nothing here.
func (s *Service) whoSigned(ctx context.Context, by Actor, a Application, pdf []byte) (SignedBy, error) {
	if s.signatures == nil {
		return SignedBy{}, nil
	}
	ours, err := s.BlankForm(ctx, by, a.ID)
	if err != nil {
		return SignedBy{}, err
	}
	if !bytes.HasPrefix(pdf, ours) || len(pdf) == len(ours) {
		return SignedBy{}, nil
	}
	found, err := s.signatures.Check(ctx, ours, pdf, s.now())
	if errors.Is(err, ErrNotSigned) {
		s.log.InfoContext(ctx, "approval form without a good signature", "application", a.ID, "cause", err)
		return SignedBy{}, nil
	}
	if err != nil {
		return SignedBy{}, fmt.Errorf("%w: %w", ErrUnchecked, err)
	}
	number, isEnterprise := strings.CutPrefix(found.Organisation, "NTRBE-")
	if found.Family == "" || isEnterprise && a.EnterpriseNumber != "" && EnterpriseDigits(number) != a.EnterpriseNumber {
		found.Qualified = false
	}
	return found, nil
}

func (s *Service) attach(ctx context.Context, tx pgx.Tx, by Actor, a *Application, pdf []byte, signed SignedBy) error {
	id, err := newID()
	if err != nil {
		return err
	}
	sealed, err := s.box.Seal(pdf, formPlace(id))
	if err != nil {
		return err
	}
	var signedAt *time.Time
	if !signed.At.IsZero() {
		t := signed.At.UTC().Truncate(time.Microsecond)
		signedAt = &t
	}
	sum, at := sha256.Sum256(pdf), s.now()
	_, err = tx.Exec(ctx, `
INSERT INTO application_form (id, application_id, sealed, sha256, size, qualified, signer_given, signer_family, signer_organisation, signer_issuer, signed_at, uploaded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		id, a.ID, sealed, sum[:], len(pdf), signed.Qualified, clean(signed.Given, 400), clean(signed.Family, 400), clean(signed.Organisation, 100),
		clean(signed.Issuer, 500), signedAt, at)
	if err != nil {
		return fmt.Errorf("identity: attach form: %w", err)
	}
	a.Form, a.State, a.Reason = id, ApplicationChecking, ""
	if signed.Qualified {
		a.State = ApplicationSigned
	}
	tag, err := tx.Exec(ctx, `UPDATE application SET state = $2, form_id = $3, reason = '' WHERE id = $1 AND state = 'filed'`, a.ID, a.State, a.Form)
	if err != nil {
		return fmt.Errorf("identity: attach form: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return ErrMoved
	}
	return s.logBy(ctx, tx, by, by.Account, at, "application_signed")
}
