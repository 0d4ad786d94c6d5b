package ledger

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/evidence"
)

// SealArgs is the job that signs the evidence of one event.
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
	return nextRetry(job.Attempt, *job.AttemptedAt)
}

func nextRetry(attempt int, at time.Time) time.Time {
	wait := time.Duration(1<<min(attempt, 11)) * time.Second
	return at.Add(min(wait, 30*time.Minute))
}

// Work signs; the job is done in the transaction that stores the result.
func (w SealWorker) Work(ctx context.Context, job *river.Job[SealArgs]) error {
	return w.Ledger.Seal(ctx, job.Args.Delivery, job.Args.Seq, func(tx pgx.Tx) error {
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
}

// Seal makes the XML of the evidence of one event, unless it is made. The next
// batch takes it up.
//
//  1. prepare and lint; store the bytes that will be signed. Dying before this
//     is stored leaves nothing; after it, the next try takes up these bytes
//  2. sign, check that what was signed is what was linted, store the signature.
//     Evidence that shares the time-stamp of its batch is ready with that
//  3. for the others, ask for a time-stamp, check the result with our own
//     verifier, and store it in place of the signature without one. An authority
//     that is down costs no further signature
//
// with, if not nil, runs in the transaction that makes the XML ready.
func (l *Ledger) Seal(ctx context.Context, delivery string, seq int, with func(pgx.Tx) error) error {
	doc, err := l.document(ctx, delivery, seq, seq-1)
	if errors.Is(err, evidence.ErrNoEvidence) {
		return nil // removed at the end of its retention
	}
	if err != nil {
		return err
	}
	m, err := l.prepare(ctx, doc)
	if err != nil || m.ready || m.prepared == nil && m.signed == nil {
		return err
	}
	if m.signed == nil {
		if err := l.sign(ctx, doc, &m, with); err != nil || !m.own {
			return err
		}
	}
	return l.stamp(ctx, doc, m.signed, with)
}

// making is how far a piece of evidence is.
type making struct {
	prepared *evidence.Prepared // nil when it is signed
	own      bool               // gets a time-stamp of its own
	signed   []byte
	ready    bool // has all it needs for a batch
}

func (l *Ledger) sign(ctx context.Context, doc evidence.Document, m *making, with func(pgx.Tx) error) error {
	e := doc.Event
	l.Logger.InfoContext(ctx, "signing", "evidence", e.ID, "event", string(e.Name), "delivery", e.Delivery, "seq", e.Seq)
	signed, err := l.Engine.Sign(m.prepared, l.Now())
	if err != nil {
		return fmt.Errorf("ledger: %s of delivery %s: %w", e.Name, e.Delivery, err)
	}
	if !m.own {
		return l.keep(ctx, with, `UPDATE evidence SET xml = $2, xml_sha256 = sha256($2) WHERE id = $1 AND xml IS NULL`, e.ID, signed)
	}
	var kept []byte
	err = l.Pool.QueryRow(ctx, `UPDATE evidence SET signed_xml = coalesce(signed_xml, $2) WHERE id = $1 AND xml IS NULL RETURNING signed_xml`,
		e.ID, signed).Scan(&kept)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // ready meanwhile, or removed
	}
	m.signed = kept
	return err
}

func (l *Ledger) stamp(ctx context.Context, doc evidence.Document, signed []byte, with func(pgx.Tx) error) error {
	if signed == nil {
		return nil
	}
	e := doc.Event
	xml, stamp, err := l.Engine.Stamp(ctx, signed)
	if err != nil {
		return fmt.Errorf("ledger: %s of delivery %s: %w", e.Name, e.Delivery, err)
	}
	return l.keep(ctx, with, `UPDATE evidence SET xml = $2, xml_sha256 = sha256($2), stamped_at = $3, signed_xml = NULL
		WHERE id = $1 AND xml IS NULL`, e.ID, xml, stamp.Time)
}

// keep stores the result of a step, once, together with what goes with it.
func (l *Ledger) keep(ctx context.Context, with func(pgx.Tx) error, sql string, args ...any) error {
	return pgx.BeginFunc(ctx, l.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sql, args...); err != nil || with == nil {
			return err
		}
		return with(tx)
	})
}

// document reads an event and those before it from sequence from on, and holds
// each against the one before it. Only from the first event on they become its
// history: the XML says nothing of them, and each was held against its own when it
// was signed. Errors: evidence.ErrNoEvidence, evidence.ErrEvent.
func (l *Ledger) document(ctx context.Context, delivery string, seq, from int) (evidence.Document, error) {
	rows, err := l.Pool.Query(ctx, `SELECT body FROM erds_event WHERE delivery_id = $1 AND seq BETWEEN $3 AND $2 ORDER BY seq`, delivery, seq, from)
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
	events, err := chained(bodies, delivery, max(from, 1))
	if err != nil {
		return evidence.Document{}, err
	}
	last := len(events) - 1
	if events[last].Seq != seq {
		return evidence.Document{}, evidence.ErrNoEvidence
	}
	doc := evidence.Document{Event: events[last], Hash: evidence.HashHex([]byte(bodies[last])), Issuer: l.Issuer}
	if from == 1 {
		doc.History = events[:last]
	}
	return doc, nil
}

// chained reads events that follow each other in a delivery, from a sequence on.
// All but the last are known by their hash, so that only the last has to be held
// against its one encoding.
func chained(bodies []string, delivery string, seq int) ([]evidence.Event, error) {
	events := make([]evidence.Event, len(bodies))
	for i, b := range bodies {
		err := json.Unmarshal([]byte(b), &events[i])
		if i == len(bodies)-1 {
			events[i], err = evidence.ParseEvent([]byte(b))
		}
		e := events[i]
		if err == nil && (e.Delivery != delivery || e.Seq != seq+i || e.Seq == 1 && e.Prev != "" ||
			i > 0 && (e.Prev != evidence.HashHex([]byte(bodies[i-1])) || e.At.Before(events[i-1].At))) {
			err = fmt.Errorf("%w: it does not continue the event before it", evidence.ErrEvent)
		}
		if err != nil {
			return nil, fmt.Errorf("ledger: event %d of delivery %s: %w", seq+i, delivery, err)
		}
	}
	return events, nil
}

// prepare says how far the evidence is, after fixing the bytes to be signed if
// nobody did: they are stored before anything else happens.
func (l *Ledger) prepare(ctx context.Context, doc evidence.Document) (making, error) {
	m, found, err := l.resume(ctx, doc)
	if err != nil || found {
		return m, err
	}
	if _, err := rand.Read(doc.Nonce[:]); err != nil {
		return making{}, err
	}
	m = making{own: l.Own(doc.Event.Name)}
	if m.prepared, err = evidence.Prepare(doc); err != nil {
		return making{}, err
	}
	e := doc.Event
	tag, err := l.Pool.Exec(ctx, `INSERT INTO evidence (id, delivery_id, seq, account_id, nonce, prepared_xml, prepared_at, own_stamp)
		SELECT $1, delivery_id, seq, account_id, $4, $5, $6, $7 FROM erds_event WHERE delivery_id = $2 AND seq = $3
		ON CONFLICT DO NOTHING`, e.ID, e.Delivery, e.Seq, doc.Nonce[:], m.prepared.XML(), l.Now(), m.own)
	if err != nil {
		return making{}, err
	}
	if tag.RowsAffected() == 0 { // another worker prepared it first: sign what that one stored
		m, _, err = l.resume(ctx, doc)
	}
	return m, err
}

// resume takes up what is stored, if there is anything.
func (l *Ledger) resume(ctx context.Context, doc evidence.Document) (m making, found bool, err error) {
	var xml, nonce []byte
	err = l.Pool.QueryRow(ctx, `SELECT prepared_xml, nonce, own_stamp, signed_xml, xml IS NOT NULL FROM evidence WHERE id = $1`, doc.Event.ID).
		Scan(&xml, &nonce, &m.own, &m.signed, &m.ready)
	if errors.Is(err, pgx.ErrNoRows) {
		return making{}, false, nil
	}
	if err != nil || m.ready || m.signed != nil {
		return m, true, err
	}
	copy(doc.Nonce[:], nonce)
	m.prepared, err = evidence.Resume(doc, xml)
	return m, true, err
}
