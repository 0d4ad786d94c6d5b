// Package pgtest gives each test a PostgreSQL database of its own, with this
// program's schema and nothing in it.
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		pool := pgtest.New(t)
//		…
//	}
//
// The first call in a test process starts a private server, which ends with the
// process however that ends. It is a copy of a cluster that is made once per
// schema and kept in a cache for all packages, so a process pays a copy and a
// start, and a test pays a CREATE DATABASE. The server gives up durability; all
// else, row-level security included, is as in production: the role of the tests
// owns its databases and is no superuser.
//
// TEST_DATABASE_URL names another server to use instead; its role needs
// CREATEDB and CREATEROLE. BODE_PGTEST_DIR moves the cache.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/migrations"
)

// maxConns is the size of each test's pool.
const maxConns = 10

// patience bounds every step of setting up and clearing away.
const patience = time.Minute

// New returns a pool on a fresh database with the schema of this program. The
// database goes when the test ends; a connection still in use then fails it.
// The address, for code that connects by itself, is pool.Config().ConnString().
// What the program does to the configuration of its pool is done to this one too.
func New(t testing.TB, as ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	return open(t, as, func(ctx context.Context, s *server) (string, error) {
		fingerprint, err := migrations.Fingerprint()
		if err != nil {
			return "", err
		}
		return s.template(ctx, fingerprint)
	})
}

// Empty is New without the schema, for tests of the migrations themselves.
func Empty(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return open(t, nil, func(context.Context, *server) (string, error) { return "template0", nil })
}

// open makes a database from the template that pick names.
func open(t testing.TB, as []func(*pgxpool.Config), pick func(context.Context, *server) (string, error)) *pgxpool.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := shared()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	template, err := pick(ctx, s)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := "bode_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := s.admin.Exec(ctx, `CREATE DATABASE `+name+` TEMPLATE `+template); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	pool, err := connect(ctx, s.url, name, as)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() { s.clear(t, pool, name) })
	return pool
}

// connect opens a pool on the database name of the server at base.
func connect(ctx context.Context, base, name string, as []func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("address of the test server: %w", err)
	}
	u.Path = "/" + name
	cfg, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = maxConns
	for _, change := range as {
		change(cfg)
	}
	return pgxpool.NewWithConfig(ctx, cfg)
}

// clear is the post-flight check: no connection of the test is in use, none is
// left on its database. Then the database goes, whatever the check found.
func (s *server) clear(t testing.TB, pool *pgxpool.Pool, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	// Close would wait for a leaked connection for ever.
	closed := make(chan struct{})
	go func() { pool.Close(); close(closed) }()
	grace := time.NewTimer(2 * time.Second)
	defer grace.Stop()
	select {
	case <-closed:
		if left := s.connections(ctx, name); left != "" {
			t.Errorf("pgtest: the test left connections open outside its pool: %s", left)
		}
	case <-grace.C:
		t.Errorf("pgtest: %d connections of the pool were never released: %s",
			pool.Stat().AcquiredConns(), s.connections(ctx, name))
	}
	if _, err := s.admin.Exec(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`); err != nil {
		t.Errorf("pgtest: %v", err)
	}
}

// connections describes who is still connected to the database name, once those
// that are on their way out have had time to go.
func (s *server) connections(ctx context.Context, name string) string {
	const query = `
SELECT coalesce(string_agg(format('%s %s: %s', application_name, state, left(query, 120)), '; '), '')
FROM pg_stat_activity WHERE datname = $1`
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var left string
	for range 100 {
		if err := s.admin.QueryRow(ctx, query, name).Scan(&left); err != nil {
			return err.Error()
		}
		if left == "" {
			return ""
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return left
		}
	}
	return left
}

// given returns the server that the environment names.
func given() string { return os.Getenv("TEST_DATABASE_URL") }
