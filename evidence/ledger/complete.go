package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// A batch can be completed when each of its pieces is sealed or gone, and not once
// its time-stamp was renewed: the renewal is over the token as it was then.
const sqlIncomplete = `
SELECT b.id, b.stamped_at FROM evidence_batch b
 WHERE b.validation_id IS NULL AND b.closed_at <= $1 AND b.id > $2
   AND EXISTS (SELECT FROM evidence e WHERE e.batch_id = b.id)
   AND NOT EXISTS (SELECT FROM evidence e WHERE e.batch_id = b.id AND e.sealed_at IS NULL)
   AND NOT EXISTS (SELECT FROM evidence_batch_renewal r WHERE r.batch_id = b.id)
 ORDER BY b.id LIMIT 1`

// Complete adds to batches what judges their certificates offline, so that XML and
// PDF become XAdES B-LT and PAdES B-LT, and records and shared time-stamps can be
// judged by themselves. Only batches closed before the given time are looked at,
// so that issuers have had time to publish. It returns how many it completed. What
// cannot be completed now stays as it was issued and is tried again; nothing
// issued ever changes, the validation data is stored beside it. One process at a
// time does this. EN 319 132-1 §6.3; EN 319 142-1 §6.3
func (l *Ledger) Complete(ctx context.Context, before time.Time) (n int, err error) {
	if l.Validator == nil {
		return 0, nil
	}
	err = l.alone(ctx, laterLock, func() error {
		var failed error
		for after := int64(0); ; {
			var at time.Time
			err := l.Pool.QueryRow(ctx, sqlIncomplete, before, after).Scan(&after, &at)
			if errors.Is(err, pgx.ErrNoRows) {
				return failed
			}
			if err != nil {
				return err
			}
			switch err := l.completeOne(ctx, after, at); {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				failed = fmt.Errorf("ledger: complete batch %d: %w", after, err) // the others are tried all the same
			default:
				n++
			}
		}
	})
	return n, err
}

func (l *Ledger) completeOne(ctx context.Context, batch int64, at time.Time) error {
	rows, err := l.Pool.Query(ctx, sqlPiece+` WHERE v.batch_id = $1 ORDER BY v.batch_pos`, batch)
	if err != nil {
		return err
	}
	pieces, err := pgx.CollectRows(rows, scanPiece)
	if err != nil {
		return err
	}
	// 1. Ask about every certificate, reading one piece at a time.
	var failed error
	body, err := l.Validator.Collect(ctx, at, func(yield func(evidence.Format, []byte) bool) {
		for _, p := range pieces {
			var d Document
			if d, failed = l.read(ctx, p); errors.Is(failed, pgx.ErrNoRows) {
				failed = nil
				continue // removed meanwhile
			}
			if failed != nil || !yield(evidence.XML, d.XML) || !yield(evidence.PDF, d.PDF) || d.Record != nil && !yield(evidence.ERS, d.Record) {
				return
			}
		}
	})
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	// 2. What will be handed out from now on is checked before it is.
	for _, p := range pieces {
		if err := l.checkCompleted(ctx, p, body); err != nil {
			return fmt.Errorf("piece %s: %w", p.ID, err)
		}
	}
	sum := sha256.Sum256(body)
	var q pgx.Batch
	q.Queue(`INSERT INTO evidence_validation (id, made_at, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, sum[:], l.Now(), body)
	q.Queue(`UPDATE evidence_batch SET validation_id = $2 WHERE id = $1 AND validation_id IS NULL`, batch, sum[:])
	return pgx.BeginFunc(ctx, l.Pool, func(tx pgx.Tx) error { return tx.SendBatch(ctx, &q).Close() })
}

func (l *Ledger) checkCompleted(ctx context.Context, p evidence.Piece, body []byte) error {
	d, err := l.read(ctx, p)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = l.complete(&d, body)
	}
	if err != nil {
		return err
	}
	if r := l.Engine.XMLChecker.CheckWith(d.XML, d.Beside, l.Engine.Trust); !r.OK() {
		return fmt.Errorf("%w: XML: %s", evidence.ErrSelfCheck, r.Failures())
	}
	if r := l.Engine.PDFChecker.Check(d.PDF, l.Engine.Trust); !r.OK() {
		return fmt.Errorf("%w: PDF: %s", evidence.ErrSelfCheck, r.Failures())
	}
	return nil
}

// complete puts validation data into every form of a piece that takes it.
func (l *Ledger) complete(d *Document, body []byte) (err error) {
	if d.OwnStamp {
		if d.XML, err = l.completed(evidence.XML, d.XML, body); err != nil {
			return err
		}
	}
	if d.Record, err = l.completed(evidence.ERS, d.Record, body); err != nil {
		return err
	}
	d.PDF, err = l.completed(evidence.PDF, d.PDF, body)
	return err
}

// completed puts validation data into a document; without any it stays as it was
// issued.
func (l *Ledger) completed(f evidence.Format, doc, body []byte) ([]byte, error) {
	if body == nil || doc == nil || l.Validator == nil {
		return doc, nil
	}
	return l.Validator.Extend(f, doc, body)
}
