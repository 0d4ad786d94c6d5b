package ledger

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/evidence"
)

// Seal makes the XML of the evidence of events, unless it is made. The next
// batch takes it up.
//
//  1. prepare and lint; store the bytes that will be signed. Dying before this
//     is stored leaves nothing; after it, the next try takes up these bytes
//  2. sign, check that what was signed is what was linted, store the signatures.
//     Evidence that shares the time-stamp of its batch is ready with that
//  3. for the others, ask for time-stamps, check the results with our own
//     verifier, and store them in place of the signatures without one. An
//     authority that is down costs no further signature
//
// Each step stores its results in one transaction. What is wrong with one piece
// keeps no other back: its error is returned when the others are stored.
func (l *Ledger) Seal(ctx context.Context, refs ...Ref) error {
	failed, err := l.sealing.work(ctx, refs)
	return errors.Join(err, failed.of(refs))
}

func (l *Ledger) seal(ctx context.Context, refs []Ref) (faults, error) {
	list, err := l.prepare(ctx, inOrder(refs))
	if err != nil {
		return nil, err
	}
	outside, cancel := context.WithTimeout(ctx, outsideTime)
	defer cancel()
	l.sign(outside, list)
	err = l.store(ctx, list, func(b *pgx.Batch, m *making) {
		if m.own {
			b.Queue(sqlSigned, m.doc.Event.ID, m.xml).QueryRow(func(row pgx.Row) error { return optional(row.Scan(&m.signed)) })
		} else {
			b.Queue(sqlReady, m.doc.Event.ID, m.xml)
		}
	})
	if err != nil {
		return nil, err
	}
	l.stamp(outside, list)
	err = l.store(ctx, list, func(b *pgx.Batch, m *making) {
		b.Queue(sqlStamped, m.doc.Event.ID, m.xml, m.stamp.Time)
	})
	failed := faults{}
	for _, m := range list {
		if m.err != nil {
			failed[m.ref] = m.err
		}
	}
	return failed, err
}

// making is a piece on its way.
type making struct {
	ref      Ref
	doc      evidence.Document
	prepared *evidence.Prepared // nil when it is signed
	own      bool               // gets a time-stamp of its own
	signed   []byte             // what waits for it
	xml      []byte             // what was made and is not stored
	stamp    evidence.TokenInfo
	err      error // keeps it from going on
}

func (m *making) failed(err error) {
	m.err = fmt.Errorf("ledger: %s of delivery %s: %w", m.doc.Event.Name, m.ref.Delivery, err)
}

// sign signs what is prepared.
func (l *Ledger) sign(ctx context.Context, list []*making) {
	each(list, func(m *making) (err error) {
		if m.err != nil || m.prepared == nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		e := m.doc.Event
		l.Logger.InfoContext(ctx, "signing", "evidence", e.ID, "event", string(e.Name), "delivery", e.Delivery, "seq", e.Seq)
		m.xml, err = l.Engine.Sign(m.prepared, l.Now())
		return err
	})
}

// stamp gives signed XML its own time-stamps.
func (l *Ledger) stamp(ctx context.Context, list []*making) {
	each(list, func(m *making) (err error) {
		if m.err == nil && m.signed != nil {
			m.xml, m.stamp, err = l.Engine.Stamp(ctx, m.signed)
		}
		return err
	})
}

// store stores what was made, in one transaction, and forgets it.
func (l *Ledger) store(ctx context.Context, list []*making, queue func(*pgx.Batch, *making)) error {
	made := slices.DeleteFunc(slices.Clone(list), func(m *making) bool { return m.err != nil || m.xml == nil })
	if len(made) == 0 {
		return nil
	}
	err := l.atOnce(ctx, func(b *pgx.Batch) {
		for _, m := range made {
			queue(b, m)
		}
	}, nil)
	for _, m := range made {
		m.xml = nil
	}
	return err
}

// optional takes a row that is not there for nothing to read.
func optional(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}

const (
	sqlSigned  = `UPDATE evidence SET signed_xml = coalesce(signed_xml, $2) WHERE id = $1 AND xml IS NULL RETURNING signed_xml`
	sqlReady   = `UPDATE evidence SET xml = $2, xml_sha256 = sha256($2) WHERE id = $1 AND xml IS NULL`
	sqlStamped = `UPDATE evidence SET xml = $2, xml_sha256 = sha256($2), stamped_at = $3, signed_xml = NULL WHERE id = $1 AND xml IS NULL`
)

// sqlByKeys is for transactions whose statements all find their rows by a key. A
// plan made while a table has a page or two reads all of it, and is kept until the
// table is analysed.
const sqlByKeys = `SELECT set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)`

// atOnce begins a transaction and sends what is queued, in one round trip; then,
// if not nil, comes.
func (l *Ledger) atOnce(ctx context.Context, queue func(*pgx.Batch), then func(pgx.Tx) error) error {
	conn, err := l.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var b pgx.Batch
	b.BeginTx(pgx.TxOptions{})
	b.Queue(sqlByKeys)
	queue(&b)
	sent := conn.SendBatch(ctx, &b)
	tx := sent.Tx()
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing after a commit
	if err := sent.Close(); err != nil {
		return err
	}
	if then != nil {
		if err := then(tx); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

const sqlBodies = `SELECT body FROM erds_event WHERE delivery_id = $1 AND seq BETWEEN $3 AND $2 ORDER BY seq`

// queueBodies reads an event and those before it from sequence from on. An event
// that was removed at the end of its retention has none.
func queueBodies(b *pgx.Batch, of Ref, from int, into *[]string) {
	b.Queue(sqlBodies, of.Delivery, of.Seq, from).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
}

// document is what the evidence of an event is made of: from its body and those
// before it from sequence from on, each held against the one before it. Only from the
// first event on they become its history: the XML says nothing of them, and each was
// held against its own when it was signed. Errors: evidence.ErrNoEvidence, evidence.ErrEvent.
func (l *Ledger) document(of Ref, from int, bodies []string) (evidence.Document, error) {
	if len(bodies) == 0 {
		return evidence.Document{}, evidence.ErrNoEvidence
	}
	events, err := chained(bodies, of.Delivery, max(from, 1))
	if err != nil {
		return evidence.Document{}, err
	}
	last := len(events) - 1
	if events[last].Seq != of.Seq {
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

// stored is how far a piece is by what is stored of it.
type stored struct {
	found, ready, own  bool
	xml, nonce, signed []byte
}

const sqlStored = `SELECT prepared_xml, nonce, own_stamp, signed_xml, xml IS NOT NULL FROM evidence WHERE delivery_id = $1 AND seq = $2`

func queueStored(b *pgx.Batch, of Ref, into *stored) {
	b.Queue(sqlStored, of.Delivery, of.Seq).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&into.xml, &into.nonce, &into.own, &into.signed, &into.ready)
		into.found = err == nil
		return optional(err)
	})
}

// resume takes up what is stored.
func (m *making) resume(s stored) {
	m.own, m.signed = s.own, s.signed
	if m.signed != nil {
		return
	}
	var err error
	copy(m.doc.Nonce[:], s.nonce)
	if m.prepared, err = evidence.Resume(m.doc, s.xml); err != nil {
		m.failed(err)
	}
}

const sqlPrepared = `INSERT INTO evidence (id, delivery_id, seq, account_id, nonce, prepared_xml, prepared_at, own_stamp)
	SELECT $1, delivery_id, seq, account_id, $4, $5, $6, $7 FROM erds_event WHERE delivery_id = $2 AND seq = $3
	ON CONFLICT DO NOTHING`

// prepare says how far each piece is that is not ready, after fixing the bytes to
// be signed where nobody did: they are stored before anything else happens.
func (l *Ledger) prepare(ctx context.Context, refs []Ref) (list []*making, err error) {
	bodies, found := make([][]string, len(refs)), make([]stored, len(refs))
	err = l.atOnce(ctx, func(b *pgx.Batch) {
		for i, of := range refs {
			queueBodies(b, of, of.Seq-1, &bodies[i])
			queueStored(b, of, &found[i])
		}
	}, func(tx pgx.Tx) error {
		var fresh []*making
		for i, of := range refs {
			m := &making{ref: of}
			switch m.doc, err = l.document(of, of.Seq-1, bodies[i]); {
			case found[i].ready, errors.Is(err, evidence.ErrNoEvidence):
				continue // made, or removed at the end of its retention
			case err != nil:
				m.err = err
			case found[i].found:
				m.resume(found[i])
			default:
				if err := m.prepare(l.Own); err != nil {
					m.failed(err)
				} else {
					fresh = append(fresh, m)
				}
			}
			list = append(list, m)
		}
		lost, err := l.insert(ctx, tx, fresh)
		if err != nil || len(lost) == 0 {
			return err
		}
		list, err = l.retake(ctx, tx, list, lost)
		return err
	})
	return list, err
}

// prepare makes the bytes that will be signed.
func (m *making) prepare(own func(evidence.Name) bool) (err error) {
	if _, err := rand.Read(m.doc.Nonce[:]); err != nil {
		return err
	}
	m.own = own(m.doc.Event.Name)
	m.prepared, err = evidence.Prepare(m.doc)
	return err
}

// insert stores prepared pieces, and returns those that another worker prepared
// first, or that were removed meanwhile.
func (l *Ledger) insert(ctx context.Context, tx pgx.Tx, fresh []*making) (lost map[*making]*stored, err error) {
	if len(fresh) == 0 {
		return nil, nil
	}
	at := l.Now()
	lost = map[*making]*stored{}
	var b pgx.Batch
	for _, m := range fresh {
		e := m.doc.Event
		b.Queue(sqlPrepared, e.ID, m.ref.Delivery, m.ref.Seq, m.doc.Nonce[:], m.prepared.XML(), at, m.own).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 {
				lost[m] = &stored{}
			}
			return nil
		})
	}
	return lost, tx.SendBatch(ctx, &b).Close()
}

// retake goes on with what another worker stored of the lost ones.
func (l *Ledger) retake(ctx context.Context, tx pgx.Tx, list []*making, lost map[*making]*stored) (kept []*making, err error) {
	var b pgx.Batch
	for m, s := range lost {
		queueStored(&b, m.ref, s)
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	for _, m := range list {
		s := lost[m]
		if s != nil {
			if !s.found || s.ready {
				continue
			}
			m.prepared = nil
			m.resume(*s) // sign what that one stored
		}
		kept = append(kept, m)
	}
	return kept, nil
}
