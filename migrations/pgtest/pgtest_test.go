package pgtest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/migrations"
	"github.com/bode-erds/bode/migrations/pgproc"
	"github.com/bode-erds/bode/migrations/pgtest"
)

func TestNewDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	a, b := pgtest.New(t), pgtest.New(t)
	if _, err := a.Exec(t.Context(), `CREATE TABLE only_here (n int)`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exec(t.Context(), `SELECT * FROM only_here`); err == nil {
		t.Error("b sees a's table")
	}
}

func TestNewIsMigratedAndEmptyIsNot(t *testing.T) {
	t.Parallel()
	if n, err := migrations.Pending(t.Context(), pgtest.New(t)); err != nil || n != 0 {
		t.Errorf("New: %d pending, %v", n, err)
	}
	if n, err := migrations.Pending(t.Context(), pgtest.Empty(t)); err != nil || n == 0 {
		t.Errorf("Empty: %d pending, %v", n, err)
	}
}

func TestRoleIsNoSuperuser(t *testing.T) {
	t.Parallel()
	if os.Getenv("TEST_DATABASE_URL") != "" {
		t.Skip("TEST_DATABASE_URL brings its own role")
	}
	var super bool
	const query = `SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user`
	if err := pgtest.New(t).QueryRow(t.Context(), query).Scan(&super); err != nil || super {
		t.Errorf("super %v, %v", super, err)
	}
}

// recorder is a test whose failures are looked at instead of counted.
type recorder struct {
	testing.TB
	failures []string
	cleanups []func()
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) end() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}

// exists asks another database of the server about name.
func exists(t *testing.T, name string) bool {
	t.Helper()
	var found bool
	const query = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
	if err := pgtest.Empty(t).QueryRow(t.Context(), query, name).Scan(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDatabaseGoesWithItsTest(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	name := pgtest.New(r).Config().ConnConfig.Database
	if !exists(t, name) {
		t.Fatal("never there")
	}
	r.end()
	if len(r.failures) > 0 || exists(t, name) {
		t.Errorf("still there, or %v", r.failures)
	}
}

func TestLeaksAreTold(t *testing.T) {
	t.Parallel()
	var forgotten sync.Map
	for name, leak := range map[string]func(*pgxpool.Pool) error{
		"acquired": func(pool *pgxpool.Pool) error {
			_, err := pool.Acquire(context.Background())
			return err
		},
		"transaction": func(pool *pgxpool.Pool) error {
			_, err := pool.Begin(context.Background())
			return err
		},
		"rows": func(pool *pgxpool.Pool) error {
			rows, err := pool.Query(context.Background(), `SELECT generate_series(1, 100000)`)
			if err == nil {
				rows.Next()
			}
			return err
		},
		"outside the pool": func(pool *pgxpool.Pool) error {
			conn, err := pgx.Connect(context.Background(), pool.Config().ConnString())
			forgotten.Store(pool, conn) // else the collector may close it first
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t}
			pool := pgtest.New(r)
			if err := leak(pool); err != nil {
				t.Fatal(err)
			}
			r.end()
			runtime.KeepAlive(&forgotten)
			if len(r.failures) != 1 || !strings.Contains(r.failures[0], "connections") {
				t.Errorf("told: %q", r.failures)
			}
			if exists(t, pool.Config().ConnConfig.Database) {
				t.Error("the database stays")
			}
		})
	}
}

// again runs tests of this binary in a process of their own.
func again(t *testing.T, run string, env ...string) (out string, err error) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run", run)
	cmd.Env = append(os.Environ(), env...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// place is a directory the server's user can reach when we are root.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "pgtest-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		runs, _ := filepath.Glob(filepath.Join(dir, "*", "run", "*"))
		for _, run := range runs {
			if err := pgproc.Remove(context.Background(), run); err != nil {
				t.Error(err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestProcessesShareTheCacheAndClearUp(t *testing.T) {
	t.Parallel()
	cache := filepath.Join(place(t), "cache")
	env := []string{"BODE_PGTEST_DIR=" + cache, "TEST_DATABASE_URL="}
	for range 2 {
		if out, err := again(t, "^TestNewIsMigrated", env...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	runs, err := filepath.Glob(filepath.Join(cache, "run", "*"))
	if err != nil || len(runs) != 1 {
		t.Errorf("want the second process's instance only, have %v, %v", runs, err)
	}
	schemas, err := filepath.Glob(filepath.Join(cache, "schema-*"))
	if err != nil || len(schemas) != 1 {
		t.Errorf("schemas: %v, %v", schemas, err)
	}
}

func TestGivenServerIsUsed(t *testing.T) {
	t.Parallel()
	s, err := pgproc.Start(t.Context(), pgproc.Config{Dir: filepath.Join(place(t), "x", "run", "inst"), Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	none := filepath.Join(place(t), "never-made")
	for range 2 {
		out, err := again(t, "^TestNew", "TEST_DATABASE_URL="+s.URL(), "BODE_PGTEST_DIR="+none)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a private server was made all the same")
	}
	pool, err := pgxpool.New(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var templates, left int
	const query = `SELECT count(*) FILTER (WHERE datname LIKE 'bode\_template%'), count(*) FILTER (WHERE datname LIKE 'bode\_test%') FROM pg_database`
	if err := pool.QueryRow(t.Context(), query).Scan(&templates, &left); err != nil || templates != 1 || left != 0 {
		t.Errorf("%d templates, %d databases left, %v", templates, left, err)
	}
}

func TestUnusableSurroundingsAreTold(t *testing.T) {
	t.Parallel()
	open := place(t)
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string][]string{
		"nobody answers":    {"TEST_DATABASE_URL=postgres://x@127.0.0.1:1/x"},
		"no address":        {"TEST_DATABASE_URL=:::"},
		"anybody can write": {"TEST_DATABASE_URL=", "BODE_PGTEST_DIR=" + open},
		"no programs":       {"TEST_DATABASE_URL=", "BODE_PG_BIN=/none", "BODE_PG_REPOSITORY=http://127.0.0.1:1", "XDG_CACHE_HOME=" + open},
	} {
		out, err := again(t, "^TestNewIsMigrated", env...)
		if err == nil || !strings.Contains(out, "pgtest: ") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		r := &recorder{TB: b}
		pgtest.New(r)
		r.end()
	}
}
