package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/evidence"
)

// FinishArgs is the job that makes the PDF of a piece that is in a batch.
type FinishArgs struct {
	Delivery string `json:"delivery"`
	Seq      int    `json:"seq"`
}

// Kind implements river.JobArgs.
func (FinishArgs) Kind() string { return "evidence_finish" }

// InsertOpts implements river.JobArgsWithInsertOpts, as for SealArgs.
func (FinishArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Queue, MaxAttempts: maxAttempts}
}

// FinishWorker does FinishArgs.
type FinishWorker struct {
	river.WorkerDefaults[FinishArgs]
	Ledger *Ledger
}

// Timeout implements river.Worker.
func (FinishWorker) Timeout(*river.Job[FinishArgs]) time.Duration { return time.Minute }

// NextRetry implements river.Worker.
func (FinishWorker) NextRetry(job *river.Job[FinishArgs]) time.Time {
	return nextRetry(job.Attempt, *job.AttemptedAt)
}

// Work finishes; the job is done in the transaction that stores the result.
func (w FinishWorker) Work(ctx context.Context, job *river.Job[FinishArgs]) error {
	return w.Ledger.Finish(ctx, job.Args.Delivery, job.Args.Seq, func(tx pgx.Tx) error {
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
}

// Finish makes the PDF of a piece that is in a batch, unless it is made, checks
// XML, proofs and PDF together with our own verifier, and stores the PDF: with
// that the piece is sealed and can be handed out. A PDF that loses a race, or
// whose storing fails, was seen by nobody. with, if not nil, runs in the
// transaction that stores it.
func (l *Ledger) Finish(ctx context.Context, delivery string, seq int, with func(pgx.Tx) error) error {
	doc, err := l.document(ctx, delivery, seq, 1)
	if errors.Is(err, evidence.ErrNoEvidence) {
		return nil // removed at the end of its retention
	}
	if err != nil {
		return err
	}
	e := doc.Event
	var xml, nonce []byte
	var place place
	err = l.Pool.QueryRow(ctx, `SELECT xml, nonce, own_stamp, batch_id, batch_pos, log_index FROM evidence
		WHERE id = $1 AND batch_id IS NOT NULL AND sealed_at IS NULL`, e.ID).
		Scan(&xml, &nonce, &place.own, &place.batch, &place.pos, &place.index)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // sealed, or removed
	}
	if err != nil {
		return err
	}
	copy(doc.Nonce[:], nonce)
	b, err := l.beside(ctx, place)
	if err != nil {
		return err
	}
	pdf, stamp, err := l.Engine.Finish(ctx, doc, xml, b, place.own, l.Now())
	if err != nil {
		return fmt.Errorf("ledger: %s of delivery %s: %w", e.Name, delivery, err)
	}
	err = l.keep(ctx, with, `UPDATE evidence SET pdf = $2, pdf_sha256 = sha256($2), sealed_at = $3 WHERE id = $1 AND sealed_at IS NULL`,
		e.ID, pdf, l.Now())
	if err != nil {
		return err
	}
	l.Logger.InfoContext(ctx, "sealed", "evidence", e.ID, "event", string(e.Name), "batch", place.batch, "log_index", place.index,
		"xml_sha256", evidence.HashHex(xml), "pdf_sha256", evidence.HashHex(pdf), "stamp", stamp.Serial)
	return nil
}
