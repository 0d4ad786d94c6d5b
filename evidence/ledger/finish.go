package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// Finish makes the PDFs of pieces that are in a batch, unless they are made, checks
// XML, proofs and PDF of each together with our own verifier, and stores the PDFs
// in one transaction: with that the pieces are sealed and can be handed out. A PDF
// that loses a race, or whose storing fails, was seen by nobody. What is wrong with
// one piece keeps no other back, as in [Ledger.Seal]. with, if not nil, runs in
// the transaction that stores them, when none failed.
func (l *Ledger) Finish(ctx context.Context, refs []Ref, with func(pgx.Tx) error) error {
	list, err := l.unfinished(ctx, inOrder(refs))
	if err != nil || len(list) == 0 {
		return err
	}
	outside, cancel := context.WithTimeout(ctx, outsideTime)
	defer cancel()
	covers := map[int64]cover{}
	var made []*finishing
	var failed []error
	for _, f := range list {
		if f.err == nil {
			f.err = l.finish(outside, f, covers)
		}
		if f.err != nil {
			failed = append(failed, f.err)
			with = nil
		} else {
			made = append(made, f)
		}
	}
	err = l.store(ctx, len(made), func(b *pgx.Batch) {
		at := l.Now()
		for _, f := range made {
			b.Queue(`UPDATE evidence SET pdf = $2, pdf_sha256 = sha256($2), sealed_at = $3 WHERE id = $1 AND sealed_at IS NULL`, f.doc.Event.ID, f.pdf, at)
		}
	}, with)
	if err != nil {
		return err
	}
	for _, f := range made {
		l.Logger.InfoContext(ctx, "sealed", "evidence", f.doc.Event.ID, "event", string(f.doc.Event.Name), "batch", f.place.batch, "log_index", f.place.index,
			"xml_sha256", evidence.HashHex(f.xml), "pdf_sha256", evidence.HashHex(f.pdf), "stamp", f.stamp.Serial)
	}
	return together(failed, len(refs))
}

// finishing is a piece in a batch that has no PDF.
type finishing struct {
	doc   evidence.Document
	xml   []byte
	place place
	pdf   []byte
	stamp evidence.TokenInfo
	err   error
}

const sqlUnfinished = `SELECT xml, nonce, own_stamp, batch_id, batch_pos, log_index FROM evidence
	WHERE delivery_id = $1 AND seq = $2 AND batch_id IS NOT NULL AND sealed_at IS NULL`

// unfinished reads the pieces that are in a batch and have no PDF.
func (l *Ledger) unfinished(ctx context.Context, refs []Ref) (list []*finishing, err error) {
	bodies, found := make([][]string, len(refs)), make([]*finishing, len(refs))
	err = l.atOnce(ctx, func(b *pgx.Batch) {
		for i, of := range refs {
			queueBodies(b, of, 1, &bodies[i])
			b.Queue(sqlUnfinished, of.Delivery, of.Seq).QueryRow(func(row pgx.Row) error {
				var f finishing
				var nonce []byte
				err := row.Scan(&f.xml, &nonce, &f.place.own, &f.place.batch, &f.place.pos, &f.place.index)
				if errors.Is(err, pgx.ErrNoRows) {
					return nil // sealed, or removed
				}
				copy(f.doc.Nonce[:], nonce)
				found[i] = &f
				return err
			})
		}
	}, nil)
	if err != nil {
		return nil, err
	}
	for i, f := range found {
		if f == nil {
			continue
		}
		nonce := f.doc.Nonce
		f.doc, f.err = l.document(refs[i], 1, bodies[i])
		if f.doc.Nonce = nonce; errors.Is(f.err, evidence.ErrNoEvidence) {
			continue // removed at the end of its retention
		}
		list = append(list, f)
	}
	return list, nil
}

// finish makes the PDF of a piece. What a batch has in common is read once.
func (l *Ledger) finish(ctx context.Context, f *finishing, covers map[int64]cover) error {
	c, ok := covers[f.place.batch]
	if !ok {
		var err error
		if c, err = l.cover(ctx, f.place.batch); err != nil {
			return err
		}
		covers[f.place.batch] = c
	}
	b, err := l.under(ctx, c, f.place)
	if err != nil {
		return err
	}
	f.pdf, f.stamp, err = l.Engine.Finish(ctx, f.doc, f.xml, b, f.place.own, l.Now())
	if err != nil {
		return fmt.Errorf("ledger: %s of delivery %s: %w", f.doc.Event.Name, f.doc.Event.Delivery, err)
	}
	return nil
}
