package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Member is a person as the administrators of an account see one.
type Member struct {
	Person     string
	Given      string
	Family     string
	Login      string
	Email      string
	Mobile     string
	Role       Role
	Identified bool // proven by an identification (R2)
	Factor     bool // has a second factor
	CreatedAt  time.Time
}

// Members lists the people of an account, administrators first. Errors:
// ErrForbidden, ErrNotFound.
func (s *Service) Members(ctx context.Context, by Actor, account string) ([]Member, error) {
	if err := s.administers(ctx, s.pool, by, account); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `
SELECT p.id, p.given, p.family, p.login, p.email, p.mobile, m.role,
       p.identification_id IS NOT NULL,
       p.totp_secret IS NOT NULL OR EXISTS (SELECT FROM webauthn_credential w WHERE w.person_id = p.id), m.created_at
  FROM membership m JOIN person p ON p.id = m.person_id
 WHERE m.account_id = $1
 ORDER BY m.role, p.family, p.given, p.id`, account)
	if err != nil {
		return nil, fmt.Errorf("identity: members: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Member])
}

// AddMember lets a person who has a login act in one more account. Only the
// system may: the face that calls it has asked both sides. Adding somebody again
// changes the role.
//
// Errors: ErrForbidden, ErrNotFound, ErrClosed, ErrLastAdministrator.
func (s *Service) AddMember(ctx context.Context, by Actor, account, person string, role Role) error {
	if by.Kind != ActorSystem {
		return ErrForbidden
	}
	return s.changeMember(ctx, by, account, person, "person_added", func(tx pgx.Tx, kind Kind, at time.Time) error {
		if kind == Private || !role.valid() {
			return ErrForbidden
		}
		err := insertMember(ctx, tx, account, person, role, by.Subject, at)
		if violates(err, "membership_person_id_fkey") {
			return ErrNotFound
		}
		return err
	})
}

// SetRole changes what a member may do; it holds from that person's next
// request. Errors: ErrForbidden, ErrNotFound, ErrClosed, ErrLastAdministrator.
func (s *Service) SetRole(ctx context.Context, by Actor, account, person string, role Role) error {
	return s.changeMember(ctx, by, account, person, "role_changed", func(tx pgx.Tx, _ Kind, _ time.Time) error {
		if !role.valid() {
			return ErrForbidden
		}
		tag, err := tx.Exec(ctx, `UPDATE membership SET role = $3 WHERE account_id = $1 AND person_id = $2`, account, person, role)
		return oneRow(tag.RowsAffected(), err)
	})
}

// RemoveMember ends somebody's membership, with the sessions and the mandates in
// that account. The
// data of a person who is in no other account goes with it, at once (R7). An
// administrator may remove anybody, a person oneself, but never the last
// administrator: that is what closing the account is for.
//
// Errors: ErrForbidden, ErrNotFound, ErrClosed, ErrLastAdministrator.
func (s *Service) RemoveMember(ctx context.Context, by Actor, account, person string) error {
	return s.changeMember(ctx, by, account, person, "person_removed", func(tx pgx.Tx, _ Kind, at time.Time) error {
		return removeMember(ctx, tx, account, person, by.Subject, at)
	})
}

// changeMember holds the account locked, so that two administrators who leave
// together cannot both be the one who is not the last.
func (s *Service) changeMember(ctx context.Context, by Actor, account, person, action string, change func(pgx.Tx, Kind, time.Time) error) error {
	if !isID(person) {
		return ErrNotFound
	}
	// Whether a person is still in another account is seen beyond the wall only.
	return pgx.BeginFunc(Beyond(ctx), s.pool, func(tx pgx.Tx) error {
		leaving := action == "person_removed" && by.isPerson(person) && by.Account == account
		who := by
		if leaving {
			who = System
		}
		kind, err := s.lockAccount(ctx, tx, who, account)
		if err != nil {
			return err
		}
		at := s.now()
		if err := change(tx, kind, at); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM membership WHERE account_id = $1 AND role = 'administrator'`, account).Scan(&n); err != nil {
			return fmt.Errorf("identity: count administrators: %w", err)
		}
		if n == 0 {
			return ErrLastAdministrator
		}
		return s.logBy(ctx, tx, by, account, at, action)
	})
}

// removeMember ends a membership, with the mandates that went with it. The
// account is locked.
func removeMember(ctx context.Context, tx pgx.Tx, account, person, by string, at time.Time) error {
	if err := revokeMandates(ctx, tx, account, person, by, at); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `DELETE FROM membership WHERE account_id = $1 AND person_id = $2`, account, person)
	if err := oneRow(tag.RowsAffected(), err); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM session WHERE account_id = $1 AND person_id = $2`, account, person); err != nil {
		return fmt.Errorf("identity: end sessions: %w", err)
	}
	// Locked first: another account may be adding the person at this moment.
	if _, err := tx.Exec(ctx, `SELECT id FROM person WHERE id = $1 FOR UPDATE`, person); err != nil {
		return fmt.Errorf("identity: lock person: %w", err)
	}
	_, err = tx.Exec(ctx, `
WITH gone AS (DELETE FROM person p WHERE p.id = $1 AND NOT EXISTS (SELECT FROM membership m WHERE m.person_id = p.id) RETURNING p.id)
INSERT INTO departure (person_id, left_at) SELECT id, $2 FROM gone`, person, at)
	if err != nil {
		return fmt.Errorf("identity: remove person: %w", err)
	}
	return nil
}

func insertMember(ctx context.Context, tx pgx.Tx, account, person string, role Role, by string, at time.Time) error {
	_, err := tx.Exec(ctx, `
INSERT INTO membership (account_id, person_id, role, created_at, created_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (account_id, person_id) DO UPDATE SET role = excluded.role`, account, person, role, at, by)
	if err != nil {
		return fmt.Errorf("identity: add member: %w", err)
	}
	return nil
}

// administers fails unless by may administer the account. Another account's
// people learn nothing, not even that it exists.
func (s *Service) administers(ctx context.Context, q querier, by Actor, account string) error {
	if !isID(account) {
		return ErrNotFound
	}
	if by.Kind == ActorSystem {
		return nil
	}
	if by.Account != account || by.Kind != ActorPerson {
		return ErrNotFound
	}
	var role Role
	err := q.QueryRow(ctx, `
SELECT m.role FROM membership m JOIN person p ON p.id = m.person_id
 WHERE m.account_id = $1 AND m.person_id = $2 AND p.restricted_at IS NULL`, account, by.Subject).Scan(&role)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrForbidden
	case err != nil:
		return fmt.Errorf("identity: membership: %w", err)
	case !role.AtLeast(Administrator):
		return ErrForbidden
	}
	return nil
}

// lockAccount holds an open account for the transaction and checks, under that
// lock, that by administers it. Errors: ErrNotFound, ErrForbidden, ErrClosed,
// ErrSuspended.
func (s *Service) lockAccount(ctx context.Context, tx pgx.Tx, by Actor, account string) (kind Kind, err error) {
	if !isID(account) {
		return "", ErrNotFound
	}
	var closed, suspended bool
	err = tx.QueryRow(ctx, `SELECT kind, closed_at IS NOT NULL, suspended_at IS NOT NULL FROM account WHERE id = $1 FOR UPDATE`, account).
		Scan(&kind, &closed, &suspended)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("identity: lock account: %w", err)
	}
	if err := s.administers(ctx, tx, by, account); err != nil {
		return "", err
	}
	if closed {
		return "", ErrClosed
	}
	if suspended && by.Kind != ActorSystem {
		return "", ErrSuspended
	}
	return kind, nil
}

// oneRow is ErrNotFound when a statement touched no row.
func oneRow(n int64, err error) error {
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}
