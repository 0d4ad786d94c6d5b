package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// Piece is one piece of sealed evidence, without its documents.
type Piece struct {
	ID        string
	Delivery  string
	Seq       int
	Event     evidence.Name
	At        time.Time
	XMLSHA256 string
	PDFSHA256 string
	StampedAt time.Time
	SealedAt  time.Time // zero while it is being made
}

const sqlPiece = `SELECT e.id, e.delivery_id, e.seq, e.name, e.at, v.xml_sha256, v.pdf_sha256, v.stamped_at, v.sealed_at
  FROM erds_event e LEFT JOIN evidence v ON v.id = e.id`

func scanPiece(row pgx.CollectableRow) (p Piece, err error) {
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
// that is not the account's has none. Errors: ErrNotFound.
func (l *Ledger) List(ctx context.Context, account, delivery string) ([]Piece, error) {
	rows, err := l.Pool.Query(ctx, sqlPiece+` WHERE e.delivery_id = $1 AND e.account_id = $2 ORDER BY e.seq`, delivery, account)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanPiece)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	return list, err
}

// Format is a form of evidence.
type Format string

const (
	XML Format = "xml"
	PDF Format = "pdf"
)

// Get returns one document of an account, or, with delivery set, one of that
// delivery whatever its account: for the recipient, who has no account. Errors:
// ErrNotFound, ErrPending.
func (l *Ledger) Get(ctx context.Context, account, delivery, id string, f Format) (doc []byte, p Piece, err error) {
	column := "v.xml"
	if f == PDF {
		column = "v.pdf"
	}
	var name evidence.Name
	err = l.Pool.QueryRow(ctx, `SELECT `+column+`, e.delivery_id, e.seq, e.name, e.at FROM erds_event e LEFT JOIN evidence v ON v.id = e.id
		WHERE e.id = $1 AND (e.account_id::text = $2 OR e.delivery_id::text = $3)`, id, account, delivery).
		Scan(&doc, &p.Delivery, &p.Seq, &name, &p.At)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, Piece{}, ErrNotFound
	case err != nil:
		return nil, Piece{}, err
	case doc == nil:
		return nil, Piece{}, ErrPending
	}
	p.ID, p.Event, p.At = id, name, p.At.UTC()
	return doc, p, nil
}

// Document is one piece of evidence with both its forms.
type Document struct {
	Piece
	XML, PDF []byte
}

// Each calls f for every piece of sealed evidence of a delivery in order, one at
// a time so that memory stays flat. Errors: ErrPending when one is not sealed
// yet, ErrNotFound when there is none, and those of f.
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
		return ErrNotFound
	}
	for _, p := range list {
		if p.SealedAt.IsZero() {
			return ErrPending
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
