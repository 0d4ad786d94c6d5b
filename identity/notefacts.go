package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Kinds of tickets, and the paths of the pages that use them: the token follows.
const (
	ticketReset      = "reset"
	ticketInvitation = "invitation"
	ticketRecovery   = "recovery"

	pathSignIn     = "/portal/sign-in"
	pathAccount    = "/portal/account"
	pathWebhooks   = "/portal/webhooks"
	pathKeys       = "/portal/keys"
	pathReset      = "/portal/reset/"
	pathInvitation = "/portal/invitation/"
	pathRecovery   = "/portal/recovery/stop/"
	pathProcessors = "/sub-processors"
)

// eraseWithin is when the personal data of a closed account is gone at the latest
// (R7).
const eraseWithin = 45 * 24 * time.Hour

// NoteFacts are the facts of a note at the moment it is rendered.
//
// Errors: ErrStale when it no longer makes sense: a code or link that was used or
// is too old, something that is gone.
func (s *Service) NoteFacts(ctx context.Context, n Note) (f NoteFacts, err error) {
	switch n.Kind {
	case NoteContactCode:
		if s.codes == nil {
			return NoteFacts{}, ErrStale
		}
		f.Code, f.Until, err = s.codes.Code(ctx, n.Ref)
		return f, err
	case NoteAccountExists:
		return NoteFacts{Path: pathSignIn}, nil
	case NotePasswordReset:
		return s.linkFacts(ctx, ticketReset, n.Ref, pathReset)
	case NoteInvitation:
		return s.linkFacts(ctx, ticketInvitation, n.Ref, pathInvitation)
	case NoteRecoveryStarted:
		return s.linkFacts(ctx, ticketRecovery, n.Ref, pathRecovery)
	case NoteKeyExpires:
		return s.keyFacts(ctx, n)
	case NoteProcessor, NoteRequestExtended:
		return s.registerFacts(ctx, n)
	case NoteSignInChanged, NoteContactChanged:
		return NoteFacts{What: n.Ref, Path: pathAccount}, nil
	case NoteRecoveryDone:
		return NoteFacts{Path: pathAccount}, nil
	case NoteMandateGranted, NoteMandateWithdrawn, NoteMandateGiven, NoteMandateEnded:
		return s.mandateFacts(ctx, n)
	case NoteApplicationReceived, NoteApplicationApproved, NoteApplicationRefused, NoteApplicationForm:
		return s.applicationFacts(ctx, n)
	case NoteAccountSuspended, NoteAccountResumed:
		return s.suspensionFacts(ctx, n)
	}
	return s.accountFacts(ctx, n)
}

// linkFacts are those of a note that carries a ticket.
func (s *Service) linkFacts(ctx context.Context, kind, id, path string) (NoteFacts, error) {
	token, t, err := s.linkOf(ctx, kind, id)
	if err != nil {
		return NoteFacts{}, err
	}
	if kind == ticketReset && t.Person == "" {
		return NoteFacts{}, ErrStale // asked for a login that does not exist
	}
	f := NoteFacts{Path: path + token, Until: t.Expires}
	err = s.pool.QueryRow(ctx, `
SELECT coalesce((SELECT given || ' ' || family FROM person WHERE id = $1), ''), coalesce((SELECT name FROM account WHERE id = $2), '')`,
		orNull(t.Person), orNull(t.Account)).Scan(&f.Name, &f.Account)
	if err != nil {
		return NoteFacts{}, fmt.Errorf("identity: note facts: %w", err)
	}
	return f, nil
}

func (s *Service) mandateFacts(ctx context.Context, n Note) (f NoteFacts, err error) {
	if !isID(n.Ref) {
		return f, ErrStale
	}
	var until, revoked *time.Time
	err = s.pool.QueryRow(ctx, `
SELECT m.given || ' ' || m.family, `+principalName+`, m.valid_until, m.revoked_at FROM mandate m JOIN account a ON a.id = m.account_id
 WHERE m.id = $1 AND a.erased_at IS NULL`, n.Ref).Scan(&f.Name, &f.Account, &until, &revoked)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && (n.Kind == NoteMandateGranted || n.Kind == NoteMandateGiven) && revoked != nil {
		return NoteFacts{}, ErrStale
	}
	if err != nil {
		return NoteFacts{}, fmt.Errorf("identity: note facts: %w", err)
	}
	if n.Kind == NoteMandateGiven || n.Kind == NoteMandateEnded {
		f.Name, f.Who = "", f.Name
	}
	if f.Path = pathMandates; n.Kind == NoteMandateGranted && until != nil {
		f.Until = *until
	}
	return f, nil
}

// accountFacts are those of a note about an account, which is its Ref.
func (s *Service) accountFacts(ctx context.Context, n Note) (f NoteFacts, err error) {
	if !isID(n.Ref) {
		return f, ErrStale
	}
	var closed *time.Time
	err = s.pool.QueryRow(ctx, `SELECT name, closed_at FROM account WHERE id = $1`, n.Ref).Scan(&f.Account, &closed)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && (n.Kind == NoteAccountClosed) != (closed != nil) {
		return NoteFacts{}, ErrStale
	}
	if err != nil {
		return NoteFacts{}, fmt.Errorf("identity: note facts: %w", err)
	}
	if closed != nil {
		f.Until = closed.Add(eraseWithin)
		return f, nil
	}
	switch f.Path = pathAccount; n.Kind {
	case NoteWebhookDisabled:
		f.Path = pathWebhooks
	case NoteCreditLow:
		f.Path = "/portal/credits"
	}
	return f, nil
}
