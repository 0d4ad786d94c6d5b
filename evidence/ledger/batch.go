package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// MaxBatch bounds how many pieces share a batch.
const MaxBatch = 4095

// The advisory locks of who makes batches, "bodebtch", and of who adds to them,
// "bodeback".
const (
	batchLock int64 = 0x626f646562746368
	laterLock int64 = 0x626f64656261636b
)

// joined is a piece that gets into a batch.
type joined struct {
	id, delivery string
	seq          int
	file, entry  Hash // of the XML file, of its content
}

// Batch puts up to [MaxBatch] pieces that have their XML into the log and under
// one time-stamp, and returns how many. One process at a time does this; a second
// one returns 0 at once. It asks the authority before it stores anything: dying
// before that leaves a token that nobody has, dying after it a whole batch.
//
//  1. read what waits, the size of the log, and the tiles at its edge
//  2. grow the log by the entries; sign the checkpoint
//  3. ask for a time-stamp over the tree of all files and the checkpoint
//  4. store tiles, batch, the places of the pieces and their next jobs together
//
// RFC 4998 §4.2; C2SP tlog-tiles
func (l *Ledger) Batch(ctx context.Context) (n int, err error) {
	err = l.alone(ctx, batchLock, func() error {
		if err := l.cosignOpen(ctx); err != nil {
			return err
		}
		waiting, err := l.waiting(ctx)
		if err != nil || len(waiting) == 0 {
			return err
		}
		if early, err := l.early(ctx); err != nil || early && len(waiting) < MaxBatch {
			return err
		}
		b, err := l.makeBatch(ctx, waiting)
		if err != nil {
			return fmt.Errorf("ledger: batch of %d: %w", len(waiting), err)
		}
		if err := pgx.BeginFunc(ctx, l.Pool, func(tx pgx.Tx) error { return l.storeBatch(ctx, tx, b, waiting) }); err != nil {
			return fmt.Errorf("ledger: batch %d: %w", b.id, err)
		}
		n = len(waiting)
		l.Logger.InfoContext(ctx, "batch closed", "batch", b.id, "pieces", n, "log_size", b.size)
		return l.cosignOpen(ctx)
	})
	return n, err
}

// alone does something while no other process does it, or nothing. It holds a
// connection, and no transaction.
func (l *Ledger) alone(ctx context.Context, lock int64, do func() error) (err error) {
	conn, err := l.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, lock).Scan(&mine); err != nil || !mine {
		return err
	}
	defer func() {
		// A lock that stays would stop everybody: the connection goes with it.
		if _, e := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, lock); e != nil {
			err = errors.Join(err, e, conn.Conn().Close(context.WithoutCancel(ctx)))
		}
	}()
	return do()
}

func (l *Ledger) waiting(ctx context.Context) ([]joined, error) {
	rows, err := l.Pool.Query(ctx, `SELECT id::text, delivery_id::text, seq, xml_sha256, sha256(prepared_xml) FROM evidence
		WHERE xml IS NOT NULL AND batch_id IS NULL ORDER BY id LIMIT $1`, MaxBatch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (j joined, err error) {
		var file, entry []byte
		if err := r.Scan(&j.id, &j.delivery, &j.seq, &file, &entry); err != nil {
			return j, err
		}
		j.file, j.entry = Hash(file), Hash(entry)
		return j, nil
	})
}

// early says whether the last batch was closed so short ago that what waits can
// wait for more.
func (l *Ledger) early(ctx context.Context) (bool, error) {
	if l.Pace == 0 {
		return false, nil
	}
	var last time.Time
	err := l.Pool.QueryRow(ctx, `SELECT closed_at FROM evidence_batch ORDER BY id DESC LIMIT 1`).Scan(&last)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	since := l.Now().Sub(last)
	return since >= 0 && since < l.Pace-l.Pace/10, err // a clock that was set back holds nobody up
}

// batch is a batch to be stored.
type batch struct {
	id            int64
	before, size  int64 // of the log
	tiles         []Tile
	checkpoint    []byte
	leaves        []Hash
	token         []byte
	made, stamped time.Time
	renew         time.Time // before then
}

func (l *Ledger) makeBatch(ctx context.Context, waiting []joined) (b batch, err error) {
	var last []byte
	err = l.Pool.QueryRow(ctx, `SELECT id, log_size, convert_to(checkpoint, 'UTF8') FROM evidence_batch ORDER BY id DESC LIMIT 1`).Scan(&b.id, &b.before, &last)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return b, err
	}
	b.id++
	entries := make([]Hash, len(waiting))
	for i, w := range waiting {
		entries[i] = w.entry
		b.leaves = append(b.leaves, w.file)
	}
	b.size, b.made = b.before+int64(len(waiting)), l.Now()
	if b.tiles, b.checkpoint, err = l.Log.Grow(ctx, l, last, entries); err != nil {
		return b, err
	}
	b.leaves = append(b.leaves, sha256.Sum256(b.checkpoint))
	tree, err := l.Records.Tree(b.leaves)
	if err != nil {
		return b, err
	}
	root := tree.Root()
	if b.token, err = l.Stamper.Stamp(ctx, root[:]); err != nil {
		return b, err
	}
	record, err := tree.Record(0, b.token)
	if err != nil {
		return b, err
	}
	b.stamped, b.renew, err = l.Records.Check(record, b.leaves[0])
	return b, err
}

const sqlTiles = `INSERT INTO log_tile (level, idx, hashes) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])
	ON CONFLICT (level, idx) DO UPDATE SET hashes = EXCLUDED.hashes`

// A piece keeps the time of its own stamp, if it has one.
const sqlJoin = `UPDATE evidence e SET batch_id = $1, batch_pos = p.pos - 1, log_index = $2 + p.pos - 1, stamped_at = coalesce(e.stamped_at, $3)
	FROM unnest($4::uuid[]) WITH ORDINALITY AS p (id, pos) WHERE e.id = p.id AND e.batch_id IS NULL`

func (l *Ledger) storeBatch(ctx context.Context, tx pgx.Tx, b batch, waiting []joined) error {
	var levels []int16
	var indexes []int64
	var hashes [][]byte
	for _, t := range b.tiles {
		levels, indexes, hashes = append(levels, int16(t.Level)), append(indexes, t.Index), append(hashes, t.Hashes)
	}
	ids := make([]string, len(waiting))
	for i, w := range waiting {
		ids[i] = w.id
	}
	var asked *time.Time
	if len(l.Witnesses) == 0 {
		asked = &b.made
	}
	var q pgx.Batch
	q.Queue(sqlTiles, levels, indexes, hashes)
	q.Queue(`INSERT INTO evidence_batch (id, closed_at, leaves, token, stamped_at, renew_before, log_size, checkpoint, cosigned_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, b.id, b.made, join(b.leaves), b.token, b.stamped, b.renew, b.size, string(b.checkpoint), asked)
	q.Queue(sqlJoin, b.id, b.before, b.stamped, ids).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(len(ids)) {
			return fmt.Errorf("%d of %d pieces are still there", tag.RowsAffected(), len(ids))
		}
		return nil
	})
	if err := tx.SendBatch(ctx, &q).Close(); err != nil {
		return err
	}
	if asked == nil {
		return nil // when the witnesses have been asked
	}
	return l.enqueueFinish(ctx, tx, b.id)
}

// enqueueFinish lets the PDFs of a batch be made.
func (l *Ledger) enqueueFinish(ctx context.Context, tx pgx.Tx, batch int64) error {
	rows, err := tx.Query(ctx, `SELECT delivery_id::text, seq FROM evidence WHERE batch_id = $1 AND sealed_at IS NULL ORDER BY batch_pos`, batch)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Ref])
	if err != nil || len(list) == 0 {
		return err
	}
	_, err = l.Outbox.InsertManyTx(ctx, tx, finishJobs(list))
	return err
}

func join(hashes []Hash) []byte {
	b := make([]byte, 0, 32*len(hashes))
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

func split(b []byte) []Hash {
	list := make([]Hash, 0, len(b)/32)
	for ; len(b) >= 32; b = b[32:] {
		list = append(list, Hash(b))
	}
	return list
}
