package pgtest

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/migrations"
)

// server is where the databases of this process's tests are.
type server struct {
	url   string
	admin *pgxpool.Pool // on a database no test touches

	mu   sync.Mutex
	have map[string]bool // templates known to be complete
}

// shared is the server of this process. A process variable, because the tests of
// a package have nothing else in common; the server lives exactly as long.
var shared = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if url := given(); url != "" {
		return attach(ctx, url)
	}
	url, err := startPrivate(ctx)
	if err != nil {
		return nil, err
	}
	return attach(ctx, url)
})

// attach connects to a running server.
func attach(ctx context.Context, url string) (*server, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 4
	admin, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := admin.Ping(ctx); err != nil {
		admin.Close()
		return nil, fmt.Errorf("test server: %w", err)
	}
	return &server{url: url, admin: admin, have: map[string]bool{}}, nil
}

// templateLock is the advisory lock under which a template is made: "bodetmpl".
const templateLock int64 = 0x626f6465746d706c

// template returns the database with the schema fingerprint, making it when the
// server has none. The mark IS_TEMPLATE is set last: with it, it is complete.
func (s *server) template(ctx context.Context, fingerprint string) (string, error) {
	name := "bode_template_" + fingerprint
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.have[name] {
		return name, nil
	}
	conn, err := s.admin.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, templateLock); err != nil {
		return "", err
	}
	defer conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, templateLock)

	var complete bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)`, name).Scan(&complete)
	if err != nil {
		return "", err
	}
	if !complete {
		if err := s.makeTemplate(ctx, conn.Conn(), name); err != nil {
			return "", fmt.Errorf("schema for the tests: %w", err)
		}
	}
	s.have[name] = true
	return name, nil
}

func (s *server) makeTemplate(ctx context.Context, admin *pgx.Conn, name string) error {
	if _, err := admin.Exec(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`); err != nil {
		return err
	}
	if _, err := admin.Exec(ctx, `CREATE DATABASE `+name+` TEMPLATE template0`); err != nil {
		return err
	}
	pool, err := connect(ctx, s.url, name, nil)
	if err != nil {
		return err
	}
	err = migrations.Apply(ctx, pool)
	pool.Close()
	if err != nil {
		return err
	}
	// Nobody may connect any more: a connected database cannot be copied.
	_, err = admin.Exec(ctx, `ALTER DATABASE `+name+` ALLOW_CONNECTIONS false IS_TEMPLATE true`)
	return err
}
