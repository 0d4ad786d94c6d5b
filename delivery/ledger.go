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
WITH want AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::text[],
         $11::text[], $12::text[], $13::text[])
      AS w (id, account_id, test, kind, source, at, message_id, delivery_id, cost_centre, reference, prices, by, reason)),
e AS (
  INSERT INTO ledger_entry (id, account_id, test, kind, source, at, message_id, delivery_id, cost_centre, reference, prices, by, reason)
  SELECT id, account_id, test, kind, source, at, nullif(message_id, '')::uuid, nullif(delivery_id, '')::uuid, cost_centre, reference, prices, by, reason FROM want
  ON CONFLICT (source) DO NOTHING RETURNING id, account_id, test),
p AS (SELECT e.id, e.account_id, e.test, p.name, p.amount FROM unnest($14::uuid[], $15::text[], $16::bigint[]) AS p (entry, name, amount) JOIN e ON e.id = p.entry),
posted AS (INSERT INTO ledger_posting (entry_id, account_id, test, name, amount) SELECT id, account_id, test, name, amount FROM p),
moved AS (SELECT e.account_id, e.test, coalesce(sum(p.amount) FILTER (WHERE p.name = 'credits'), 0) AS credits,
                 coalesce(sum(p.amount) FILTER (WHERE p.name = 'reserved'), 0) AS reserved
            FROM e LEFT JOIN p ON p.id = e.id GROUP BY e.account_id, e.test),
held AS (UPDATE purse w SET available = w.available + m.credits, reserved = w.reserved + m.reserved FROM moved m
          WHERE w.account_id = m.account_id AND w.test = m.test RETURNING w.account_id, w.test)
SELECT count(*) FROM e JOIN held h ON h.account_id = e.account_id AND h.test = e.test`

// book writes entries and what they make of the purses, in the caller's
// transaction, all in one statement. Errors: errBooked when one of them is there; ErrInsufficientCredit when less would be left
// than may be.
func book(ctx context.Context, tx pgx.Tx, list ...booking) error {
	if len(list) == 0 {
		return nil
	}
	var r bookedRows
	for _, b := range list {
		r.add(b)
	}
	var n int
	err := tx.QueryRow(ctx, sqlBook, r.id, r.account, r.test, r.kind, r.source, r.at, r.message, r.delivery, r.costCentre, r.reference,
		r.prices, r.by, r.reason, r.entry, r.name, r.amount).Scan(&n)
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.ConstraintName == "purse_not_overdrawn" {
		return ErrInsufficientCredit
	}
	if err == nil && n != len(list) {
		return errBooked
	}
	return err
}

// bookedRows are entries and their postings as arrays, one per column of sqlBook.
type bookedRows struct {
	id, account, kind, source, message, delivery []string
	costCentre, reference, prices, by, reason    []string
	test                                         []bool
	at                                           []time.Time

	entry, name []string
	amount      []int64
}

func (r *bookedRows) add(b booking) {
	id := evidence.NewID()
	r.id, r.account, r.test, r.at = append(r.id, id), append(r.account, b.account), append(r.test, b.test), append(r.at, b.at)
	r.kind, r.source = append(r.kind, string(b.kind)), append(r.source, b.source)
	r.message, r.delivery = append(r.message, b.message), append(r.delivery, b.delivery)
	r.costCentre, r.reference, r.prices = append(r.costCentre, b.costCentre), append(r.reference, b.reference), append(r.prices, b.prices)
	r.by, r.reason = append(r.by, b.by), append(r.reason, b.reason)
	for _, name := range []string{bookCredits, bookReserved, bookOnline, bookSMS, bookLetter, bookVAT, bookPayments, bookRefunds, bookOwed, bookGiven} {
		if n := b.amounts[name]; n != 0 {
			r.entry, r.name, r.amount = append(r.entry, id), append(r.name, name), append(r.amount, n)
		}
	}
}
