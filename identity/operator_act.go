package identity

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Act is one act of an operator. Acts are kept for good.
type Act struct {
	ID          string
	At          time.Time
	Operator    string // person id, or who ran the command line
	Act         string // "application_confirmed", …: a key of the translation files
	Application string
	Account     string
	Person      string
	Subject     string // what else it is about; empty otherwise
	Reason      string
	Name        string // of the operator, while there is one; empty otherwise
	ip, agent   string
}

// insertAct writes an act down, in the transaction that does it.
func insertAct(ctx context.Context, tx pgx.Tx, a Act) error {
	id, err := newID()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
INSERT INTO operator_act (id, at, operator, act, application_id, account_id, person_id, reason, ip, user_agent, subject)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		id, a.At, a.Operator, a.Act, orNull(a.Application), orNull(a.Account), orNull(a.Person), a.Reason, clean(a.ip, 64), clean(a.agent, 500), a.Subject)
	if err != nil {
		return fmt.Errorf("identity: operator's act: %w", err)
	}
	return nil
}

// actBy is an act of a signed-in operator.
func actBy(by Actor, at time.Time, act string) Act {
	return Act{At: at, Operator: by.Subject, Act: act, ip: by.IP, agent: by.UserAgent}
}

const selectActs = `
SELECT t.id, t.at, t.operator, t.act, coalesce(t.application_id::text, ''), coalesce(t.account_id::text, ''), coalesce(t.person_id::text, ''), t.subject, t.reason,
       coalesce((SELECT p.given || ' ' || p.family FROM person p WHERE p.id::text = t.operator), '')
  FROM operator_act t`

// ApplicationActs is what operators did about an application, first to last.
// Errors: ErrForbidden.
func (s *Service) ApplicationActs(ctx context.Context, by Actor, application string) ([]Act, error) {
	return s.acts(ctx, by, selectActs+` WHERE t.application_id = $1 ORDER BY t.id`, application)
}

// AccountActs is what operators did about an account, first to last. Errors:
// ErrForbidden.
func (s *Service) AccountActs(ctx context.Context, by Actor, account string) ([]Act, error) {
	return s.acts(ctx, by, selectActs+` WHERE t.account_id = $1 ORDER BY t.id`, account)
}

func (s *Service) acts(ctx context.Context, by Actor, sql, id string) ([]Act, error) {
	if err := s.operates(ctx, s.pool, by); err != nil {
		return nil, err
	}
	if !isID(id) {
		return nil, ErrNotFound
	}
	rows, err := s.pool.Query(ctx, sql, id)
	if err != nil {
		return nil, fmt.Errorf("identity: operators' acts: %w", err)
	}
	return pgx.CollectRows(rows, scanAct)
}

func scanAct(row pgx.CollectableRow) (a Act, err error) {
	err = row.Scan(&a.ID, &a.At, &a.Operator, &a.Act, &a.Application, &a.Account, &a.Person, &a.Subject, &a.Reason, &a.Name)
	return a, err
}

// maxReason bounds what an operator gives as a reason, in octets.
const maxReason = 1000

// reasonOf tidies a reason. Errors: FieldErrors.
func reasonOf(s string) (string, error) {
	if len(s) > maxReason {
		return "", FieldErrors{{"reason", "too_long"}}
	}
	if s = clean(strings.TrimSpace(strings.Join(strings.Fields(s), " ")), maxReason); s == "" {
		return "", FieldErrors{{"reason", "missing"}}
	}
	return s, nil
}
