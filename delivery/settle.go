package delivery

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

const sqlChargesOf = `SELECT delivery_id, account_id, test, prices, country, online, sms, postage, posted, settled_at IS NOT NULL, returned_at IS NOT NULL
  FROM charge WHERE delivery_id = ANY ($1::uuid[]) ORDER BY delivery_id FOR UPDATE`

// charged is what a delivery has reserved or paid.
type charged struct {
	delivery             ID
	account              string
	test                 bool
	prices, country      string
	online, sms, postage int64
	posted               int64
	settled, returned    bool
}

// settling is a delivery after a move, and what the move used of its price.
type settling struct {
	Delivery
	use used
	at  time.Time
}

// settleCharges takes what moves of deliveries used of their prices and gives the
// rest back, in the transaction of the moves, once. What was submitted while nobody
// was charged has no price.
func (s *Service) settleCharges(ctx context.Context, tx pgx.Tx, moves ...saving) error {
	if s.Prices == nil {
		return nil
	}
	var list []settling
	for _, w := range moves {
		if use := usedBy(w.before, w.after); use != usedOpen {
			list = append(list, settling{w.after, use, w.at})
		}
	}
	return s.settleAs(ctx, tx, list...)
}

const (
	sqlSettleCharges = `
UPDATE charge c SET settled_at = n.at, posted = n.posted FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[]) AS n (id, at, posted)
 WHERE c.delivery_id = n.id AND c.settled_at IS NULL`
	sqlReturnCharges = `
UPDATE charge c SET returned_at = n.at FROM unnest($1::uuid[], $2::timestamptz[]) AS n (id, at)
 WHERE c.delivery_id = n.id AND c.returned_at IS NULL`
)

// settleAs settles charges of different deliveries: all of them are read, booked
// and marked together. Charges are held in order of deliveries and then purses in
// order of accounts, so that two transactions never wait for one another.
func (s *Service) settleAs(ctx context.Context, tx pgx.Tx, list ...settling) error {
	if len(list) == 0 {
		return nil
	}
	charges, err := holdCharges(ctx, tx, list)
	if err != nil {
		return err
	}
	purses, err := s.holdPurses(ctx, tx, list, charges)
	if err != nil {
		return err
	}
	var entries []booking
	var settled, returned []string
	var settledAt, returnedAt []time.Time
	var posted []int64
	for _, w := range list {
		c, there := charges[w.ID]
		switch {
		case !there:
		case w.use == usedNoLetter && c.settled && !c.returned && c.posted > 0: // the letter was not posted
			entries = append(entries, booked(w.Delivery, c, EntryReturn, "return:", w.at, map[string]int64{bookLetter: -c.posted, bookCredits: c.posted}))
			returned, returnedAt = append(returned, string(w.ID)), append(returnedAt, w.at)
		case w.use != usedNoLetter && !c.settled:
			e := s.settled(w, c, purses[purseKey{c.account, c.test}])
			entries, posted = append(entries, e), append(posted, e.amounts[bookLetter])
			settled, settledAt = append(settled, string(w.ID)), append(settledAt, w.at)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	if err := book(ctx, tx, entries...); err != nil {
		return err
	}
	var b pgx.Batch
	b.Queue(sqlSettleCharges, settled, settledAt, posted).Exec(exactly(len(settled)))
	b.Queue(sqlReturnCharges, returned, returnedAt).Exec(exactly(len(returned)))
	return tx.SendBatch(ctx, &b).Close()
}

// settled is the entry that settles a charge. What it leaves in the purse is there
// for the next.
func (s *Service) settled(w settling, c charged, purse *Credit) booking {
	online, sms, posted := c.online, c.sms, int64(0)
	switch w.use {
	case usedNothing:
		online, sms = 0, 0
	case usedLetter:
		posted = s.letterTaken(c, *purse, w.Post.Pages)
	}
	total := c.online + c.sms + c.postage
	back := total - online - sms - posted
	purse.Available += back
	return booked(w.Delivery, c, EntrySettle, "settle:", w.at, map[string]int64{
		bookReserved: -total, bookOnline: online, bookSMS: sms, bookLetter: posted, bookCredits: back})
}

// exactly demands that a statement touched n rows.
func exactly(n int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if int(tag.RowsAffected()) != n {
			return fmt.Errorf("delivery: %d rows touched where %d were expected", tag.RowsAffected(), n)
		}
		return nil
	}
}

// holdCharges reads the charges of deliveries and holds them until the transaction
// ends.
func holdCharges(ctx context.Context, tx pgx.Tx, list []settling) (map[ID]charged, error) {
	ids := make([]string, len(list))
	for i, w := range list {
		ids[i] = string(w.ID)
	}
	rows, err := tx.Query(ctx, sqlChargesOf, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[ID]charged, len(list))
	var c charged
	_, err = pgx.ForEachRow(rows, []any{&c.delivery, &c.account, &c.test, &c.prices, &c.country, &c.online, &c.sms, &c.postage, &c.posted, &c.settled,
		&c.returned}, func() error { found[c.delivery] = c; return nil })
	return found, err
}

// purseKey names a purse.
type purseKey struct {
	account string
	test    bool
}

// holdPurses holds the purses of charges that are not settled yet.
func (s *Service) holdPurses(ctx context.Context, tx pgx.Tx, list []settling, charges map[ID]charged) (map[purseKey]*Credit, error) {
	purses := map[purseKey]*Credit{}
	for _, w := range list {
		if c, there := charges[w.ID]; there && !c.settled && w.use != usedNoLetter {
			purses[purseKey{c.account, c.test}] = nil
		}
	}
	keys := slices.SortedFunc(maps.Keys(purses), func(a, b purseKey) int {
		return cmp.Or(strings.Compare(a.account, b.account), strings.Compare(strconv.FormatBool(a.test), strconv.FormatBool(b.test)))
	})
	for _, k := range keys {
		c, err := s.lockPurse(ctx, tx, k.account, k.test)
		if err != nil {
			return nil, err
		}
		purses[k] = &c
	}
	return purses, nil
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

// booked is an entry about a delivery.
func booked(d Delivery, c charged, kind EntryKind, source string, at time.Time, amounts map[string]int64) booking {
	return booking{account: c.account, test: c.test, kind: kind, source: source + string(d.ID), at: at, message: string(d.Message.ID),
		delivery: string(d.ID), costCentre: d.Message.CostCentre, reference: d.Message.Reference, prices: c.prices, amounts: amounts}
}
