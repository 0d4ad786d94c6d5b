package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Queue is one page of the applications, latest first, for operators. State is
// empty for those that wait for an operator.
type Queue struct {
	State  ApplicationState
	Search string // in the legal name, or the enterprise number
	Before string // id of the last one already seen
	Limit  int    // at most 100
}

// ApplicationQueue lists applications. Errors: ErrForbidden.
func (s *Service) ApplicationQueue(ctx context.Context, by Actor, q Queue) ([]Application, error) {
	if err := s.operates(ctx, s.pool, by); err != nil {
		return nil, err
	}
	if q.Before != "" && !isID(q.Before) {
		return nil, ErrNotFound
	}
	states := []ApplicationState{q.State}
	if q.State == "" {
		states = []ApplicationState{ApplicationSigned, ApplicationChecking}
	}
	search := clean(q.Search, 200)
	rows, err := s.pool.Query(ctx, `SELECT `+applicationColumns+` FROM application a
 WHERE a.state = ANY($1) AND ($2::uuid IS NULL OR a.id < $2)
   AND ($3 = '' OR position(lower($3) IN lower(a.name)) > 0 OR a.enterprise_number = NULLIF($4, ''))
 ORDER BY a.id DESC LIMIT $5`, states, orNull(q.Before), search, EnterpriseDigits(search), max(1, min(q.Limit, 100)))
	if err != nil {
		return nil, fmt.Errorf("identity: applications: %w", err)
	}
	return pgx.CollectRows(rows, scanApplication)
}

// AccountSummary is an account as operators see one: never its messages or its
// people.
type AccountSummary struct {
	ID               string
	Kind             Kind
	Name             string // legal name; empty for a private account
	EnterpriseNumber string
	Country          string
	CreatedAt        time.Time
	ClosedAt         *time.Time
	SuspendedAt      *time.Time
}

const selectSummary = `
SELECT a.id, a.kind, a.name, coalesce(a.enterprise_number, ''), a.country, a.created_at, a.closed_at, a.suspended_at FROM account a`

// FindAccounts lists accounts for operators: those with an id or an enterprise
// number, or whose legal name has a text in it. Errors: ErrForbidden.
func (s *Service) FindAccounts(ctx context.Context, by Actor, search, before string, limit int) ([]AccountSummary, error) {
	if err := s.operates(ctx, s.pool, by); err != nil {
		return nil, err
	}
	if before != "" && !isID(before) {
		return nil, ErrNotFound
	}
	search = clean(search, 200)
	rows, err := s.pool.Query(ctx, selectSummary+`
 WHERE ($2::uuid IS NULL OR a.id < $2)
   AND ($1 = '' OR a.id::text = lower($1) OR a.enterprise_number = NULLIF($3, '') OR a.name <> '' AND position(lower($1) IN lower(a.name)) > 0)
 ORDER BY a.id DESC LIMIT $4`, search, orNull(before), EnterpriseDigits(search), max(1, min(limit, 100)))
	if err != nil {
		return nil, fmt.Errorf("identity: find accounts: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[AccountSummary])
}

// SuspendAccount stops everybody from acting for an account: nobody sends, keys
// are refused, mandates do not hold. Reading goes on. Its administrators are
// told, with the reason. Errors: ErrForbidden, ErrNotFound, ErrMoved when it is
// suspended already, ErrClosed, ErrOwnCase, FieldErrors.
func (s *Service) SuspendAccount(ctx context.Context, by Actor, account, reason string) error {
	return s.suspend(ctx, by, account, reason, "account_suspended", NoteAccountSuspended,
		`UPDATE account SET suspended_at = greatest(created_at, $2) WHERE id = $1 AND suspended_at IS NULL`)
}

// ResumeAccount ends a suspension. Errors: as SuspendAccount.
func (s *Service) ResumeAccount(ctx context.Context, by Actor, account, reason string) error {
	return s.suspend(ctx, by, account, reason, "account_resumed", NoteAccountResumed,
		`UPDATE account SET suspended_at = NULL WHERE id = $1 AND suspended_at IS NOT NULL AND created_at <= $2`)
}

func (s *Service) suspend(ctx context.Context, by Actor, account, reason, action string, kind NoteKind, sql string) error {
	reason, err := reasonOf(reason)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.operates(ctx, tx, by); err != nil {
			return err
		}
		if _, err := s.lockAccount(ctx, tx, System, account); err != nil {
			return err
		}
		var own bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM membership WHERE account_id = $1 AND person_id = $2)`, account, by.Subject).Scan(&own)
		if err != nil {
			return fmt.Errorf("identity: suspend: %w", err)
		}
		if own {
			return ErrOwnCase
		}
		at := s.now()
		if err := moved(tx.Exec(ctx, sql, account, at)); err != nil {
			return err
		}
		act := actBy(by, at, action)
		act.Account, act.Reason = account, reason
		if err := insertAct(ctx, tx, act); err != nil {
			return err
		}
		if err := s.log1(ctx, tx, Access{Account: account, At: at, Action: action}); err != nil {
			return err
		}
		return s.tellAdministrators(ctx, tx, account, Note{Kind: kind, Account: account, Ref: account})
	})
}

// tellAdministrators tells every administrator of an account, each in the own
// language.
func (s *Service) tellAdministrators(ctx context.Context, tx pgx.Tx, account string, n Note) error {
	rows, err := tx.Query(ctx, `
SELECT p.email, p.language FROM membership m JOIN person p ON p.id = m.person_id
 WHERE m.account_id = $1 AND m.role = 'administrator' ORDER BY p.id`, account)
	if err != nil {
		return fmt.Errorf("identity: tell administrators: %w", err)
	}
	notes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Note, error) {
		note := n
		note.Channel = "email"
		return note, row.Scan(&note.To, &note.Language)
	})
	if err != nil {
		return fmt.Errorf("identity: tell administrators: %w", err)
	}
	return s.tell(ctx, tx, notes...)
}
