package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

const sqlPiece = `SELECT e.id, e.delivery_id, e.seq, e.name, e.at, coalesce(v.own_stamp, false), v.xml_sha256, v.pdf_sha256,
       v.stamped_at, v.sealed_at, v.log_index, b.validation_id IS NOT NULL,
       v.signed_xml IS NOT NULL OR (v.xml IS NOT NULL AND v.batch_id IS NULL)
  FROM erds_event e LEFT JOIN evidence v ON v.id = e.id LEFT JOIN evidence_batch b ON b.id = v.batch_id`

func scanPiece(row pgx.CollectableRow) (p evidence.Piece, err error) {
	var xml, pdf []byte
	var stamped, sealed *time.Time
	var index *int64
	var complete, waits bool
	err = row.Scan(&p.ID, &p.Delivery, &p.Seq, &p.Event, &p.At, &p.OwnStamp, &xml, &pdf, &stamped, &sealed, &index, &complete, &waits)
	p.State = evidence.Making
	switch {
	case sealed != nil:
		p.State = evidence.SealedState
		p.XMLSHA256, p.PDFSHA256 = hex.EncodeToString(xml), hex.EncodeToString(pdf)
		p.StampedAt, p.SealedAt, p.Complete = stamped.UTC(), sealed.UTC(), complete
		if index != nil {
			p.Logged, p.LogIndex = true, *index
		}
	case waits:
		p.State = evidence.PendingStamp
	}
	p.At = p.At.UTC()
	return p, err
}

// List returns the evidence of a delivery of an account in order. A delivery
// that is not the account's has none. Errors: evidence.ErrNoEvidence.
func (l *Ledger) List(ctx context.Context, account, delivery string) ([]evidence.Piece, error) {
	rows, err := l.Pool.Query(ctx, sqlPiece+` WHERE e.delivery_id = $1 AND e.account_id = $2 ORDER BY e.seq`, delivery, account)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanPiece)
	if err == nil && len(list) == 0 {
		err = evidence.ErrNoEvidence
	}
	return list, err
}

const sqlGet = `SELECT v.sealed_at, v.xml, CASE WHEN $4 THEN v.pdf END, v.own_stamp, v.batch_id, v.batch_pos, v.log_index, w.body,
       e.delivery_id, e.seq, e.name, e.at
  FROM erds_event e LEFT JOIN evidence v ON v.id = e.id LEFT JOIN evidence_batch b ON b.id = v.batch_id
       LEFT JOIN evidence_validation w ON w.id = b.validation_id
 WHERE e.id = $1 AND (e.account_id::text = $2 OR e.delivery_id::text = $3)`

// Get returns one document of an account, or, with delivery set, one of that
// delivery whatever its account: for the recipient, who has no account. XML and
// PDF come with the validation data that is there by now. Evidence with its own
// time-stamp has no record, and what was sealed before there was a log has no
// proof yet. Errors: evidence.ErrNoEvidence, evidence.ErrPending.
func (l *Ledger) Get(ctx context.Context, account, delivery, id string, f evidence.Format) (doc []byte, p evidence.Piece, err error) {
	if uuid.Validate(id) != nil {
		return nil, evidence.Piece{}, evidence.ErrNoEvidence
	}
	var xml, pdf, body []byte
	var sealed *time.Time
	var own *bool
	var batch, index *int64
	var pos *int
	err = l.Pool.QueryRow(ctx, sqlGet, id, account, delivery, f == evidence.PDF).Scan(&sealed, &xml, &pdf, &own, &batch, &pos, &index, &body,
		&p.Delivery, &p.Seq, &p.Event, &p.At)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, evidence.Piece{}, evidence.ErrNoEvidence
	case err != nil:
		return nil, evidence.Piece{}, err
	case sealed == nil:
		return nil, p, evidence.ErrPending
	}
	p.ID, p.At = id, p.At.UTC()
	switch f {
	case evidence.XML:
		if doc = xml; *own {
			doc, err = l.completed(f, xml, body)
		}
	case evidence.PDF:
		doc, err = l.completed(f, pdf, body)
	default:
		if batch == nil {
			return nil, p, evidence.ErrNoEvidence
		}
		b, err := l.beside(ctx, place{*batch, *pos, *index, *own})
		if err != nil {
			return nil, p, err
		}
		if doc = b.Proof; f == evidence.ERS {
			doc = b.Record
		}
		if doc == nil {
			return nil, p, evidence.ErrNoEvidence
		}
		return doc, p, nil
	}
	return doc, p, err
}

// Document is one piece of evidence in every form.
type Document struct {
	evidence.Piece
	XML, PDF []byte
	evidence.Beside
}

// Each calls f for every piece of sealed evidence of a delivery in order, one at
// a time so that memory stays flat. Errors: evidence.ErrPending when one is not sealed
// yet, evidence.ErrNoEvidence when there is none, and those of f.
func (l *Ledger) Each(ctx context.Context, delivery string, f func(Document) error) error {
	rows, err := l.Pool.Query(ctx, sqlPiece+` WHERE e.delivery_id = $1 ORDER BY e.seq`, delivery)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, scanPiece)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return evidence.ErrNoEvidence
	}
	for _, p := range list {
		if p.SealedAt.IsZero() {
			return evidence.ErrPending
		}
	}
	for _, p := range list {
		d, err := l.read(ctx, p)
		if err != nil {
			return err
		}
		if err := f(d); err != nil {
			return err
		}
	}
	return nil
}

// read reads a sealed piece in every form.
func (l *Ledger) read(ctx context.Context, p evidence.Piece) (d Document, err error) {
	d.Piece = p
	var body []byte
	var batch, index *int64
	var pos *int
	err = l.Pool.QueryRow(ctx, `SELECT v.xml, v.pdf, v.batch_id, v.batch_pos, v.log_index, w.body
		FROM evidence v LEFT JOIN evidence_batch b ON b.id = v.batch_id LEFT JOIN evidence_validation w ON w.id = b.validation_id WHERE v.id = $1`, p.ID).
		Scan(&d.XML, &d.PDF, &batch, &pos, &index, &body)
	if err != nil {
		return d, err
	}
	if err = l.complete(&d, body); err != nil || batch == nil {
		return d, err
	}
	d.Beside, err = l.beside(ctx, place{*batch, *pos, *index, p.OwnStamp})
	return d, err
}
