package migrations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/rivermigrate"
)

// Errors of a migration. After each of them the files before the failing one
// stay applied and the failing one left nothing behind.
var (
	// ErrBadFile: a file of this program cannot be a migration.
	ErrBadFile = errors.New("migrations: bad file")
	// ErrChanged: a file was edited after this database applied it, or the
	// database applied a file whose digest it did not record.
	ErrChanged = errors.New("migrations: applied file has changed")
	// ErrFailed: the database refused a migration.
	ErrFailed = errors.New("migrations: not applied")
)

// lockKey is the advisory lock that all our processes agree on: "bodemigr".
const lockKey int64 = 0x626f64656d696772

// lockTimeout bounds the wait of a migration for a table in use, so that it
// fails instead of queueing every reader behind it.
const lockTimeout = "10s"

type pgxTx = pgx.Tx

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Apply brings the database to this program's schema and returns at once when it
// is there. Any number of processes may call it together: one works, the others
// wait for it, as long as ctx allows. It opens connections of its own, because
// the lock belongs to a connection; behind a connection pooler give it the
// database's own address.
//
// A database newer than this program is left as it is: during a rolling
// deployment old and new programs share it.
//
// Errors: ErrBadFile, ErrChanged, ErrFailed. A crash leaves whole files applied
// and the lock free.
func Apply(ctx context.Context, pool *pgxpool.Pool) error {
	return apply(ctx, pool, embedded)
}

func apply(ctx context.Context, pool *pgxpool.Pool, fsys fs.FS) error {
	all, err := files(fsys)
	if err != nil {
		return err
	}
	cfg := pool.Config()
	cfg.MaxConns, cfg.MinConns, cfg.MinIdleConns = 4, 0, 0
	if cfg.ConnConfig.RuntimeParams == nil {
		cfg.ConnConfig.RuntimeParams = map[string]string{}
	}
	cfg.ConnConfig.RuntimeParams["lock_timeout"] = lockTimeout
	own, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	defer own.Close()

	unlock, err := lock(ctx, own)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	defer unlock()
	if err := applyFiles(ctx, own, fsys, all); err != nil {
		return err
	}
	return applyQueue(ctx, own)
}

// lock waits for our turn. The connection holds it; losing the connection, by a
// crash for one, gives it back.
func lock(ctx context.Context, pool *pgxpool.Pool) (unlock func(), err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	// lock_timeout counts for advisory locks too, and here waiting is right.
	_, err = conn.Exec(ctx, `SET lock_timeout = 0`)
	if err == nil {
		_, err = conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, lockKey)
	}
	if err != nil {
		conn.Release()
		return nil, err
	}
	return func() {
		// Closing instead of unlocking: it cannot fail half-way.
		_ = conn.Hijack().Close(context.WithoutCancel(ctx))
	}, nil
}

// applyFiles applies the numbered files.
func applyFiles(ctx context.Context, pool *pgxpool.Pool, fsys fs.FS, all []file) error {
	ledger, err := fs.ReadFile(embedded, ledgerFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadFile, err)
	}
	if _, err := pool.Exec(ctx, string(ledger)); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFailed, ledgerFile, err)
	}
	applied, err := appliedFiles(ctx, pool)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	if err := checkUnchanged(ctx, pool, all, applied); err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(f file) bool { return !applied[f.version] }) {
		return nil
	}
	if err := recordDigests(ctx, pool, all, applied); err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, fsys,
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(silent()))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadFile, err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return nil
}

// applyQueue applies the migrations of the job queue. They are not in one
// transaction, since some of them cannot be; each is recorded when done.
func applyQueue(ctx context.Context, pool *pgxpool.Pool) error {
	q, err := queue(pool)
	if err != nil {
		return fmt.Errorf("%w: job queue: %w", ErrFailed, err)
	}
	if _, err := q.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("%w: job queue: %w", ErrFailed, err)
	}
	return nil
}

// Pending counts the migrations that Apply would apply, the job queue's
// included; 0 means the program may serve. It costs two short queries, so that a
// readiness check can ask each time. It does not compare digests.
func Pending(ctx context.Context, pool *pgxpool.Pool) (int, error) {
	all, err := files(embedded)
	if err != nil {
		return 0, err
	}
	applied, err := appliedFiles(ctx, pool)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, f := range all {
		if !applied[f.version] {
			n++
		}
	}
	q, err := queue(nil)
	if err != nil {
		return 0, err
	}
	done, err := versions(ctx, pool, `SELECT version::bigint FROM river_migration WHERE line = 'main'`)
	if err != nil {
		return 0, err
	}
	for _, m := range q.AllVersions() {
		if !done[int64(m.Version)] {
			n++
		}
	}
	return n, nil
}

// versions reads a column of version numbers. A missing table holds none.
func versions(ctx context.Context, pool *pgxpool.Pool, query string) (map[int64]bool, error) {
	set := map[int64]bool{}
	rows, _ := pool.Query(ctx, query) // CollectRows reports the error
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "42P01" {
		return set, nil
	}
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		set[v] = true
	}
	return set, nil
}
