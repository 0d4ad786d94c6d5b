package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Operation is something that an operator does to what identity does not keep: a
// job, a letter, a hold, an entry of a register.
type Operation struct {
	Act     string // "job_retried", …: a key of the translation files
	Subject string // what it is done to; names nobody
	Account string // whose it is; may be empty
	Reason  string
}

// Operate lets an operator, or the system in somebody's name, do something, and
// writes down who did it and why, in one transaction: neither is there without the
// other. Errors: ErrForbidden, FieldErrors without a reason, those of do.
func (s *Service) Operate(ctx context.Context, by Actor, o Operation, do func(tx pgx.Tx, at time.Time) error) error {
	reason, err := reasonOf(o.Reason)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if by.Kind != ActorSystem {
			if err := s.operates(ctx, tx, by); err != nil {
				return err
			}
		}
		at := s.now()
		if err := do(tx, at); err != nil {
			return err
		}
		a := actBy(by, at, o.Act)
		a.Account, a.Reason, a.Subject = o.Account, reason, clean(o.Subject, 200)
		return insertAct(ctx, tx, a)
	})
}

// Acts lists what operators did, latest first: at most limit and at most 100.
// before is the id of the last one already seen. Errors: ErrForbidden, ErrNotFound.
func (s *Service) Acts(ctx context.Context, by Actor, before string, limit int) ([]Act, error) {
	if err := s.operates(ctx, s.pool, by); err != nil {
		return nil, err
	}
	if before != "" && !isID(before) {
		return nil, ErrNotFound
	}
	rows, err := s.pool.Query(ctx, selectActs+` WHERE $1::uuid IS NULL OR t.id < $1 ORDER BY t.id DESC LIMIT $2`, orNull(before), max(1, min(limit, 100)))
	if err != nil {
		return nil, fmt.Errorf("identity: operators' acts: %w", err)
	}
	return pgx.CollectRows(rows, scanAct)
}
