package migrations

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// appliedFiles reads which numbered files the database has applied. Version 0 is
// goose's own mark.
func appliedFiles(ctx context.Context, pool *pgxpool.Pool) (map[int64]bool, error) {
	return versions(ctx, pool, `SELECT version_id FROM goose_db_version WHERE is_applied AND version_id > 0`)
}

// checkUnchanged compares every applied file with its recorded digest.
func checkUnchanged(ctx context.Context, pool *pgxpool.Pool, all []file, applied map[int64]bool) error {
	type row struct {
		Version int64
		Name    string
		SHA256  string `db:"sha256"`
	}
	rows, _ := pool.Query(ctx, `SELECT version, name, sha256 FROM migration_file`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	recorded := map[int64]row{}
	for _, r := range list {
		recorded[r.Version] = r
	}
	for _, f := range all {
		if !applied[f.version] {
			continue
		}
		r, ok := recorded[f.version]
		if !ok {
			return fmt.Errorf("%w: %s has no recorded digest", ErrChanged, f.name)
		}
		if r.SHA256 != f.sha256 {
			return fmt.Errorf("%w: %s was applied as %s with SHA-256 %s, and has %s now; write a new file instead",
				ErrChanged, f.name, r.Name, r.SHA256, f.sha256)
		}
	}
	return nil
}

// recordDigests writes down what is about to be applied. Crash after it: the
// files are not applied, and the next run writes their digests again.
func recordDigests(ctx context.Context, pool *pgxpool.Pool, all []file, applied map[int64]bool) error {
	const upsert = `
INSERT INTO migration_file (version, name, sha256) VALUES ($1, $2, $3)
ON CONFLICT (version) DO UPDATE SET name = excluded.name, sha256 = excluded.sha256, recorded_at = now()`
	batch := &pgx.Batch{}
	for _, f := range all {
		if !applied[f.version] {
			batch.Queue(upsert, f.version, f.name, f.sha256)
		}
	}
	return pool.SendBatch(ctx, batch).Close()
}
