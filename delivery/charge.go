package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// errShort: an account of this transaction has not enough credit, or no books
// yet. The transaction is undone.
var errShort = errors.New("delivery: not enough credit in this transaction")

// sqlPutAside puts aside what messages may cost, all of them or none: accounts are
// held in order of their ids, so that two transactions never wait for one another.
const sqlPutAside = `
WITH want AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::uuid[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::timestamptz[])
       AS w (entry, account_id, test, message_id, amount, cost_centre, reference, prices, at)),
per AS (SELECT account_id, test, sum(amount) AS amount FROM want GROUP BY account_id, test),
held AS (SELECT p.account_id, p.test, per.amount FROM purse p JOIN per ON per.account_id = p.account_id AND per.test = p.test
          ORDER BY p.account_id, p.test FOR UPDATE OF p),
taken AS (UPDATE purse p SET available = p.available - held.amount, reserved = p.reserved + held.amount FROM held
           WHERE p.account_id = held.account_id AND p.test = held.test AND (p.mode = 'free' OR p.available - held.amount >= -p.bound)
          RETURNING 1),
short AS (SELECT (SELECT count(*) FROM per) - (SELECT count(*) FROM taken) AS n),
entries AS (INSERT INTO ledger_entry (id, account_id, test, kind, source, at, message_id, cost_centre, reference, prices)
  SELECT w.entry, w.account_id, w.test, 'reserve', 'reserve:' || w.message_id, w.at, w.message_id, w.cost_centre, w.reference, w.prices
    FROM want w, short WHERE short.n = 0),
postings AS (INSERT INTO ledger_posting (entry_id, account_id, test, name, amount)
  SELECT w.entry, w.account_id, w.test, side.name, side.sign * w.amount
    FROM want w, short, (VALUES ('credits', -1), ('reserved', 1)) AS side (name, sign) WHERE short.n = 0),
charges AS (INSERT INTO charge (delivery_id, account_id, test, entry_id, prices, country, online, sms, postage)
  SELECT c.delivery_id, w.account_id, w.test, w.entry, w.prices, c.country, c.online, c.sms, c.postage
    FROM unnest($10::uuid[], $11::uuid[], $12::text[], $13::bigint[], $14::bigint[], $15::bigint[])
      AS c (delivery_id, entry, country, online, sms, postage) JOIN want w ON w.entry = c.entry, short WHERE short.n = 0)
SELECT n FROM short`

// chargeRows are what is reserved as arrays, one per column of sqlPutAside.
type chargeRows struct {
	entry, account, message, cost, reference, prices []string
	test                                             []bool
	amount                                           []int64
	at                                               []time.Time

	delivery, of, country []string
	online, sms, postage  []int64
}

// putAside adds to b what puts aside the credit for messages whose deliveries have
// begun; with errShort the transaction has to be undone. Nothing where nobody is
// charged.
func (s *Service) putAside(b *pgx.Batch, list ...*submitting) {
	price, ok := s.priceNow()
	if !ok {
		return
	}
	var r chargeRows
	for _, w := range list {
		entry, total := evidence.NewID(), int64(0)
		from := len(r.delivery)
		for _, d := range w.list {
			online, sms, postage := s.costs(price, d.Message.Policy, d.Recipient)
			country := ""
			if postage > 0 {
				country = d.Recipient.Address.Country
			}
			total += int64(online + sms + postage)
			r.delivery, r.of, r.country = append(r.delivery, string(d.ID)), append(r.of, entry), append(r.country, country)
			r.online, r.sms, r.postage = append(r.online, int64(online)), append(r.sms, int64(sms)), append(r.postage, int64(postage))
		}
		if total == 0 { // of a price list that asks for nothing
			r.delivery, r.of, r.country = r.delivery[:from], r.of[:from], r.country[:from]
			r.online, r.sms, r.postage = r.online[:from], r.sms[:from], r.postage[:from]
			continue
		}
		m := w.message
		r.entry, r.account, r.message = append(r.entry, entry), append(r.account, m.Account), append(r.message, string(m.ID))
		r.cost, r.reference, r.prices = append(r.cost, m.CostCentre), append(r.reference, m.Reference), append(r.prices, price.ID)
		r.test, r.amount, r.at = append(r.test, m.Test), append(r.amount, total), append(r.at, m.SubmittedAt)
	}
	if len(r.entry) == 0 {
		return
	}
	b.Queue(sqlPutAside, r.entry, r.account, r.test, r.message, r.amount, r.cost, r.reference, r.prices, r.at,
		r.delivery, r.of, r.country, r.online, r.sms, r.postage).QueryRow(func(row pgx.Row) error {
		var short int
		if err := row.Scan(&short); err != nil {
			return err
		}
		if short != 0 {
			return errShort
		}
		return nil
	})
}

// afterShort says what to do about errShort: nil, try again, because the account
// has books now; ErrInsufficientCredit otherwise.
func (s *Service) afterShort(ctx context.Context, w *submitting) error {
	m := w.message
	price, ok := s.priceNow()
	if !ok {
		return nil
	}
	var needed int64
	for _, r := range w.sub.Recipients {
		online, sms, postage := s.costs(price, m.Policy, r)
		needed += int64(online + sms + postage)
	}
	if err := s.openPurse(ctx, s.Pool, m.Account, m.Test); err != nil {
		return err
	}
	c, err := s.Credit(ctx, m.Account, m.Test)
	if err == nil && c.Mode != Free && needed > c.Spendable() {
		return InsufficientCredit{Needed: needed, Available: c.Spendable()}
	}
	return err
}
