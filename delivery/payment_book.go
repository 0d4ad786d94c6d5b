package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// bookPayment takes in how a payment is, in one transaction:
//
//  1. lock the payment; amount, currency and order must be those that were asked
//  2. paid, and not booked: credit, VAT, and the invoice
//  3. more went back than is booked: the difference, and its credit note
//
// The same word twice finds nothing to book.
func (s *Service) bookPayment(ctx context.Context, v PaymentView) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		p, err := scanPayment(tx.QueryRow(ctx, sqlPayment+` WHERE id = $1 AND provider = $2 AND (ref = $3 OR ref IS NULL) FOR UPDATE`,
			v.Order, s.Billing.Provider.Name(), v.Ref))
		if err != nil {
			return err
		}
		if v.Amount != p.Amount || v.Currency != "EUR" {
			return fmt.Errorf("%w: %s is of %d %s, %d EUR were asked for", errOtherPayment, v.Ref, v.Amount, v.Currency, p.Amount)
		}
		now := s.Now().UTC().Truncate(time.Microsecond)
		status, booked := v.Status, null(p.BookedAt)
		if booked != nil {
			status = PaymentPaid // what was paid stays paid; what went back is counted
		}
		if status == PaymentPaid && booked == nil {
			if err := s.bookTopUp(ctx, tx, p, now); err != nil {
				return err
			}
			booked = &now
		}
		back := p.Back
		if booked != nil && min(v.Back, p.Amount) > p.Back {
			back = min(v.Back, p.Amount)
			if err := s.bookBack(ctx, tx, p, back, now); err != nil {
				return err
			}
		}
		tag, err := tx.Exec(ctx, `UPDATE payment SET ref = $2, status = $3, checkout = $4, checked_at = $5, booked_at = $6, back = $7 WHERE id = $1`,
			p.ID, v.Ref, status, v.Checkout, now, booked, back)
		if err != nil {
			return err
		}
		return one(tag)
	})
}

func (s *Service) bookTopUp(ctx context.Context, tx pgx.Tx, p Payment, at time.Time) error {
	if _, err := s.lockPurse(ctx, tx, p.Account, false); err != nil {
		return err
	}
	inv, err := s.issue(ctx, tx, issuing{account: p.Account, source: "payment:" + p.ID, language: p.language, at: at,
		lines: []InvoiceLine{{Kind: LineCredit, Quantity: 1, Net: p.Credit}}, net: p.Credit, vat: p.VAT, paid: true})
	if err != nil {
		return err
	}
	return book(ctx, tx, booking{account: p.Account, kind: EntryTopUp, source: "payment:" + p.ID, at: at, reference: inv.Number(),
		amounts: map[string]int64{bookPayments: -p.Amount, bookVAT: p.VAT, bookCredits: p.Credit}})
}

// bookBack books that of a payment total went back by now. What is no longer
// there as credit is owed.
func (s *Service) bookBack(ctx context.Context, tx pgx.Tx, p Payment, total int64, at time.Time) error {
	had, err := s.lockPurse(ctx, tx, p.Account, false)
	if err != nil {
		return err
	}
	vatOf := func(part int64) int64 { return part * p.VAT / p.Amount }
	gross, vat := total-p.Back, vatOf(total)-vatOf(p.Back)
	net := gross - vat
	taken := net
	if had.Mode != Free {
		taken = min(net, max(0, had.Spendable()))
	}
	source := fmt.Sprintf("payment_back:%s:%d", p.ID, total)
	reference := ""
	if net > 0 {
		note, err := s.creditNote(ctx, tx, "payment:"+p.ID, source, net, vat, at)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		reference = note.Number()
	}
	return book(ctx, tx, booking{account: p.Account, kind: EntryPaymentBack, source: source, at: at, reference: reference,
		amounts: map[string]int64{bookRefunds: gross, bookVAT: -vat, bookCredits: -taken, bookOwed: taken - net}})
}
