package ledger

import (
	"cmp"
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
// one piece keeps no other back, as in [Ledger.Seal].
func (l *Ledger) Finish(ctx context.Context, refs ...Ref) error {
	failed, err := l.finishing.work(ctx, refs)
	return errors.Join(err, failed.of(refs))
}

func (l *Ledger) finish(ctx context.Context, refs []Ref) (faults, error) {
	list, err := l.unfinished(ctx, inOrder(refs))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	outside, cancel := context.WithTimeout(ctx, outsideTime)
	defer cancel()
	l.makePDFs(outside, list)
	failed := faults{}
	var made []*finishing
	for _, f := range list {
		if f.err != nil {
			failed[f.ref] = f.err
		} else {
			made = append(made, f)
		}
	}
	if len(made) == 0 {
		return failed, nil
	}
	at := l.Now()
	err = l.atOnce(ctx, func(b *pgx.Batch) {
		for _, f := range made {
			b.Queue(`UPDATE evidence SET pdf = $2, pdf_sha256 = sha256($2), sealed_at = $3 WHERE id = $1 AND sealed_at IS NULL`, f.doc.Event.ID, f.pdf, at)
		}
	}, nil)
	if err != nil {
		return failed, err
	}
	for _, f := range made {
		l.Logger.InfoContext(ctx, "sealed", "evidence", f.doc.Event.ID, "event", string(f.doc.Event.Name), "batch", f.place.batch, "log_index", f.place.index,
			"xml_sha256", evidence.HashHex(f.xml), "pdf_sha256", evidence.HashHex(f.pdf), "stamp", f.stamp.Serial)
	}
	return failed, nil
}

// finishing is a piece in a batch that has no PDF.
type finishing struct {
	ref   Ref
	doc   evidence.Document
	xml   []byte
	place place
	pdf   []byte
	stamp evidence.TokenInfo
	err   error
}

func (f *finishing) failed(err error) {
	f.err = fmt.Errorf("ledger: %s of delivery %s: %w", f.doc.Event.Name, f.ref.Delivery, err)
}

// makePDFs makes the PDF of each piece. What a batch has in common is read once.
func (l *Ledger) makePDFs(ctx context.Context, list []*finishing) {
	covers, missing := map[int64]cover{}, map[int64]error{}
	for _, f := range list {
		if at := f.place.batch; covers[at].token == nil && missing[at] == nil {
			covers[at], missing[at] = l.cover(ctx, at)
		}
	}
	each(list, func(f *finishing) error {
		if f.err != nil {
			return nil
		}
		if err := cmp.Or(missing[f.place.batch], ctx.Err()); err != nil {
			return err
		}
		b, err := l.under(ctx, covers[f.place.batch], f.place)
		if err != nil {
			return err
		}
		f.pdf, f.stamp, err = l.Engine.Finish(ctx, f.doc, f.xml, b, f.place.own, l.Now())
		return err
	})
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
				f := finishing{ref: of}
				var nonce []byte
				err := row.Scan(&f.xml, &nonce, &f.place.own, &f.place.batch, &f.place.pos, &f.place.index)
				if err == nil {
					copy(f.doc.Nonce[:], nonce)
					found[i] = &f
				}
				return optional(err) // sealed, or removed
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
