package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/delivery/submission"
	"github.com/bode-erds/bode/migrations"
)

type serveCmd struct {
	config
	NoWork bool `help:"Only answer; workers run elsewhere." env:"BODE_NO_WORK"`
}

// Run answers, and works, until ctx ends.
func (c serveCmd) Run(ctx context.Context, log *slog.Logger) error {
	collectLess()
	a, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer a.close()
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	parts := []func(context.Context) error{a.followKeys, func(ctx context.Context) error { return a.answer(ctx, l) }}
	if c.Admin != "" {
		own, err := net.Listen("tcp", c.Admin)
		if err != nil {
			return err
		}
		parts = append(parts, func(ctx context.Context) error { return a.admin(ctx, own) })
	}
	if c.EID.CardListen != "" {
		own, err := c.EID.tls()
		if err != nil {
			return err
		}
		cards, err := net.Listen("tcp", c.EID.CardListen)
		if err != nil {
			return err
		}
		parts = append(parts, func(ctx context.Context) error { return a.cards(ctx, cards, own) })
	}
	if c.Clients.Listen != "" {
		conf, err := c.Clients.tls()
		if err != nil {
			return err
		}
		software, err := net.Listen("tcp", c.Clients.Listen)
		if err != nil {
			return err
		}
		parts = append(parts, func(ctx context.Context) error { return a.withCertificates(ctx, software, conf) })
	}
	if !c.NoWork {
		parts = append(parts, a.work)
	}
	if c.Mails.Listen != "" {
		conf, err := c.Mails.tls()
		if err != nil {
			return err
		}
		mails, err := net.Listen("tcp", c.Mails.Listen)
		if err != nil {
			return err
		}
		parts = append(parts, func(ctx context.Context) error { return a.submission(ctx, mails, conf, c.Mails.Suffix) })
	}
	if c.Bounce.Listen != "" {
		back, err := net.Listen("tcp", c.Bounce.Listen)
		if err != nil {
			return err
		}
		parts = append(parts, func(ctx context.Context) error { return a.bounces(ctx, back, c.Bounce) })
	}
	log.InfoContext(ctx, "serving", "address", l.Addr().String(), "base_url", c.BaseURL, "work", !c.NoWork, "smtp", c.Mails.Listen, "bounces", c.Bounce.Listen)
	return together(ctx, parts...)
}

type workerCmd struct{ config }

// Run works until ctx ends.
func (c workerCmd) Run(ctx context.Context, log *slog.Logger) error {
	collectLess()
	a, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer a.close()
	parts := []func(context.Context) error{a.followKeys, a.work}
	if c.Admin != "" {
		own, err := net.Listen("tcp", c.Admin)
		if err != nil {
			return err
		}
		parts = append(parts, func(ctx context.Context) error { return a.admin(ctx, own) })
	}
	log.InfoContext(ctx, "working", "admin", c.Admin)
	return together(ctx, parts...)
}

// open connects to the database, which must be at this version, and wires the
// service.
func (c config) open(ctx context.Context, log *slog.Logger) (*app, error) {
	out, err := c.outside(ctx, log)
	if err != nil {
		return nil, err
	}
	pool, err := openPool(ctx, c.Database, out.tracing)
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

// together runs things until ctx ends or one of them fails, which ends the
// others.
func together(ctx context.Context, all ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(all))
	for _, run := range all {
		go func() {
			err := run(ctx)
			if err != nil {
				cancel()
			}
			ended <- err
		}()
	}
	var errs []error
	for range all {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// submission takes mails on l until ctx ends; without TLS on loopback only. suffix
// may be empty.
func (a *app) submission(ctx context.Context, l net.Listener, conf *tls.Config, suffix string) error {
	s, err := submission.New(submission.Config{Addr: l.Addr().String(), Deliveries: a.deliveries, Identity: a.identity, TLS: conf,
		Domain: a.out.host(), Suffix: suffix, Log: a.log})
	if err != nil {
		l.Close()
		return err
	}
	return a.drained(ctx, func() error { return s.Serve(l) }, func(drain context.Context) {
		if err := s.Shutdown(drain); err != nil {
			a.log.WarnContext(ctx, "mails were cut off", "err", err)
		}
	})
}
