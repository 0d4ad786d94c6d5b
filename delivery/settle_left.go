package delivery

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// sqlUnsettled finds charges of deliveries that are at their end, or gone, among
// the next open ones.
const sqlUnsettled = `
SELECT c.delivery_id, d.id IS NULL OR d.state NOT IN ('submitted', 'notified', 'expired')
  FROM (SELECT delivery_id FROM charge WHERE settled_at IS NULL AND delivery_id > $1 ORDER BY delivery_id LIMIT $2) c
  LEFT JOIN delivery d ON d.id = c.delivery_id ORDER BY c.delivery_id`

// unsettledLook is how many open charges one call of SettleLeft looks at.
const unsettledLook = 1000

// unsettledMark is up to where this process looked for charges that no move
// settled. It begins again at the end.
type unsettledMark struct {
	mu sync.Mutex
	at string // guarded by mu
}

// SettleLeft settles what no move settled: deliveries that ended while nobody was
// charged, or were removed before a letter went. It looks at some of the open
// charges, at the others the next times, settles at most limit and returns how
// many.
func (s *Service) SettleLeft(ctx context.Context, limit int) (n int, err error) {
	if s.Prices == nil {
		return 0, nil
	}
	s.unsettled.mu.Lock()
	defer s.unsettled.mu.Unlock()
	rows, err := s.Pool.Query(ctx, sqlUnsettled, cmp.Or(s.unsettled.at, uuid.Nil.String()), unsettledLook)
	if err != nil {
		return 0, err
	}
	var ids []string
	var id string
	var over bool
	looked := 0
	if _, err = pgx.ForEachRow(rows, []any{&id, &over}, func() error {
		if looked++; over {
			ids = append(ids, id)
		}
		return nil
	}); err != nil {
		return 0, err
	}
	more := len(ids) > limit
	ids = ids[:min(len(ids), limit)]
	for _, id := range ids {
		if err := s.settleLeft(ctx, ID(id)); err != nil {
			return n, err
		}
		n++
	}
	switch {
	case more:
		s.unsettled.at = ids[len(ids)-1]
	case looked == unsettledLook:
		s.unsettled.at = id
	default:
		s.unsettled.at = ""
	}
	return n, nil
}

// settleLeft settles the charge of one delivery that is at its end.
func (s *Service) settleLeft(ctx context.Context, id ID) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		d, ahead, err := lock(ctx, tx, id)
		if errors.Is(err, ErrNotFound) {
			d, err = Delivery{ID: id}, nil
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
		return s.settleAs(ctx, tx, settling{d, use, s.Now().Add(ahead).UTC()})
	})
}
