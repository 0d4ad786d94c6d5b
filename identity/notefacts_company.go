package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Paths of the pages that notes about companies lead to.
const (
	pathApplication = "/portal/applications/"
	pathMandates    = "/portal/mandates"
)

// applicationFacts are those of a note about an application that stands where
// the note says.
func (s *Service) applicationFacts(ctx context.Context, n Note) (f NoteFacts, err error) {
	if !isID(n.Ref) {
		return f, ErrStale
	}
	var state ApplicationState
	err = s.pool.QueryRow(ctx, `SELECT given || ' ' || family, name, state, reason FROM application WHERE id = $1`, n.Ref).
		Scan(&f.Name, &f.Account, &state, &f.Reason)
	if errors.Is(err, pgx.ErrNoRows) ||
		err == nil && ((n.Kind == NoteApplicationApproved) != (state == ApplicationApproved) || (n.Kind == NoteApplicationRefused) != (state == ApplicationRefused) ||
			n.Kind == NoteApplicationForm && state != ApplicationFiled) {
		return NoteFacts{}, ErrStale
	}
	if err != nil {
		return NoteFacts{}, fmt.Errorf("identity: note facts: %w", err)
	}
	if f.Path = pathApplication + n.Ref; n.Kind != NoteApplicationRefused && n.Kind != NoteApplicationForm {
		f.Reason = ""
	}
	return f, nil
}

// suspensionFacts are those of a note about a suspension, or its end, with the
// reason that the operator gave.
func (s *Service) suspensionFacts(ctx context.Context, n Note) (f NoteFacts, err error) {
	if !isID(n.Ref) {
		return f, ErrStale
	}
	var suspended bool
	err = s.pool.QueryRow(ctx, `
SELECT `+principalName+`, a.suspended_at IS NOT NULL,
       coalesce((SELECT t.reason FROM operator_act t WHERE t.account_id = a.id AND t.act = $2 ORDER BY t.id DESC LIMIT 1), '')
  FROM account a WHERE a.id = $1 AND a.closed_at IS NULL`, n.Ref, string(n.Kind)).Scan(&f.Account, &suspended, &f.Reason)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && suspended != (n.Kind == NoteAccountSuspended) {
		return NoteFacts{}, ErrStale
	}
	if err != nil {
		return NoteFacts{}, fmt.Errorf("identity: note facts: %w", err)
	}
	f.Path = pathAccount
	return f, nil
}
