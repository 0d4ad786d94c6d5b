package ledger

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// witnessTime is how long all witnesses together may take. Evidence does not wait
// longer: it goes out with the signatures that are there.
const witnessTime = 2 * time.Second

// cosignOpen asks the witnesses about every batch for which that was not done
// yet, the newest of them only, and lets the PDFs of all be made. Whoever dies
// here leaves it to the next round.
func (l *Ledger) cosignOpen(ctx context.Context) error {
	rows, err := l.Pool.Query(ctx, `SELECT id, log_size, checkpoint FROM evidence_batch WHERE cosigned_at IS NULL ORDER BY id`)
	if err != nil {
		return err
	}
	type open struct {
		id, size   int64
		checkpoint string
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (o open, err error) {
		err = r.Scan(&o.id, &o.size, &o.checkpoint)
		return o, err
	})
	for i, o := range list {
		lines := ""
		if i == len(list)-1 {
			lines = l.cosign(ctx, o.size, []byte(o.checkpoint))
		}
		err = pgx.BeginFunc(ctx, l.Pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE evidence_batch SET cosignatures = $2, cosigned_at = $3 WHERE id = $1 AND cosigned_at IS NULL`,
				o.id, lines, l.Now()); err != nil {
				return err
			}
			return l.enqueueFinish(ctx, tx, o.id)
		})
		if err != nil {
			return err
		}
	}
	return err
}

// cosign asks all witnesses at once and returns the lines of those that answered
// in time, in the order of the configuration.
func (l *Ledger) cosign(ctx context.Context, size int64, checkpoint []byte) string {
	ctx, cancel := context.WithTimeout(ctx, witnessTime)
	defer cancel()
	lines := make([]string, len(l.Witnesses))
	var group sync.WaitGroup
	for i, w := range l.Witnesses {
		group.Go(func() {
			line, err := w.Cosign(ctx, checkpoint, size, func(ctx context.Context, old int64) ([]Hash, error) {
				return l.Log.Consistent(ctx, l, old, size)
			})
			if err != nil {
				l.Logger.WarnContext(ctx, "witness did not sign", "witness", w.Name(), "log_size", size, "err", err)
				return
			}
			lines[i] = line
		})
	}
	group.Wait()
	return strings.Join(lines, "")
}
