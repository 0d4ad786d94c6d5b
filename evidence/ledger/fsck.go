package ledger

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Fsck gives every sealed piece to check, one at a time, with all that is handed
// out, and reports what it refuses. An event without sealed evidence is counted as
// pending: its job is still to come, which is no fault. It changes nothing.
func (l *Ledger) Fsck(ctx context.Context, check func(Document) error,
	report func(id, what string)) (sealed, pending, faults int, err error) {
	after := "00000000-0000-0000-0000-000000000000"
	for {
		rows, err := l.Pool.Query(ctx, sqlPiece+` WHERE e.id > $1 ORDER BY e.id LIMIT 1000`, after)
		if err != nil {
			return sealed, pending, faults, err
		}
		list, err := pgx.CollectRows(rows, scanPiece)
		if err != nil || len(list) == 0 {
			return sealed, pending, faults, err
		}
		for _, p := range list {
			if after = p.ID; p.SealedAt.IsZero() {
				pending++
				continue
			}
			d, err := l.read(ctx, p)
			if errors.Is(err, pgx.ErrNoRows) {
				continue // removed meanwhile
			}
			if err != nil {
				return sealed, pending, faults, err
			}
			sealed++
			if err := check(d); err != nil {
				faults++
				report(p.ID, err.Error())
			}
		}
	}
}
