package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// CreditMode is how an account pays.
type CreditMode string

const (
	Prepaid  CreditMode = "prepaid"  // credit is bought first
	Postpaid CreditMode = "postpaid" // invoiced monthly; an operator sets how far it may go
	Free     CreditMode = "free"     // everything is written down, nothing is asked: test messages, demonstrations
)

// ErrInsufficientCredit: what was asked for costs more than there is. Nothing
// happened.
var ErrInsufficientCredit = errors.New("delivery: not enough credit")

// InsufficientCredit is an ErrInsufficientCredit that says by how much, in cents
// without VAT.
type InsufficientCredit struct{ Needed, Available int64 }

func (e InsufficientCredit) Error() string {
	return fmt.Sprintf("%v: %d cents needed, %d there", ErrInsufficientCredit, e.Needed, e.Available)
}

// Unwrap makes it an ErrInsufficientCredit.
func (InsufficientCredit) Unwrap() error { return ErrInsufficientCredit }

// Credit is what an account has, in cents of a euro without VAT.
type Credit struct {
	Mode      CreditMode
	Limit     int64 // how far Available may go below zero
	Available int64 // not counting what is reserved
	Reserved  int64 // for messages under way: what they do not use comes back
	LowAt     int64 // the account is told below this; 0: never
}

// Spendable is how much may still be reserved.
func (c Credit) Spendable() int64 { return c.Available + c.Limit }

const sqlCredit = `SELECT mode, bound, available, reserved, low_at FROM purse WHERE account_id = $1 AND test = $2`

// Credit is what an account has for its live or its test messages.
func (s *Service) Credit(ctx context.Context, account string, test bool) (c Credit, err error) {
	err = s.Pool.QueryRow(ctx, sqlCredit, account, test).Scan(&c.Mode, &c.Limit, &c.Available, &c.Reserved, &c.LowAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return s.opening(test), nil
	}
	return c, err
}

// opening is what an account has before anything happened.
func (s *Service) opening(test bool) Credit {
	if test || s.Opening == Free {
		return Credit{Mode: Free}
	}
	return Credit{Mode: Prepaid, LowAt: defaultLow}
}

// defaultLow is below what an account is told until it says otherwise, in cents.
const defaultLow = 2000

const sqlOpenPurse = `
WITH p AS (INSERT INTO purse (account_id, test, mode, low_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING account_id, test)
INSERT INTO ledger_account (account_id, test, name)
SELECT p.account_id, p.test, n.name FROM p, unnest(ARRAY['credits', 'reserved', 'revenue_online', 'revenue_sms', 'revenue_letter',
       'vat', 'payments', 'refunds', 'owed', 'given']) AS n (name)`

// execer is a pool or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// openPurse gives an account its books, unless it has them. Another transaction
// may be doing the same: the call then waits for its end.
func (s *Service) openPurse(ctx context.Context, db execer, account string, test bool) error {
	c := s.opening(test)
	_, err := db.Exec(ctx, sqlOpenPurse, account, test, c.Mode, c.LowAt)
	return err
}

// lockPurse holds what an account has until the transaction ends, and opens it
// where nobody did.
func (s *Service) lockPurse(ctx context.Context, tx pgx.Tx, account string, test bool) (c Credit, err error) {
	hold := func() error {
		return tx.QueryRow(ctx, sqlCredit+` FOR UPDATE`, account, test).Scan(&c.Mode, &c.Limit, &c.Available, &c.Reserved, &c.LowAt)
	}
	if err = hold(); !errors.Is(err, pgx.ErrNoRows) {
		return c, err
	}
	if err := s.openPurse(ctx, tx, account, test); err != nil {
		return c, err
	}
	return c, hold()
}
