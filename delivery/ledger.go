package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/evidence"
)

// Accounts of the ledger, of each customer. What we owe or earned is positive,
// what we hold or are owed negative.
const (
	bookCredits  = "credits"
	bookReserved = "reserved"
	bookOnline   = "revenue_online"
	bookSMS      = "revenue_sms"
	bookLetter   = "revenue_letter"
	bookVAT      = "vat"
	bookPayments = "payments"
	bookRefunds  = "refunds"
	bookOwed     = "owed"
	bookGiven    = "given"
)

// EntryKind says what an entry is about.
type EntryKind string

const (
	EntryReserve     EntryKind = "reserve"      // a message was submitted
	EntrySettle      EntryKind = "settle"       // what a delivery used was taken, the rest came back
	EntryReturn      EntryKind = "return"       // postage of a letter that was not posted came back
	EntryTopUp       EntryKind = "top_up"       // a payment became credit
	EntryPaymentBack EntryKind = "payment_back" // a payment was refunded or charged back
	EntryGiven       EntryKind = "given"        // an operator gave or took credit
	EntryInvoice     EntryKind = "invoice"      // VAT of a monthly invoice
	EntryInvoicePaid EntryKind = "invoice_paid" // a monthly invoice was paid
)

// booking is an entry on its way into the ledger. source is unique: the same
// thing is booked once.
type booking struct {
	account    string
	test       bool
	kind       EntryKind
	source     string
	at         time.Time
	message    string
	delivery   string
	costCentre string
	reference  string
	prices     string
	by         string
	reason     string
	amounts    map[string]int64 // by account of the ledger; they add up to zero
}

// errBooked: the same thing is in the books already.
var errBooked = errors.New("delivery: booked before")

const sqlBook = `
WITH e AS (
  INSERT INTO ledger_entry (id, account_id, test, kind, source, at, message_id, delivery_id, cost_centre, reference, prices, by, reason)
  VALUES ($1, $2, $3, $4, $5, $6, nullif($7, '')::uuid, nullif($8, '')::uuid, $9, $10, $11, $12, $13)
  ON CONFLICT (source) DO NOTHING RETURNING id),
posted AS (
  INSERT INTO ledger_posting (entry_id, account_id, test, name, amount)
  SELECT e.id, $2, $3, p.name, p.amount FROM e, unnest($14::text[], $15::bigint[]) AS p (name, amount))
UPDATE purse SET available = available + $16, reserved = reserved + $17 FROM e WHERE account_id = $2 AND test = $3`

// book writes an entry and what it makes of the purse, in the caller's
// transaction. Errors: errBooked; ErrInsufficientCredit when less would be left
// than may be.
func book(ctx context.Context, tx pgx.Tx, b booking) error {
	var names []string
	var amounts []int64
	for _, name := range []string{bookCredits, bookReserved, bookOnline, bookSMS, bookLetter, bookVAT, bookPayments, bookRefunds, bookOwed, bookGiven} {
		if n := b.amounts[name]; n != 0 {
			names, amounts = append(names, name), append(amounts, n)
		}
	}
	tag, err := tx.Exec(ctx, sqlBook, evidence.NewID(), b.account, b.test, b.kind, b.source, b.at, b.message, b.delivery, b.costCentre,
		b.reference, b.prices, b.by, b.reason, names, amounts, b.amounts[bookCredits], b.amounts[bookReserved])
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.ConstraintName == "purse_not_overdrawn" {
		return ErrInsufficientCredit
	}
	if err == nil && tag.RowsAffected() != 1 {
		return errBooked
	}
	return err
}
