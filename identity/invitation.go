package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// invitationLife is how long an invitation waits; openInvitations is how many of
// an account may.
const (
	invitationLife  = 7 * 24 * time.Hour
	openInvitations = 100
)

// Invitation is an invitation to join a company account.
type Invitation struct {
	ID      string
	Account string
	Company string // legal name
	Email   string // whom it was sent to
	Role    Role
	Expires time.Time
	inviter string
}

// invited is what a ticket of an invitation carries.
type invited struct {
	Email   string `json:"email"`
	Role    Role   `json:"role"`
	Inviter string `json:"inviter"`
}

// Invite asks somebody by e-mail to join a company account. Whoever opens the
// link joins as the person signed in there; nothing is said about who has an
// account already. Errors: ErrForbidden, ErrNotFound, ErrClosed, ErrSuspended,
// ErrTooMany, FieldErrors.
func (s *Service) Invite(ctx context.Context, by Actor, email string, role Role, language string) error {
	var bad FieldErrors
	if email = strings.TrimSpace(email); !isEmail(email) {
		bad = append(bad, FieldError{"email", "malformed"})
	}
	if !role.valid() {
		bad = append(bad, FieldError{"role", "malformed"})
	}
	if !isLanguage(language) {
		bad = append(bad, FieldError{"language", "malformed"})
	}
	if err := bad.orNil(); err != nil {
		return err
	}
	carries, err := json.Marshal(invited{email, role, by.Subject})
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		kind, err := s.lockAccount(ctx, tx, by, by.Account)
		if err != nil {
			return err
		}
		if kind == Private {
			return fmt.Errorf("%w: a private account has one person", ErrForbidden)
		}
		var open int
		err = tx.QueryRow(ctx, `SELECT count(*) FROM ticket WHERE kind = $1 AND account_id = $2 AND expires_at > $3`, ticketInvitation, by.Account, s.now()).Scan(&open)
		if err != nil {
			return fmt.Errorf("identity: invite: %w", err)
		}
		if open >= openInvitations {
			return ErrTooMany
		}
		id, err := s.newTicket(ctx, tx, ticket{Kind: ticketInvitation, Account: by.Account, Carries: carries}, invitationLife)
		if err != nil {
			return err
		}
		if err := s.logBy(ctx, tx, by, by.Account, s.now(), "person_invited"); err != nil {
			return err
		}
		return s.tell(ctx, tx, Note{Kind: NoteInvitation, Channel: "email", To: email, Language: language, Account: by.Account, Ref: id})
	})
}

// Invitations lists what was not answered yet, latest first. Errors:
// ErrForbidden, ErrNotFound.
func (s *Service) Invitations(ctx context.Context, by Actor) ([]Invitation, error) {
	if err := s.administers(ctx, s.pool, by, by.Account); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT `+ticketColumns+` FROM ticket WHERE kind = $1 AND account_id = $2 AND expires_at > $3 ORDER BY id DESC`,
		ticketInvitation, by.Account, s.now())
	if err != nil {
		return nil, fmt.Errorf("identity: invitations: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Invitation, error) {
		t, err := s.scanTicket(row)
		if err != nil {
			return Invitation{}, err
		}
		return t.invitation()
	})
}

func (t ticket) invitation() (Invitation, error) {
	var i invited
	if err := json.Unmarshal(t.Carries, &i); err != nil {
		return Invitation{}, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	return Invitation{ID: t.ID, Account: t.Account, Email: i.Email, Role: i.Role, Expires: t.Expires, inviter: i.Inviter}, nil
}

// WithdrawInvitation makes its link useless. Errors: ErrForbidden, ErrNotFound.
func (s *Service) WithdrawInvitation(ctx context.Context, by Actor, id string) error {
	if !isID(id) {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.administers(ctx, tx, by, by.Account); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM ticket WHERE id = $1 AND kind = $2 AND account_id = $3`, id, ticketInvitation, by.Account)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		return s.logBy(ctx, tx, by, by.Account, s.now(), "invitation_withdrawn")
	})
}

// Invitation is what the holder of a link is invited to. Errors: ErrToken.
func (s *Service) Invitation(ctx context.Context, token string) (Invitation, error) {
	t, err := s.ticket(ctx, s.pool, ticketInvitation, token)
	if err != nil {
		return Invitation{}, err
	}
	i, err := t.invitation()
	if err != nil {
		return Invitation{}, err
	}
	err = s.pool.QueryRow(ctx, `SELECT name FROM account WHERE id = $1 AND closed_at IS NULL AND suspended_at IS NULL`, i.Account).Scan(&i.Company)
	if errors.Is(err, pgx.ErrNoRows) {
		return Invitation{}, ErrToken
	}
	if err != nil {
		return Invitation{}, fmt.Errorf("identity: invitation: %w", err)
	}
	return i, nil
}

// AcceptInvitation makes the actor a member of the account that invited, which is
// returned. The inviter has to administer it still; an administrator to be has to
// be identified. Somebody who is a member already stays what that person is.
//
// Errors: ErrToken, ErrForbidden, ErrUnidentified.
func (s *Service) AcceptInvitation(ctx context.Context, by Actor, token string) (account string, err error) {
	if !by.isPerson(by.Subject) {
		return "", ErrForbidden
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		t, err := s.useTicket(ctx, tx, ticketInvitation, token)
		if err != nil {
			return err
		}
		i, err := t.invitation()
		if err != nil {
			return err
		}
		if i.Role == Administrator && (by.Record == "" || !by.Level.AtLeast(LevelSubstantial)) {
			return ErrUnidentified
		}
		if _, err := s.lockAccount(ctx, tx, Actor{Kind: ActorPerson, Subject: i.inviter, Account: i.Account}, i.Account); err != nil {
			return fmt.Errorf("%w: %w", ErrToken, err)
		}
		at := s.now()
		_, err = tx.Exec(ctx, `
INSERT INTO membership (account_id, person_id, role, created_at, created_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (account_id, person_id) DO NOTHING`, i.Account, by.Subject, i.Role, at, i.inviter)
		if violates(err, "membership_person_id_fkey") {
			return ErrForbidden
		}
		if err != nil {
			return fmt.Errorf("identity: accept invitation: %w", err)
		}
		account = i.Account
		return s.logBy(ctx, tx, by, account, at, "invitation_accepted")
	})
	return account, err
}
