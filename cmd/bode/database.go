package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/identity"
)

// openPool connects and makes sure that the server answers. traces may be nil.
func openPool(ctx context.Context, url string, traces *tracing) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	if cfg.MaxConns < 24 {
		cfg.MaxConns = 24 // workers of every queue, and requests beside them
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "bode"
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if traces != nil {
		cfg.ConnConfig.Tracer = sqlTracer{traces}
	}
	identity.Wall(cfg)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("database does not answer: %w", err)
	}
	return pool, nil
}
