package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

const sqlInvoice = `
SELECT i.id, i.account_id, i.year, i.seq, i.kind, coalesce((SELECT o.year || '-' || lpad(o.seq::text, 6, '0') FROM invoice o WHERE o.id = i.corrects), ''),
       i.issued_at, i.due_on::text, i.period, i.language, i.seller, i.buyer, i.lines, i.net, i.vat, i.gross, i.vat_rate, i.vat_kind, i.ogm, i.paid_at
  FROM invoice i`

func scanInvoice(row pgx.Row) (i Invoice, err error) {
	var paid *time.Time
	err = row.Scan(&i.ID, &i.Account, &i.Year, &i.Seq, &i.Kind, &i.Corrects, &i.IssuedAt, &i.DueOn, &i.Period, &i.Language, &i.Seller, &i.Buyer,
		&i.Lines, &i.Net, &i.VAT, &i.Gross, &i.Tax.Rate, &i.Tax.Kind, &i.OGM, &paid)
	if errors.Is(err, pgx.ErrNoRows) {
		return i, ErrNotFound
	}
	if err != nil {
		return i, err
	}
	i.IssuedAt = i.IssuedAt.UTC()
	if paid != nil {
		i.PaidAt = paid.UTC()
	}
	due, err := ParseDate(i.DueOn)
	i.Date = due.AddDays(-dueDays).String()
	return i, err
}

// Invoices of an account, newest first, at most limit of them, older than before
// (empty: from the newest). Errors: ErrNotFound.
func (s *Service) Invoices(ctx context.Context, account, before string, limit int) ([]Invoice, error) {
	if before == "" {
		before = uuid.Max.String()
	}
	if !isID(before) {
		return nil, ErrNotFound
	}
	rows, err := s.Pool.Query(ctx, sqlInvoice+` WHERE i.account_id = $1 AND i.id < $2 ORDER BY i.id DESC LIMIT $3`,
		account, before, min(max(limit, 1), MaxPage))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Invoice, error) { return scanInvoice(row) })
}

// Invoice is one of an account. Errors: ErrNotFound.
func (s *Service) Invoice(ctx context.Context, account, id string) (Invoice, error) {
	if !isID(id) {
		return Invoice{}, ErrNotFound
	}
	return scanInvoice(s.Pool.QueryRow(ctx, sqlInvoice+` WHERE i.id = $1 AND i.account_id = $2`, id, account))
}

// InvoicePDF is an invoice as a document for people. Errors: ErrNotFound.
func (s *Service) InvoicePDF(ctx context.Context, account, id string) ([]byte, Invoice, error) {
	i, err := s.Invoice(ctx, account, id)
	if err == nil && s.Billing == nil {
		err = ErrNotFound
	}
	if err != nil {
		return nil, i, err
	}
	b, err := s.Billing.Papers.PDF(i)
	return b, i, err
}

// InvoiceUBL is an invoice for machines: Peppol BIS Billing 3.0. Errors:
// ErrNotFound.
func (s *Service) InvoiceUBL(ctx context.Context, account, id string) ([]byte, Invoice, error) {
	i, err := s.Invoice(ctx, account, id)
	if err == nil && s.Billing == nil {
		err = ErrNotFound
	}
	if err != nil {
		return nil, i, err
	}
	b, err := s.Billing.Papers.UBL(i)
	return b, i, err
}

// InvoicePaid books that a monthly invoice was paid, once. Errors: ErrNotFound,
// also for one that is paid; identity.ErrForbidden.
func (s *Service) InvoicePaid(ctx context.Context, by identity.Actor, account, id, reason string) error {
	var c checker
	if c.reason(reason); len(c.faults) > 0 {
		return c.faults
	}
	if !isID(id) {
		return ErrNotFound
	}
	return s.operate(ctx, by, account, ActInvoicePaid, reason, func(tx pgx.Tx) error {
		now := s.Now().UTC().Truncate(time.Microsecond)
		if _, err := s.lockPurse(ctx, tx, account, false); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE invoice SET paid_at = $3 WHERE id = $1 AND account_id = $2 AND paid_at IS NULL AND period <> ''`, id, account, now)
		if err != nil {
			return err
		}
		if tag.RowsAffected() != 1 {
			return ErrNotFound
		}
		i, err := scanInvoice(tx.QueryRow(ctx, sqlInvoice+` WHERE i.id = $1`, id))
		if err != nil {
			return err
		}
		return book(ctx, tx, booking{account: account, kind: EntryInvoicePaid, source: "invoice_paid:" + id, at: now, by: by.Subject, reason: reason,
			reference: i.Number(), amounts: map[string]int64{bookPayments: -i.Gross, bookOwed: i.VAT, bookCredits: i.Net}})
	})
}

// SendInvoices gives invoices to companies to whoever sends them, at most limit.
// One that dies between giving and noting gives the same invoice again.
func (s *Service) SendInvoices(ctx context.Context, limit int) (n int, err error) {
	if s.Billing == nil || s.Billing.Network == nil {
		return 0, nil
	}
	rows, err := s.Pool.Query(ctx, sqlInvoice+` WHERE i.sent_at IS NULL AND (i.buyer ->> 'company')::boolean ORDER BY i.id LIMIT $1`, limit)
	if err != nil {
		return 0, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Invoice, error) { return scanInvoice(row) })
	if err != nil {
		return 0, err
	}
	for _, i := range list {
		b, err := s.Billing.Papers.UBL(i)
		if err == nil {
			err = s.Billing.Network.Send(ctx, i.Number(), b)
		}
		if err != nil && !errors.Is(err, ErrNotFound) { // nobody to send it to: it is there to be fetched
			return n, fmt.Errorf("delivery: send invoice %s: %w", i.Number(), err)
		}
		if _, err := s.Pool.Exec(ctx, `UPDATE invoice SET sent_at = $2 WHERE id = $1 AND sent_at IS NULL`, i.ID, s.Now()); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// ForgetInvoices removes invoices whose years are over (R29). The books stay:
// they name accounts, messages and deliveries by id only.
func (s *Service) ForgetInvoices(ctx context.Context) (int, error) {
	if s.Billing == nil {
		return 0, nil
	}
	tag, err := s.Pool.Exec(ctx, `DELETE FROM invoice WHERE issued_at < $1 AND paid_at IS NOT NULL`, s.Now().AddDate(-s.Billing.Keep, 0, 0))
	return int(tag.RowsAffected()), err
}

const sqlLow = `UPDATE purse SET low_told = true WHERE (account_id, test) IN (SELECT account_id, test FROM purse
   WHERE NOT low_told AND NOT test AND low_at > 0 AND mode <> 'free' AND available + bound < low_at
     AND EXISTS (SELECT FROM ledger_entry e WHERE e.account_id = purse.account_id AND NOT e.test) LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING account_id`

// TellLow tells accounts whose credit fell below what they asked for, once until
// it rises again. It returns how many.
func (s *Service) TellLow(ctx context.Context, limit int) (n int, err error) {
	if s.Billing == nil || s.Billing.Tell == nil {
		return 0, nil
	}
	if _, err := s.Pool.Exec(ctx, `UPDATE purse SET low_told = false WHERE low_told AND available + bound >= low_at`); err != nil {
		return 0, err
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlLow, limit)
		if err != nil {
			return err
		}
		accounts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, a := range accounts {
			if err := s.Billing.Tell.TellLow(ctx, tx, a); err != nil {
				return err
			}
		}
		n = len(accounts)
		return nil
	})
	return n, err
}
