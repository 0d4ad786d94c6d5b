package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// used is how far a move says what of a delivery's price was used.
type used int

const (
	usedOpen     used = iota // not known yet
	usedNothing              // withdrawn before anybody was told
	usedOnline               // no letter goes, whatever became of it online
	usedLetter               // a letter went to the partner
	usedNoLetter             // that letter was not posted
)

// usedBy decides what of the price of a delivery is used, once it moved from
// before to after.
func usedBy(before, after Delivery) used {
	unposted := func(d Delivery) bool {
		return d.Post != nil && (d.Post.Status == PostRefused || d.Post.Status == PostCancelled)
	}
	switch {
	case unposted(after) && !unposted(before):
		return usedNoLetter
	case after.State == before.State:
		return usedOpen
	case after.State == Posting:
		return usedLetter
	case after.State == Cancelled && before.State == Submitted:
		return usedNothing
	case after.State == Accepted, after.State == Rejected, after.State == Cancelled, after.State == Expired && after.PostReason() == "":
		return usedOnline
	}
	return usedOpen
}

const sqlChargeOf = `SELECT account_id, test, prices, country, online, sms, postage, posted, settled_at IS NOT NULL, returned_at IS NOT NULL
  FROM charge WHERE delivery_id = $1 FOR UPDATE`

// charged is what a delivery has reserved or paid.
type charged struct {
	account              string
	test                 bool
	prices, country      string
	online, sms, postage int64
	posted               int64
	settled, returned    bool
}

// settleCharge takes what a move of a delivery used of its price and gives the rest
// back, in the transaction of the move, once. What was submitted while nobody was
// charged has no price.
func (s *Service) settleCharge(ctx context.Context, tx pgx.Tx, before, after Delivery, at time.Time) error {
	if s.Prices == nil {
		return nil
	}
	use := usedBy(before, after)
	if use == usedOpen {
		return nil
	}
	return s.settleAs(ctx, tx, after, use, at)
}

func (s *Service) settleAs(ctx context.Context, tx pgx.Tx, d Delivery, use used, at time.Time) error {
	var c charged
	err := tx.QueryRow(ctx, sqlChargeOf, string(d.ID)).Scan(&c.account, &c.test, &c.prices, &c.country, &c.online, &c.sms, &c.postage,
		&c.posted, &c.settled, &c.returned)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if use == usedNoLetter && c.settled {
		return s.returnPostage(ctx, tx, d, c, at)
	}
	if c.settled || use == usedNoLetter {
		return nil
	}
	credit, err := s.lockPurse(ctx, tx, c.account, c.test)
	if err != nil {
		return err
	}
	online, sms, posted := c.online, c.sms, int64(0)
	switch use {
	case usedNothing:
		online, sms = 0, 0
	case usedLetter:
		posted = s.letterTaken(c, credit, d.Post.Pages)
	}
	total := c.online + c.sms + c.postage
	entry := booked(d, c, EntrySettle, "settle:", at, map[string]int64{
		bookReserved: -total, bookOnline: online, bookSMS: sms, bookLetter: posted, bookCredits: total - online - sms - posted})
	if err := book(ctx, tx, entry); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `UPDATE charge SET settled_at = $2, posted = $3 WHERE delivery_id = $1 AND settled_at IS NULL`, string(d.ID), at, posted)
	if err != nil {
		return err
	}
	return one(tag)
}

// letterTaken is what a letter of so many pages costs: as the price list said at
// submission, and never more than was reserved and is there besides.
func (s *Service) letterTaken(c charged, credit Credit, pages int) int64 {
	price, ok := s.Prices.Version(c.prices)
	if !ok || c.country == "" {
		return c.postage // its version is gone from the list
	}
	costs := int64(price.Postage(c.country, pages))
	if credit.Mode == Free {
		return costs
	}
	return min(costs, c.postage+max(0, credit.Spendable()))
}

// returnPostage gives back what a letter cost that was not posted.
func (s *Service) returnPostage(ctx context.Context, tx pgx.Tx, d Delivery, c charged, at time.Time) error {
	if c.returned || c.posted == 0 {
		return nil
	}
	if err := book(ctx, tx, booked(d, c, EntryReturn, "return:", at, map[string]int64{bookLetter: -c.posted, bookCredits: c.posted})); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `UPDATE charge SET returned_at = $2 WHERE delivery_id = $1 AND returned_at IS NULL`, string(d.ID), at)
	if err != nil {
		return err
	}
	return one(tag)
}

// booked is an entry about a delivery.
func booked(d Delivery, c charged, kind EntryKind, source string, at time.Time, amounts map[string]int64) booking {
	return booking{account: c.account, test: c.test, kind: kind, source: source + string(d.ID), at: at, message: string(d.Message.ID),
		delivery: string(d.ID), costCentre: d.Message.CostCentre, reference: d.Message.Reference, prices: c.prices, amounts: amounts}
}

// sqlUnsettled finds charges of deliveries that are at their end, or gone.
const sqlUnsettled = `
SELECT c.delivery_id FROM charge c LEFT JOIN delivery d ON d.id = c.delivery_id
 WHERE c.settled_at IS NULL AND (d.id IS NULL OR d.state NOT IN ('submitted', 'notified', 'expired')) LIMIT $1`

// SettleLeft settles what no move settled: deliveries that ended while nobody was
// charged, or were removed before a letter went. It returns how many.
func (s *Service) SettleLeft(ctx context.Context, limit int) (n int, err error) {
	if s.Prices == nil {
		return 0, nil
	}
	ids, err := s.ids(ctx, sqlUnsettled, limit)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
			d, ahead, err := lock(ctx, tx, ID(id))
			if errors.Is(err, ErrNotFound) {
				d, err = Delivery{ID: ID(id)}, nil
			}
			if err != nil {
				return err
			}
			use := usedOnline
			switch {
			case d.Post != nil && !d.Collected():
				use = usedLetter
			case d.State == Cancelled && d.NotifiedAt.IsZero():
				use = usedNothing
			}
			return s.settleAs(ctx, tx, d, use, s.Now().Add(ahead).UTC())
		})
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
