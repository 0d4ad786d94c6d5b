package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Tile implements [Tiles] on what is stored.
func (l *Ledger) Tile(ctx context.Context, level int, index int64) ([]byte, error) {
	var hashes []byte
	err := l.Pool.QueryRow(ctx, `SELECT hashes FROM log_tile WHERE level = $1 AND idx = $2`, level, index).Scan(&hashes)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return hashes, err
}

// Checkpoint returns the newest signed checkpoint of the log with the signatures
// of its witnesses, nil for an empty log.
func (l *Ledger) Checkpoint(ctx context.Context) ([]byte, error) {
	var note string
	err := l.Pool.QueryRow(ctx, `SELECT checkpoint || cosignatures FROM evidence_batch ORDER BY id DESC LIMIT 1`).Scan(&note)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return []byte(note), err
}

// CheckLog holds the newest checkpoint against the entries that are stored, and
// the entries against the evidence that is still kept. It returns how long the
// log is and every piece whose entry is another one.
func (l *Ledger) CheckLog(ctx context.Context, report func(id, what string)) (size int64, faults int, err error) {
	var checkpoint string
	err = l.Pool.QueryRow(ctx, `SELECT log_size, checkpoint FROM evidence_batch ORDER BY id DESC LIMIT 1`).Scan(&size, &checkpoint)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if err := l.Log.Check(ctx, l, size, []byte(checkpoint)); err != nil {
		faults++
		report("log", fmt.Sprintf("checkpoint of size %d: %v", size, err))
	}
	rows, err := l.Pool.Query(ctx, `SELECT e.id::text FROM evidence e LEFT JOIN log_tile t ON t.level = -1 AND t.idx = e.log_index / 256
		WHERE e.log_index IS NOT NULL AND substring(t.hashes FROM (e.log_index % 256 * 32 + 1)::integer FOR 32) IS DISTINCT FROM sha256(e.prepared_xml)`)
	if err != nil {
		return size, faults, err
	}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		faults++
		report(id, "the log has another entry in its place")
		return nil
	})
	return size, faults, err
}
