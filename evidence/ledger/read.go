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

const sqlPiece = `SELECT e.id, e.delivery_id, e.seq, e.name, e.at, v.xml_sha256, v.pdf_sha256, v.stamped_at, v.sealed_at
  FROM erds_event e LEFT JOIN evidence v ON v.id = e.id`

func scanPiece(row pgx.CollectableRow) (p evidence.Piece, err error) {
	var xml, pdf []byte
	var stamped, sealed *time.Time
	err = row.Scan(&p.ID, &p.Delivery, &p.Seq, &p.Event, &p.At, &xml, &pdf, &stamped, &sealed)
	if sealed != nil {
		p.XMLSHA256, p.PDFSHA256 = hex.EncodeToString(xml), hex.EncodeToString(pdf)
		p.StampedAt, p.SealedAt = stamped.UTC(), sealed.UTC()
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

// Get returns one document of an account, or, with delivery set, one of that
// delivery whatever its account: for the recipient, who has no account. Errors:
// evidence.ErrNoEvidence, evidence.ErrPending.
func (l *Ledger) Get(ctx context.Context, account, delivery, id string, f evidence.Format) (doc []byte, p evidence.Piece, err error) {
	if uuid.Validate(id) != nil {
		return nil, evidence.Piece{}, evidence.ErrNoEvidence
	}
	column := "v.xml"
	if f == evidence.PDF {
		column = "v.pdf"
	}
	var name evidence.Name
	err = l.Pool.QueryRow(ctx, `SELECT `+column+`, e.delivery_id, e.seq, e.name, e.at FROM erds_event e LEFT JOIN evidence v ON v.id = e.id
		WHERE e.id = $1 AND (e.account_id::text = $2 OR e.delivery_id::text = $3)`, id, account, delivery).
		Scan(&doc, &p.Delivery, &p.Seq, &name, &p.At)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, evidence.Piece{}, evidence.ErrNoEvidence
	case err != nil:
		return nil, evidence.Piece{}, err
	case doc == nil:
		return nil, evidence.Piece{}, evidence.ErrPending
	}
	p.ID, p.Event, p.At = id, name, p.At.UTC()
	return doc, p, nil
}

// Document is one piece of evidence with both its forms.
type Document struct {
	evidence.Piece
	XML, PDF []byte
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
		d := Document{Piece: p}
		if err := l.Pool.QueryRow(ctx, `SELECT xml, pdf FROM evidence WHERE id = $1`, p.ID).Scan(&d.XML, &d.PDF); err != nil {
			return err
		}
		if err := f(d); err != nil {
			return err
		}
	}
	return nil
}
