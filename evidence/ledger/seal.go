package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/evidence"
)

// SealArgs asks to make the evidence of one event.
type SealArgs struct {
	Delivery string `json:"delivery"`
	Seq      int    `json:"seq"`
}

// Kind implements river.JobArgs.
func (SealArgs) Kind() string { return "evidence_seal" }

// maxAttempts, at the pace of NextRetry, are a little more than 14 days.
const maxAttempts = 700

// InsertOpts implements river.JobArgsWithInsertOpts. An outage of the
// time-stamp authority may last: a job goes on for 14 days, and what outlasts
// it is taken up by [Ledger.Requeue].
func (SealArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Queue, MaxAttempts: maxAttempts}
}

// Queue is the queue in which evidence is made.
const Queue = "evidence"

// SealWorker does SealArgs.
type SealWorker struct {
	river.WorkerDefaults[SealArgs]
	Ledger *Ledger
}

// Timeout implements river.Worker.
func (SealWorker) Timeout(*river.Job[SealArgs]) time.Duration { return time.Minute }

// NextRetry implements river.Worker: soon at first, then every half hour.
func (SealWorker) NextRetry(job *river.Job[SealArgs]) time.Time {
	wait := time.Duration(1<<min(job.Attempt, 11)) * time.Second
	return job.AttemptedAt.Add(min(wait, 30*time.Minute))
}

// Work makes the evidence; the job is done in the transaction that stores it.
func (w SealWorker) Work(ctx context.Context, job *river.Job[SealArgs]) error {
	return w.Ledger.Seal(ctx, job.Args.Delivery, job.Args.Seq, func(tx pgx.Tx) error {
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
}

// Seal makes the evidence of one event, unless it is made.
//
//  1. prepare and lint; store the bytes that will be signed. Dying before this
//     is stored leaves nothing; after it, the next try takes up these bytes
//  2. sign, time-stamp, render, sign, time-stamp, and check the result with our
//     own verifier; nothing of it is seen by anybody yet
//  3. store XML and PDF together, once; a second one loses here and is dropped
//
// with, if not nil, runs in the transaction of step 3.
func (l *Ledger) Seal(ctx context.Context, delivery string, seq int, with func(pgx.Tx) error) error {
	doc, err := l.document(ctx, delivery, seq)
	if errors.Is(err, evidence.ErrNoEvidence) {
		return nil // removed at the end of its retention
	}
	if err != nil {
		return err
	}
	prepared, err := l.prepare(ctx, doc)
	if err != nil || prepared == nil {
		return err
	}
	e := doc.Event
	l.Log.InfoContext(ctx, "sealing", "evidence", e.ID, "event", string(e.Name), "delivery", delivery, "seq", seq)
	sealed, err := l.Engine.Seal(ctx, prepared, l.Now())
	if err != nil {
		return fmt.Errorf("ledger: seal %s of delivery %s: %w", e.Name, delivery, err)
	}
	err = pgx.BeginFunc(ctx, l.Pool, func(tx pgx.Tx) error {
		if err := l.store(ctx, tx, e.ID, sealed); err != nil || with == nil {
			return err
		}
		return with(tx)
	})
	if err != nil {
		return err
	}
	l.Log.InfoContext(ctx, "sealed", "evidence", e.ID, "xml_sha256", sealed.XMLSHA256, "pdf_sha256", sealed.PDFSHA256,
		"stamp", sealed.StampSerial)
	return nil
}

// document reads an event and all before it. Errors: evidence.ErrNoEvidence.
func (l *Ledger) document(ctx context.Context, delivery string, seq int) (evidence.Document, error) {
	rows, err := l.Pool.Query(ctx, `SELECT body FROM erds_event WHERE delivery_id = $1 AND seq <= $2 ORDER BY seq`, delivery, seq)
	if err != nil {
		return evidence.Document{}, err
	}
	bodies, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return evidence.Document{}, err
	}
	if len(bodies) == 0 {
		return evidence.Document{}, evidence.ErrNoEvidence
	}
	events := make([]evidence.Event, len(bodies))
	for i, b := range bodies {
		if events[i], err = evidence.ParseEvent([]byte(b)); err != nil {
			return evidence.Document{}, err
		}
	}
	last := len(events) - 1
	hash := evidence.Hash([]byte(bodies[last]))
	return evidence.Document{Event: events[last], Hash: hex.EncodeToString(hash[:]), History: events[:last], Issuer: l.Issuer}, nil
}

// prepare returns the bytes to be signed: those of an earlier try, or new ones,
// stored before they are returned. It returns nil when the evidence is sealed.
func (l *Ledger) prepare(ctx context.Context, doc evidence.Document) (*evidence.Prepared, error) {
	p, sealed, err := l.resume(ctx, doc)
	if err != nil || p != nil || sealed {
		return p, err
	}
	if _, err := rand.Read(doc.Nonce[:]); err != nil {
		return nil, err
	}
	if p, err = evidence.Prepare(doc); err != nil {
		return nil, err
	}
	e := doc.Event
	tag, err := l.Pool.Exec(ctx, `INSERT INTO evidence (id, delivery_id, seq, account_id, nonce, prepared_xml, prepared_at)
		SELECT $1, delivery_id, seq, account_id, $4, $5, $6 FROM erds_event WHERE delivery_id = $2 AND seq = $3
		ON CONFLICT DO NOTHING`, e.ID, e.Delivery, e.Seq, doc.Nonce[:], p.XML(), l.Now())
	if err != nil {
		return nil, err
	}
	if tag.RowsAffected() == 0 { // another worker prepared it first: sign what that one stored
		p, _, err = l.resume(ctx, doc)
	}
	return p, err
}

// resume takes up prepared bytes, if there are any.
func (l *Ledger) resume(ctx context.Context, doc evidence.Document) (p *evidence.Prepared, sealed bool, err error) {
	var xml, nonce []byte
	err = l.Pool.QueryRow(ctx, `SELECT prepared_xml, nonce, sealed_at IS NOT NULL FROM evidence WHERE id = $1`, doc.Event.ID).
		Scan(&xml, &nonce, &sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil || sealed {
		return nil, sealed, err
	}
	copy(doc.Nonce[:], nonce)
	p, err = evidence.Resume(doc, xml)
	return p, false, err
}

// store keeps the sealed documents, once.
func (l *Ledger) store(ctx context.Context, tx pgx.Tx, id string, s evidence.Sealed) error {
	xmlSum, err := hex.DecodeString(s.XMLSHA256)
	if err != nil {
		return err
	}
	pdfSum, err := hex.DecodeString(s.PDFSHA256)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE evidence SET xml = $2, pdf = $3, xml_sha256 = $4, pdf_sha256 = $5, stamped_at = $6, sealed_at = $7
		WHERE id = $1 AND sealed_at IS NULL`, id, s.XML, s.PDF, xmlSum, pdfSum, s.StampedAt, l.Now())
	return err
}
