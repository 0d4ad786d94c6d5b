package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// RenewAhead is how long before the certificate behind a time-stamp expires it is
// renewed.
const RenewAhead = 90 * 24 * time.Hour

// renewPage bounds how many batches one token renews.
const renewPage = 4096

// A batch is as good as its newest time-stamp. What was removed needs none.
const sqlAgeing = `
SELECT b.id, b.leaves, b.token, v.body FROM evidence_batch b LEFT JOIN evidence_validation v ON v.id = b.validation_id
 WHERE coalesce((SELECT max(r.renew_before) FROM evidence_batch_renewal x JOIN evidence_renewal r ON r.id = x.renewal_id
         WHERE x.batch_id = b.id), b.renew_before) < $1
   AND EXISTS (SELECT FROM evidence e WHERE e.batch_id = b.id)
 ORDER BY b.id LIMIT $2`

// Renew puts a new time-stamp over that of every batch whose newest one comes
// from a certificate that expires within [RenewAhead]; one token does for up to
// 4,096 batches. It returns how many batches it renewed. Dying before the result
// is stored leaves a token that nobody has. RFC 4998 §5.2
func (l *Ledger) Renew(ctx context.Context) (n int, err error) {
	err = l.alone(ctx, laterLock, func() (err error) {
		n, err = l.renew(ctx)
		return err
	})
	return n, err
}

func (l *Ledger) renew(ctx context.Context) (n int, err error) {
	for {
		ids, records, leaves, err := l.ageing(ctx)
		if err != nil || len(ids) == 0 {
			return n, err
		}
		tree, err := l.Records.Tree(leaves)
		if err != nil {
			return n, err
		}
		root := tree.Root()
		token, err := l.Stamper.Stamp(ctx, root[:])
		if err != nil {
			return n, fmt.Errorf("ledger: renew %d batches: %w", len(ids), err)
		}
		until, err := l.judge(records, leaves, token)
		if err != nil {
			return n, err
		}
		err = pgx.BeginFunc(ctx, l.Pool, func(tx pgx.Tx) error {
			var id int64
			if err := tx.QueryRow(ctx, `INSERT INTO evidence_renewal (made_at, leaves, token, renew_before) VALUES ($1, $2, $3, $4) RETURNING id`,
				l.Now(), join(leaves), token, until).Scan(&id); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO evidence_batch_renewal (batch_id, renewal_id, pos)
				SELECT b, $2, pos - 1 FROM unnest($1::bigint[]) WITH ORDINALITY AS x (b, pos)`, ids, id)
			return err
		})
		if err != nil {
			return n, err
		}
		n += len(ids)
		l.Logger.InfoContext(ctx, "time-stamps renewed", "batches", len(ids), "until", until)
	}
}

// judge makes sure that the first of the renewed records holds, and for long
// enough.
func (l *Ledger) judge(records []aged, leaves []Hash, token []byte) (until time.Time, err error) {
	record, err := l.Records.Renew(records[0].record, leaves, 0, token)
	if err != nil {
		return until, err
	}
	if _, until, err = l.Records.Check(record, records[0].leaf); err != nil {
		return until, err
	}
	if !until.After(l.Now().Add(RenewAhead)) {
		return until, errors.New("ledger: the authority's certificate ends too soon for a renewal")
	}
	return until, nil
}

// aged is the record of the first leaf of a batch.
type aged struct {
	record []byte
	leaf   Hash
}

func (l *Ledger) ageing(ctx context.Context) (ids []int64, records []aged, leaves []Hash, err error) {
	rows, err := l.Pool.Query(ctx, sqlAgeing, l.Now().Add(RenewAhead), renewPage)
	if err != nil {
		return nil, nil, nil, err
	}
	type row struct {
		id                  int64
		leaves, token, body []byte
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (x row, err error) {
		err = r.Scan(&x.id, &x.leaves, &x.token, &x.body)
		return x, err
	})
	if err != nil {
		return nil, nil, nil, err
	}
	for _, x := range list {
		of := split(x.leaves)
		tree, err := l.Records.Tree(of)
		if err != nil {
			return nil, nil, nil, err
		}
		c := cover{token: x.token, validation: x.body}
		if c.renewals, err = l.renewals(ctx, x.id); err != nil {
			return nil, nil, nil, err
		}
		record, err := l.record(c, tree, 0)
		if err != nil {
			return nil, nil, nil, err
		}
		digest, err := l.Records.Digest(record)
		if err != nil {
			return nil, nil, nil, err
		}
		ids, records, leaves = append(ids, x.id), append(records, aged{record, of[0]}), append(leaves, digest)
	}
	return ids, records, leaves, nil
}

// renewal is a later time-stamp over that of a batch, which is its leaf at pos.
type renewal struct {
	leaves []Hash
	token  []byte
	pos    int
}

// renewals reads those of a batch in their order.
func (l *Ledger) renewals(ctx context.Context, batch int64) ([]renewal, error) {
	rows, err := l.Pool.Query(ctx, `SELECT r.leaves, r.token, x.pos FROM evidence_batch_renewal x JOIN evidence_renewal r ON r.id = x.renewal_id
		WHERE x.batch_id = $1 ORDER BY r.id`, batch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r renewal, err error) {
		var leaves []byte
		err = row.Scan(&leaves, &r.token, &r.pos)
		r.leaves = split(leaves)
		return r, err
	})
}
