package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Entry is one line of an account's statement.
type Entry struct {
	ID         string
	Kind       EntryKind
	At         time.Time
	Message    ID // of the message it is about; it may be gone
	Delivery   ID
	CostCentre string
	Reference  string
	Reason     string
	Available  int64 // what it did to the credit that can be used, cents without VAT
	Reserved   int64 // and to what is reserved
	Used       int64 // that became ours: for deliveries, SMS and letters
	Paid       int64 // that was paid, with VAT; negative: that went back
}

// EntryFilter narrows a statement. The zero filter is all of it.
type EntryFilter struct {
	From, Until time.Time // At is in [From, Until)
	CostCentre  string
	Before      string // id of an entry: only older ones
	Limit       int    // default, and at most, MaxPage
}

const sqlEntries = `
SELECT e.id, e.kind, e.at, coalesce(e.message_id::text, ''), coalesce(e.delivery_id::text, ''), e.cost_centre, e.reference, e.reason,
       coalesce(sum(p.amount) FILTER (WHERE p.name = 'credits'), 0)::bigint,
       coalesce(sum(p.amount) FILTER (WHERE p.name = 'reserved'), 0)::bigint,
       coalesce(sum(p.amount) FILTER (WHERE p.name LIKE 'revenue%'), 0)::bigint,
       -coalesce(sum(p.amount) FILTER (WHERE p.name IN ('payments', 'refunds')), 0)::bigint
  FROM (SELECT * FROM ledger_entry WHERE account_id = $1 AND test = $2 AND id < $3
           AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::timestamptz IS NULL OR at < $5) AND ($6 = '' OR cost_centre = $6)
         ORDER BY id DESC LIMIT $7) e
  JOIN ledger_posting p ON p.entry_id = e.id
 GROUP BY e.id, e.kind, e.at, e.message_id, e.delivery_id, e.cost_centre, e.reference, e.reason ORDER BY e.id DESC`

// Entries is the statement of an account, newest first. Errors: ErrNotFound for a
// Before that is no id.
func (s *Service) Entries(ctx context.Context, account string, test bool, f EntryFilter) ([]Entry, error) {
	if f.Limit < 1 || f.Limit > MaxPage {
		f.Limit = MaxPage
	}
	if f.Before == "" {
		f.Before = uuid.Max.String()
	}
	if !isID(f.Before) {
		return nil, ErrNotFound
	}
	rows, err := s.Pool.Query(ctx, sqlEntries, account, test, f.Before, null(f.From), null(f.Until), f.CostCentre, f.Limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Entry, err error) {
		err = row.Scan(&e.ID, &e.Kind, &e.At, &e.Message, &e.Delivery, &e.CostCentre, &e.Reference, &e.Reason,
			&e.Available, &e.Reserved, &e.Used, &e.Paid)
		e.At = e.At.UTC()
		return e, err
	})
}

// EachEntry gives the whole statement, newest first, a page at a time.
func (s *Service) EachEntry(ctx context.Context, account string, test bool, f EntryFilter, each func(Entry) error) error {
	for f.Limit = MaxPage; ; {
		list, err := s.Entries(ctx, account, test, f)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := each(e); err != nil {
				return err
			}
		}
		if len(list) < f.Limit {
			return nil
		}
		f.Before = list[len(list)-1].ID
	}
}

// CostCentres lists the cost centres of an account's statement, at most 200.
func (s *Service) CostCentres(ctx context.Context, account string, test bool) ([]string, error) {
	rows, err := s.Pool.Query(ctx, `SELECT DISTINCT cost_centre FROM ledger_entry
		WHERE account_id = $1 AND test = $2 AND cost_centre <> '' ORDER BY cost_centre LIMIT 200`, account, test)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// MonthOf is the first instant of a civil month "2026-11" and of the one after.
// Errors: ErrNotFound.
func (s *Service) MonthOf(month string) (from, until time.Time, err error) {
	t, err := time.ParseInLocation("2006-01", month, s.Zone)
	if err != nil || t.Year() < 2000 || t.Year() > 9000 {
		return from, until, errors.Join(ErrNotFound, fmt.Errorf("month %q", month))
	}
	return t.UTC(), t.AddDate(0, 1, 0).UTC(), nil
}
