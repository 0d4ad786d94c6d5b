package delivery

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Operators knows who operates the service, and keeps what they did.
type Operators interface {
	// ActOn writes an act about an account down, in the caller's transaction.
	// Errors: identity.ErrForbidden for who is no operator.
	ActOn(ctx context.Context, tx pgx.Tx, by identity.Actor, act, account, reason string) error
}

// Acts of operators about credit.
const (
	ActCreditTerms = "credit_terms"
	ActCreditGiven = "credit_given"
	ActInvoicePaid = "invoice_paid"
)

// CreditTerms is what an operator agrees with an account.
type CreditTerms struct {
	Mode  CreditMode
	Limit int64 // of a Postpaid account, cents without VAT
}

// Bounds of what an operator can do in one act, in cents.
const (
	MaxLimit = 100_000_000
	MaxGiven = 100_000_000
)

// SetTerms changes how an account pays for its live messages. Errors: FieldErrors;
// ErrInsufficientCredit when the account is further in debt than that;
// identity.ErrForbidden, ErrNotFound.
func (s *Service) SetTerms(ctx context.Context, by identity.Actor, account string, t CreditTerms, reason string) error {
	var c checker
	if t.Mode != Prepaid && t.Mode != Postpaid && t.Mode != Free {
		c.fault("/mode", "unsupported", "allowed", "prepaid, postpaid, free")
	}
	if t.Limit < 0 || t.Limit > MaxLimit || t.Limit > 0 && t.Mode != Postpaid {
		c.fault("/limit", "out_of_range")
	}
	c.reason(reason)
	if len(c.faults) > 0 {
		return c.faults
	}
	return s.operate(ctx, by, account, ActCreditTerms, reason, func(tx pgx.Tx) error {
		had, err := s.lockPurse(ctx, tx, account, false)
		if err != nil {
			return err
		}
		if t.Mode != Free && had.Available < -t.Limit {
			return InsufficientCredit{Needed: -had.Available, Available: t.Limit}
		}
		_, err = tx.Exec(ctx, `UPDATE purse SET mode = $2, bound = $3 WHERE account_id = $1 AND NOT test`, account, t.Mode, t.Limit)
		return err
	})
}

// Give adds cents to the credit of an account, or takes them when below zero, for
// a reason that the account sees too. once makes repeating it harmless. Errors as
// of SetTerms.
func (s *Service) Give(ctx context.Context, by identity.Actor, account string, cents int64, reason, once string) error {
	var c checker
	if cents == 0 || cents > MaxGiven || cents < -MaxGiven {
		c.fault("/amount", "out_of_range")
	}
	if once == "" || len(once) > 100 {
		c.fault("/once", "required")
	}
	c.reason(reason)
	if len(c.faults) > 0 {
		return c.faults
	}
	err := s.operate(ctx, by, account, ActCreditGiven, reason, func(tx pgx.Tx) error {
		if _, err := s.lockPurse(ctx, tx, account, false); err != nil {
			return err
		}
		return book(ctx, tx, booking{account: account, kind: EntryGiven, source: "given:" + account + ":" + once, at: s.Now().UTC(),
			by: by.Subject, reason: strings.TrimSpace(reason), amounts: map[string]int64{bookCredits: cents, bookGiven: -cents}})
	})
	if errors.Is(err, errBooked) {
		return nil
	}
	return err
}

// operate does something to an account's credit and writes down who did.
func (s *Service) operate(ctx context.Context, by identity.Actor, account, act, reason string, do func(tx pgx.Tx) error) error {
	if s.Operators == nil {
		return identity.ErrForbidden
	}
	if !isID(account) {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.Operators.ActOn(ctx, tx, by, act, account, strings.TrimSpace(reason)); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM account WHERE id = $1)`, account).Scan(&there); err != nil {
			return err
		}
		if !there {
			return ErrNotFound
		}
		return do(tx)
	})
}

func (c *checker) reason(s string) {
	if s = strings.TrimSpace(s); s == "" {
		c.fault("/reason", "required")
	} else if s != evidence.Text(s, 1000) {
		c.fault("/reason", "malformed")
	}
}

// SetLow says below which credit an account is told; 0: never. Errors: FieldErrors.
func (s *Service) SetLow(ctx context.Context, account string, cents int64) error {
	if cents < 0 || cents > MaxGiven {
		return FieldErrors{{Pointer: "/low", Code: "out_of_range"}}
	}
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := s.lockPurse(ctx, tx, account, false); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE purse SET low_at = $2, low_told = low_told AND available < $2 WHERE account_id = $1 AND NOT test`, account, cents)
		return err
	})
}
