package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// Fsck gives every sealed document to check, one at a time, and reports what it
// refuses. An event without sealed evidence is counted as pending: its job is
// still to come, which is no fault. It changes nothing.
func (l *Ledger) Fsck(ctx context.Context, check func(id string, f evidence.Format, doc []byte) error,
	report func(id, what string)) (sealed, pending, faults int, err error) {
	after := "00000000-0000-0000-0000-000000000000"
	for {
		rows, err := l.Pool.Query(ctx, `SELECT e.id, v.sealed_at IS NOT NULL FROM erds_event e LEFT JOIN evidence v ON v.id = e.id
			WHERE e.id > $1 ORDER BY e.id LIMIT 1000`, after)
		if err != nil {
			return sealed, pending, faults, err
		}
		type one struct {
			id     string
			sealed bool
		}
		list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (o one, err error) {
			err = r.Scan(&o.id, &o.sealed)
			return o, err
		})
		if err != nil || len(list) == 0 {
			return sealed, pending, faults, err
		}
		for _, o := range list {
			if !o.sealed {
				pending++
				continue
			}
			sealed++
			n, err := l.fsckPiece(ctx, o.id, check, report)
			if err != nil {
				return sealed, pending, faults, err
			}
			faults += n
		}
		after = list[len(list)-1].id
	}
}

func (l *Ledger) fsckPiece(ctx context.Context, id string, check func(string, evidence.Format, []byte) error,
	report func(id, what string)) (faults int, err error) {
	var xml, pdf []byte
	err = l.Pool.QueryRow(ctx, `SELECT xml, pdf FROM evidence WHERE id = $1`, id).Scan(&xml, &pdf)
	if err == pgx.ErrNoRows {
		return 0, nil // removed meanwhile
	}
	if err != nil {
		return 0, err
	}
	for f, doc := range map[evidence.Format][]byte{evidence.XML: xml, evidence.PDF: pdf} {
		if err := check(id, f, doc); err != nil {
			faults++
			report(id, fmt.Sprintf("%s: %v", f, err))
		}
	}
	return faults, nil
}
