package delivery

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// hit is a candidate that fits.
type hit struct {
	id ID // of the delivery, or of the message
	at Mark
}

// query is a statement that gives candidates in the order of the list, each with
// whether it fits, and looks at most at so many.
type query struct {
	sql  string
	args []any
	look int
	// until is the id of a message beyond which none fits.
	until ID
}

// walk reads candidates until there are limit that fit, and where to go on. It does
// so beyond the wall: behind it an index of an expression finds nothing, because
// what lower and -> see could be told to others. It reads ids of the account that
// the statement names, and what is shown of them is read behind the wall.
func walk[T any](ctx context.Context, s *Service, q query, from Place, limit int) (hits []hit, found Found[T], err error) {
	rows, err := s.Pool.Query(identity.Beyond(ctx), q.sql, q.args...)
	if err != nil {
		return nil, found, err
	}
	defer rows.Close()
	var at Mark
	looked, more := 0, false
	for rows.Next() {
		var id ID
		var here Mark
		var fits bool
		if err := rows.Scan(&id, &here.Message, &here.Position, &fits); err != nil {
			return nil, found, err
		}
		if here.Message < q.until && !from.Newer || here.Message > q.until && from.Newer {
			looked = 0 // that was all
			break
		}
		looked++
		if fits && len(hits) == limit {
			more = true
			break
		}
		if at = here; fits {
			hits = append(hits, hit{id, here})
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, found, err
	}
	if !more && looked == q.look {
		more, found.Partial = true, len(hits) < limit
	}
	forward := &found.Older
	back := &found.Newer
	if from.Newer {
		forward, back = back, forward
	}
	if more {
		*forward = at
		if !found.Partial {
			*forward = hits[len(hits)-1].at
		}
	}
	if from.Message != "" { // there is what the reader came from
		*back = from.Mark
		if len(hits) > 0 {
			*back = hits[0].at
		}
	}
	if from.Newer {
		slices.Reverse(hits)
	}
	return hits, found, nil
}

// deliveriesIn reads deliveries of an account in the order of hits.
func (s *Service) deliveriesIn(ctx context.Context, account string, hits []hit) ([]Delivery, error) {
	rows, err := s.Pool.Query(ctx, sqlDelivery+` WHERE d.id = ANY ($1::uuid[]) AND d.account_id = $2`, ids(hits), account)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Delivery, error) {
		d, _, err := scanDelivery(r)
		return d, err
	})
	return ordered(list, hits, func(d Delivery) ID { return d.ID }), err
}

// messagesIn reads messages of an account in the order of hits.
func (s *Service) messagesIn(ctx context.Context, account string, hits []hit) ([]Message, error) {
	rows, err := s.Pool.Query(ctx, sqlMessage+` WHERE id = ANY ($1::uuid[]) AND account_id = $2`, ids(hits), account)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Message, error) { return scanMessage(r) })
	return ordered(list, hits, func(m Message) ID { return m.ID }), err
}

func ids(hits []hit) []string {
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = string(h.id)
	}
	return out
}

// ordered puts list into the order of hits. What was removed meanwhile is not in
// it.
func ordered[T any](list []T, hits []hit, id func(T) ID) []T {
	place := make(map[ID]int, len(hits))
	for i, h := range hits {
		place[h.id] = i
	}
	slices.SortFunc(list, func(a, b T) int { return place[id(a)] - place[id(b)] })
	return list
}
