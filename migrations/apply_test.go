package migrations_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/migrations"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// tree is a set of migration files.
func tree(nameText ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(nameText); i += 2 {
		fsys[nameText[i]] = &fstest.MapFile{Data: []byte(nameText[i+1])}
	}
	return fsys
}

const (
	one = "-- +goose Up\nCREATE TABLE one (n int);\nINSERT INTO one VALUES (1);\n"
	two = "-- +goose Up\nCREATE TABLE two (n int);\n"
)

func has(t *testing.T, pool *pgxpool.Pool, table string) bool {
	t.Helper()
	var found bool
	if err := pool.QueryRow(t.Context(), `SELECT to_regclass($1) IS NOT NULL`, table).Scan(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestApplyTheFilesOfThisProgram(t *testing.T) {
	t.Parallel()
	pool := pgtest.Empty(t)
	before, err := migrations.Pending(t.Context(), pool)
	if err != nil || before == 0 {
		t.Fatalf("pending before: %d, %v", before, err)
	}
	for range 2 {
		if err := migrations.Apply(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
	}
	after, err := migrations.Pending(t.Context(), pool)
	if err != nil || after != 0 {
		t.Errorf("pending after: %d, %v", after, err)
	}
	if !has(t, pool, "river_job") {
		t.Error("no job queue")
	}
}

func TestApplyAddsWhatIsNewOnly(t *testing.T) {
	t.Parallel()
	pool := pgtest.Empty(t)
	if err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one)); err != nil {
		t.Fatal(err)
	}
	if err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one, "0002_two.sql", two)); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM one`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("first file ran %d times, %v", rows, err)
	}
	// An older program meets a newer database during a rolling deployment.
	if err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one)); err != nil {
		t.Errorf("older program: %v", err)
	}
}

func TestApplyRefusesAChangedFile(t *testing.T) {
	t.Parallel()
	pool := pgtest.Empty(t)
	if err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one)); err != nil {
		t.Fatal(err)
	}
	err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one+" ", "0002_two.sql", two))
	if !errors.Is(err, migrations.ErrChanged) {
		t.Errorf("got %v", err)
	}
	if has(t, pool, "two") {
		t.Error("the second file was applied after the refusal")
	}
	if _, err := pool.Exec(t.Context(), `DELETE FROM migration_file`); err != nil {
		t.Fatal(err)
	}
	if err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one)); !errors.Is(err, migrations.ErrChanged) {
		t.Errorf("no digest: got %v", err)
	}
}

func TestApplyRefusesWhatIsNoMigration(t *testing.T) {
	t.Parallel()
	pool := pgtest.Empty(t)
	for name, fsys := range map[string]fstest.MapFS{
		"no number":     tree("one.sql", one),
		"number zero":   tree("0000_one.sql", one),
		"same number":   tree("0001_one.sql", one, "001_two.sql", two),
		"goes back":     tree("0001_one.sql", one+"-- +goose Down\nDROP TABLE one;\n"),
		"no mark":       tree("0001_one.sql", "CREATE TABLE one (n int);\n"),
		"marked twice":  tree("0001_one.sql", one+one),
		"from the host": tree("0001_one.sql", "-- +goose ENVSUB ON\n"+one),
	} {
		if err := migrations.ApplyFS(t.Context(), pool, fsys); !errors.Is(err, migrations.ErrBadFile) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if has(t, pool, "one") || has(t, pool, "migration_file") {
		t.Error("a refusal left something behind")
	}
}

func TestApplyRefusesAFileThatComesTooLate(t *testing.T) {
	t.Parallel()
	pool := pgtest.Empty(t)
	if err := migrations.ApplyFS(t.Context(), pool, tree("0002_two.sql", two)); err != nil {
		t.Fatal(err)
	}
	err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one, "0002_two.sql", two))
	if !errors.Is(err, migrations.ErrFailed) || has(t, pool, "one") {
		t.Errorf("got %v", err)
	}
}

func TestFailedFileLeavesNothingAndCanBeMended(t *testing.T) {
	t.Parallel()
	pool := pgtest.Empty(t)
	broken := "-- +goose Up\nCREATE TABLE two (n int);\nINSERT INTO two VALUES ('x');\n"
	err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one, "0002_two.sql", broken))
	if !errors.Is(err, migrations.ErrFailed) {
		t.Fatalf("got %v", err)
	}
	if !has(t, pool, "one") || has(t, pool, "two") {
		t.Error("want the first file applied and nothing of the second")
	}
	if err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one, "0002_two.sql", two)); err != nil {
		t.Errorf("mended file: %v", err)
	}
}

func TestManyAppliersDoTheWorkOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.Empty(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var rows int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM one`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("file ran %d times, %v", rows, err)
	}
}

func TestApplyWaitsForTheLockAsLongAsItsContext(t *testing.T) {
	t.Parallel()
	pool := pgtest.Empty(t)
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, migrations.LockKey); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = migrations.ApplyFS(ctx, pool, tree("0001_one.sql", one))
	if !errors.Is(err, migrations.ErrFailed) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if has(t, pool, "one") {
		t.Error("applied without the lock")
	}
	if _, err := conn.Exec(t.Context(), `SELECT pg_advisory_unlock($1)`, migrations.LockKey); err != nil {
		t.Fatal(err)
	}
	if err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one)); err != nil {
		t.Errorf("after the lock is free: %v", err)
	}
}

func TestApplyGivesUpOnATableInUse(t *testing.T) {
	t.Parallel()
	pool := pgtest.Empty(t)
	if err := migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one)); err != nil {
		t.Fatal(err)
	}
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE one IN ACCESS SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	busy := "-- +goose Up\nSET LOCAL lock_timeout = '100ms';\nALTER TABLE one ADD COLUMN m int;\n"
	err = migrations.ApplyFS(t.Context(), pool, tree("0001_one.sql", one, "0002_two.sql", busy))
	if !errors.Is(err, migrations.ErrFailed) {
		t.Errorf("got %v", err)
	}
}

func TestApplyWithAPoolOfOne(t *testing.T) {
	t.Parallel()
	cfg := pgtest.Empty(t).Config()
	cfg.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := migrations.Apply(t.Context(), pool); err != nil {
		t.Error(err)
	}
}

func TestPendingTellsADeadDatabase(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.NewWithConfig(t.Context(), pgtest.Empty(t).Config())
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	if _, err := migrations.Pending(t.Context(), pool); err == nil {
		t.Error("no error")
	}
	if err := migrations.Apply(t.Context(), closedServer(t)); !errors.Is(err, migrations.ErrFailed) {
		t.Errorf("got %v", err)
	}
}

// closedServer returns a pool on an address where nobody answers.
func closedServer(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), "postgres://x@127.0.0.1:1/x?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func TestFingerprintIsStable(t *testing.T) {
	t.Parallel()
	a, err := migrations.Fingerprint()
	if err != nil || len(a) != 16 {
		t.Fatalf("%q, %v", a, err)
	}
	if b, err := migrations.Fingerprint(); err != nil || a != b {
		t.Errorf("%q then %q, %v", a, b, err)
	}
}

func BenchmarkPending(b *testing.B) {
	pool := pgtest.New(b)
	for b.Loop() {
		if n, err := migrations.Pending(b.Context(), pool); err != nil || n != 0 {
			b.Fatal(n, err)
		}
	}
}
