package delivery

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// FeedKept is how long an event is in the feed at least, also when its message
// was removed meanwhile.
const FeedKept = 90 * 24 * time.Hour

// FeedQuery says what of the feed is asked for.
type FeedQuery struct {
	Account string
	Test    bool
	Cursor  string          // where to go on from; empty: the beginning
	Names   []evidence.Name // nil: every event
	Limit   int             // at most [MaxPage]
}

// FeedPage is a part of the feed.
type FeedPage struct {
	Events []Recorded
	Next   string // cursor to go on from; good for ever
	More   bool   // there is more already
}

// Types sets the events asked for by their types and presets. Errors: FieldErrors.
func (q *FeedQuery) Types(types ...string) error {
	var c checker
	names, fault := namesOf(types)
	if fault >= 0 {
		c.fault("/types", "event_type")
		return c.faults
	}
	if q.Names = names; len(types) == 0 {
		q.Names = nil
	}
	return nil
}

// Pull returns events of an account in the order of commit. An event whose
// transaction is still open is not passed over: it, and what came after, is given
// later. Of an event whose message was removed only that it was is left, for 90
// days; a cursor stays good whatever was removed. Errors: ErrNotFound for a
// cursor that is none.
func (s *Service) Pull(ctx context.Context, q FeedQuery) (FeedPage, error) {
	at, err := parsePlace(q.Cursor)
	if err != nil {
		return FeedPage{}, err
	}
	list, next, full, err := s.pull(ctx, s.Pool, q, at)
	if err != nil {
		return FeedPage{}, err
	}
	p := FeedPage{Events: list, Next: next.cursor(), More: full}
	if next == at {
		p.Next = q.Cursor
	}
	return p, nil
}

// Feed is Pull of every event, for those who do not need more.
func (s *Service) Feed(ctx context.Context, account string, test bool, cursor string, limit int) (list []Recorded, next string, err error) {
	p, err := s.Pull(ctx, FeedQuery{Account: account, Test: test, Cursor: cursor, Limit: limit})
	return p.Events, p.Next, err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Everything before the horizon is committed or gone: no transaction from before
// it is open, so nothing can appear there any more.
const sqlHorizon = `SELECT pg_snapshot_xmin(pg_current_snapshot())::text`

// sqlFeedBound is the last event of a part of the feed that is looked at for one
// page: of a large account little may be what is asked for.
const sqlFeedBound = `
SELECT b.tx::text, b.id::text FROM (
(SELECT e.tx, e.id FROM erds_event e WHERE e.account_id = $1 AND (e.tx, e.id) > ($2::text::xid8, $3) AND e.tx < $4::text::xid8
  ORDER BY e.tx, e.id OFFSET $5 LIMIT 1)
UNION ALL
(SELECT r.tx, r.id FROM event_rest r WHERE r.account_id = $1 AND (r.tx, r.id) > ($2::text::xid8, $3) AND r.tx < $4::text::xid8
  ORDER BY r.tx, r.id OFFSET $5 LIMIT 1)) b ORDER BY b.tx, b.id LIMIT 1`

const sqlFeed = `
(SELECT e.tx::text::bigint, e.id, e.body, encode(e.hash, 'hex'), v.sealed_at, d.state, '' AS name, NULL::timestamptz AS at, NULL::uuid, NULL::uuid, 0
   FROM (SELECT tx, id, body, hash, delivery_id, seq, name FROM erds_event
          WHERE account_id = $1 AND (tx, id) > ($3::text::xid8, $4) AND (tx, id) <= ($5::text::xid8, $8) ORDER BY tx, id LIMIT $9) e
   JOIN delivery d ON d.id = e.delivery_id
   LEFT JOIN evidence v ON v.delivery_id = e.delivery_id AND v.seq = e.seq
  WHERE d.test = $2 AND ($7::text[] IS NULL OR e.name = ANY ($7))
  ORDER BY e.tx, e.id LIMIT $6)
UNION ALL
(SELECT r.tx::text::bigint, r.id, NULL, encode(r.hash, 'hex'), NULL, r.state, r.name, r.at, r.delivery_id, r.message_id, r.seq
   FROM event_rest r
  WHERE r.account_id = $1 AND r.test = $2 AND (r.tx, r.id) > ($3::text::xid8, $4) AND (r.tx, r.id) <= ($5::text::xid8, $8)
    AND ($7::text[] IS NULL OR r.name = ANY ($7))
  ORDER BY r.tx, r.id LIMIT $6)
ORDER BY 1, 2 LIMIT $6`

// until is the last place of the part that one page looks at: the horizon, before
// any event of its transaction, or nearer.
func (q FeedQuery) until(ctx context.Context, db querier, after place) (end place, nearer bool, err error) {
	end.id = uuid.Nil.String()
	if err := db.QueryRow(ctx, sqlHorizon).Scan(&end.tx); err != nil {
		return end, false, err
	}
	var last place
	err = db.QueryRow(ctx, sqlFeedBound, q.Account, after.tx, after.id, end.tx, lookSome-1).Scan(&last.tx, &last.id)
	if errors.Is(err, pgx.ErrNoRows) {
		return end, false, nil
	}
	return last, true, err
}

// pull reads the feed after a place, and says where to go on and whether there is
// more. It looks at lookSome events at most. When only some events are asked for,
// the place moves past the others.
func (s *Service) pull(ctx context.Context, db querier, q FeedQuery, after place) (list []Recorded, next place, full bool, err error) {
	end, nearer, err := q.until(ctx, db, after)
	if err != nil {
		return nil, after, false, err
	}
	limit := min(max(q.Limit, 1), MaxPage)
	rows, err := db.Query(ctx, sqlFeed, q.Account, q.Test, after.tx, after.id, end.tx, limit, q.Names, end.id, lookSome)
	if err != nil {
		return nil, after, false, err
	}
	next = after
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Recorded, err error) {
		var tx uint64
		if r, tx, err = scanFed(row); err == nil {
			r.Test, next = q.Test, place{strconv.FormatUint(tx, 10), r.ID}
		}
		return r, err
	})
	if err != nil || len(list) == limit {
		return list, next, true, err
	}
	if nearer || q.Names != nil {
		next = end
	}
	return list, next, nearer, nil
}

// scanFed reads one row of sqlFeed.
func scanFed(row pgx.CollectableRow) (r Recorded, tx uint64, err error) {
	var number int64
	var body, delivery, message *string
	var sealed, at *time.Time
	var id string
	rest := evidence.Event{}
	if err = row.Scan(&number, &id, &body, &r.Hash, &sealed, &r.State, &rest.Name, &at, &delivery, &message, &rest.Seq); err != nil {
		return r, 0, err
	}
	if body != nil {
		r.Event, err = evidence.ParseEvent([]byte(*body))
	} else {
		rest.ID, rest.At, rest.Delivery, rest.Message = id, at.UTC(), *delivery, *message
		r.Event, r.Removed = rest, true
	}
	if sealed != nil {
		r.SealedAt = sealed.UTC()
	}
	return r, uint64(number), err
}

// place is where in the feed one is: behind the event id of transaction tx.
type place struct{ tx, id string }

// cursor is the place as it is given out. It says nothing to anybody.
func (p place) cursor() string {
	tx, _ := strconv.ParseUint(p.tx, 10, 64)
	u := uuid.MustParse(p.id)
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, tx), u[:]...))
}

// parsePlace reads a cursor. Errors: ErrNotFound.
func parsePlace(c string) (place, error) {
	if c == "" {
		return place{"0", uuid.Nil.String()}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil || len(b) != 24 {
		return place{}, ErrNotFound
	}
	u, err := uuid.FromBytes(b[8:])
	return place{strconv.FormatUint(binary.BigEndian.Uint64(b), 10), u.String()}, err
}
