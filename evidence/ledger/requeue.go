package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// requeuePage bounds how many events are looked at, and how many jobs are made,
// in one transaction.
const requeuePage = 1000

// settled is how old an event must be before Requeue takes for granted that its
// transaction is over: ids are made before they are committed.
const settled = time.Hour

// What waits for its batch needs no job: every round looks for it.
const sqlUnsealed = `
SELECT e.id::text, e.delivery_id::text, e.seq, v.sealed_at IS NOT NULL, coalesce(v.xml IS NOT NULL, false),
       v.sealed_at IS NULL AND (v.xml IS NULL) = (v.batch_id IS NULL) AND NOT EXISTS (SELECT FROM river_job j
         WHERE j.kind = CASE WHEN v.xml IS NULL THEN 'evidence_seal' ELSE 'evidence_finish' END
           AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled')
           AND j.args @> jsonb_build_object('delivery', e.delivery_id::text, 'seq', e.seq))
       AND (v.batch_id IS NULL OR EXISTS (SELECT FROM evidence_batch b WHERE b.id = v.batch_id AND b.cosigned_at IS NOT NULL))
  FROM erds_event e LEFT JOIN evidence v ON v.id = e.id
 WHERE e.id > $1 ORDER BY e.id LIMIT $2`

// Requeue enqueues the sealing of every event that has neither sealed evidence
// nor a job that is still to run: one that failed for longer than a job lives,
// was thrown away by hand, or is lost. It returns how many it enqueued. A job
// too many does no harm, so any number of processes may call it. It reads events
// from the oldest unsealed on, which is written down: never all of them again.
func (l *Ledger) Requeue(ctx context.Context) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.readSealed(ctx); err != nil {
		return 0, err
	}
	after, safe := l.sealedTo, true
	// What is younger than this may have neighbours that are not committed yet.
	old := idAt(l.Now().Add(-settled))
	for {
		var last string
		var seen int
		err = pgx.BeginFunc(ctx, l.Pool, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlUnsealed, after, requeuePage)
			if err != nil {
				return err
			}
			var jobs []river.InsertManyParams
			var delivery string
			var seq int
			var sealed, signed, lost bool
			_, err = pgx.ForEachRow(rows, []any{&last, &delivery, &seq, &sealed, &signed, &lost}, func() error {
				seen++
				switch {
				case lost && signed:
					jobs = append(jobs, river.InsertManyParams{Args: FinishArgs{Delivery: delivery, Seq: seq}})
				case lost:
					jobs = append(jobs, river.InsertManyParams{Args: SealArgs{Delivery: delivery, Seq: seq}})
				}
				if safe = safe && sealed && last < old; safe {
					l.sealedTo = last
				}
				return nil
			})
			if err != nil || len(jobs) == 0 {
				return err
			}
			n += len(jobs)
			_, err = l.Outbox.InsertManyTx(ctx, tx, jobs)
			return err
		})
		if err != nil || seen < requeuePage {
			return n, errors.Join(err, l.writeSealed(ctx))
		}
		if after = last; safe {
			if err := l.writeSealed(ctx); err != nil { // a process that dies has not looked in vain
				return n, err
			}
		}
	}
}

// readSealed goes on from where any process stopped.
func (l *Ledger) readSealed(ctx context.Context) error {
	var at string
	err := l.Pool.QueryRow(ctx, `SELECT up_to::text FROM evidence_sealed`).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	l.sealedTo = max(l.sealedTo, at)
	return err
}

func (l *Ledger) writeSealed(ctx context.Context) error {
	_, err := l.Pool.Exec(ctx, `INSERT INTO evidence_sealed (up_to) VALUES ($1)
		ON CONFLICT (one) DO UPDATE SET up_to = excluded.up_to WHERE evidence_sealed.up_to < excluded.up_to`, l.sealedTo)
	return err
}

// idAt is below every UUIDv7 made at or after t (RFC 9562 §5.7).
func idAt(t time.Time) string {
	ms := t.UnixMilli()
	return fmt.Sprintf("%08x-%04x-7000-8000-000000000000", ms>>16, ms&0xffff)
}
