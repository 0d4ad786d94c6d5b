package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/migrations"
)

type serveCmd struct {
	config
	NoWork bool `help:"Only answer; workers run elsewhere." env:"BODE_NO_WORK"`
}

// Run answers, and works, until ctx ends.
func (c serveCmd) Run(ctx context.Context, log *slog.Logger) error {
	a, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer a.pool.Close()
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "serving", "address", l.Addr().String(), "base_url", c.BaseURL, "work", !c.NoWork)
	if c.NoWork {
		return a.serve(ctx, l)
	}
	return both(ctx, func(ctx context.Context) error { return a.serve(ctx, l) }, a.work)
}

type workerCmd struct{ config }

// Run works until ctx ends.
func (c workerCmd) Run(ctx context.Context, log *slog.Logger) error {
	a, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer a.pool.Close()
	log.InfoContext(ctx, "working")
	return a.work(ctx)
}

type migrateCmd struct {
	Database string `help:"PostgreSQL address." env:"DATABASE_URL" required:""`
}

// Run brings the database to this version.
func (c migrateCmd) Run(ctx context.Context, log *slog.Logger) error {
	pool, err := openPool(ctx, c.Database)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Apply(ctx, pool); err != nil {
		return err
	}
	log.InfoContext(ctx, "database is at this version")
	return nil
}

// open connects to the database, which must be at this version, and wires the
// service.
func (c config) open(ctx context.Context, log *slog.Logger) (*app, error) {
	out, err := c.outside(ctx, log)
	if err != nil {
		return nil, err
	}
	pool, err := openPool(ctx, c.Database)
	if err != nil {
		return nil, err
	}
	if err := atThisVersion(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	a, err := build(pool, out, log)
	if err != nil {
		pool.Close()
	}
	return a, err
}

func atThisVersion(ctx context.Context, pool *pgxpool.Pool) error {
	n, err := migrations.Pending(ctx, pool)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d migrations are pending: run bode migrate", n)
	}
	return err
}

// both runs two things until ctx ends or one of them fails, which ends the
// other.
func both(ctx context.Context, f, g func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	for _, run := range []func(context.Context) error{f, g} {
		go func() {
			err := run(ctx)
			if err != nil {
				cancel()
			}
			ended <- err
		}()
	}
	return errors.Join(<-ended, <-ended)
}
