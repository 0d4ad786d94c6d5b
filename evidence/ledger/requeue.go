package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// requeuePage bounds how many events are looked at, and how many jobs are made,
// in one transaction. All jobs that are still to run are read once for each page of
// which something waits: asking for each event apart took a processor for minutes
// when much waited.
const requeuePage = 10_000

// settled is how old an event must be before Requeue takes for granted that its
// transaction is over: ids are made before they are committed.
const settled = time.Hour

// What waits for its batch needs no job: every round looks for it.
const sqlUnsealed = `
SELECT e.id::text, e.delivery_id::text, e.seq, v.sealed_at IS NOT NULL, coalesce(v.xml IS NOT NULL, false),
       v.sealed_at IS NULL AND (v.xml IS NULL) = (v.batch_id IS NULL)
       AND (v.batch_id IS NULL OR EXISTS (SELECT FROM evidence_batch b WHERE b.id = v.batch_id AND b.cosigned_at IS NOT NULL))
  FROM erds_event e LEFT JOIN evidence v ON v.id = e.id
 WHERE e.id > $1 ORDER BY e.id LIMIT $2`

const sqlJobsToRun = `
SELECT j.kind = 'evidence_finish', r.of ->> 'delivery', (r.of ->> 'seq')::integer
  FROM river_job j, LATERAL jsonb_array_elements(coalesce(j.args -> 'others', jsonb_build_array(j.args))) AS r (of)
 WHERE j.kind IN ('evidence_seal', 'evidence_finish') AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled')`

// Requeue enqueues the sealing of every event that has neither sealed evidence
// nor a job that is still to run: one that failed for longer than a job lives,
// was thrown away by hand, or is lost. It returns for how many. A job
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
		seen := 0
		// One look at events and jobs: what is sealed between two would seem lost.
		err = pgx.BeginTxFunc(ctx, l.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlUnsealed, after, requeuePage)
			if err != nil {
				return err
			}
			var waits []unsealed
			var of unsealed
			var sealed, wants bool
			_, err = pgx.ForEachRow(rows, []any{&after, &of.Delivery, &of.Seq, &sealed, &of.signed, &wants}, func() error {
				seen++
				if wants {
					waits = append(waits, of)
				}
				if safe = safe && sealed && after < old; safe {
					l.sealedTo = after
				}
				return nil
			})
			if err != nil || len(waits) == 0 {
				return err
			}
			sign, finish, err := lostOf(ctx, tx, waits)
			if err != nil || len(sign)+len(finish) == 0 {
				return err
			}
			n += len(sign) + len(finish)
			_, err = l.Outbox.InsertManyTx(ctx, tx, append(sealJobs(sign), finishJobs(finish)...))
			return err
		})
		if err != nil || seen < requeuePage {
			return n, errors.Join(err, l.writeSealed(ctx))
		}
		if safe {
			if err := l.writeSealed(ctx); err != nil { // a process that dies has not looked in vain
				return n, err
			}
		}
	}
}

// unsealed is an event that waits for a job: to be signed or, when it is, to be
// finished.
type unsealed struct {
	Ref
	signed bool
}

// lostOf returns those that have no job which is still to run: to be signed, and to
// be finished.
func lostOf(ctx context.Context, tx pgx.Tx, waits []unsealed) (sign, finish []Ref, err error) {
	rows, err := tx.Query(ctx, sqlJobsToRun)
	if err != nil {
		return nil, nil, err
	}
	lost := make(map[unsealed]bool, len(waits))
	for _, u := range waits {
		lost[u] = true
	}
	var has unsealed
	if _, err = pgx.ForEachRow(rows, []any{&has.signed, &has.Delivery, &has.Seq}, func() error {
		delete(lost, has)
		return nil
	}); err != nil {
		return nil, nil, err
	}
	for _, u := range waits {
		switch {
		case !lost[u]:
		case u.signed:
			finish = append(finish, u.Ref)
		default:
			sign = append(sign, u.Ref)
		}
	}
	return sign, finish, nil
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
