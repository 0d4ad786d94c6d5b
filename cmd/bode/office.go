package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// desk is what every command of an operator takes: the database and the
// service's own keys, and nothing of mail, seals or providers.
type desk struct {
	sources
	store
}

// office is the part of a service that an operator's commands act on.
type office struct {
	identity     *identity.Service
	deliveries   *delivery.Service
	suppressions *notify.Suppressions
}

// at opens the office, lets work happen in it, and closes it.
func (d desk) at(ctx context.Context, log *slog.Logger, work func(office) error) error {
	if d.Database == "" {
		return fmt.Errorf("%w: --database: where everything is kept", errUsage)
	}
	if d.Secrets == "" {
		return fmt.Errorf("%w: --secrets: keys of links, codes, digests and stored secrets", errUsage)
	}
	keys, err := loadSecrets(filepath.Clean(d.Secrets), false)
	if err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	pool, err := openPool(ctx, d.Database, nil)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := atThisVersion(ctx, pool); err != nil {
		return err
	}
	o, err := openOffice(pool, keys, log)
	if err != nil {
		return err
	}
	return work(o)
}

func openOffice(pool *pgxpool.Pool, keys secrets, log *slog.Logger) (o office, err error) {
	box, err := identity.NewBox(keys.box)
	if err != nil {
		return o, err
	}
	if o.suppressions, err = keys.suppressions(pool); err != nil {
		return o, err
	}
	notices, err := notify.New(notify.Config{})
	if err != nil {
		return o, err
	}
	jobs, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(quieter{log.Handler()})}) // hands work over, and does none
	if err != nil {
		return o, err
	}
	notices.UseJobs(jobs)
	if o.identity, err = identity.New(identity.Config{Pool: pool, Box: box, DigestKey: keys.digest, Logger: log, Teller: notes{notices}}); err != nil {
		return o, err
	}
	// Holds touch rows only. The parts that submit, tell and keep content are not
	// there: a command that came to use one would panic in its first test.
	o.deliveries, err = delivery.New(delivery.Config{Pool: pool, Identities: o.identity, LinkKey: keys.link,
		Journal: struct{ delivery.Journal }{}, Notices: struct{ delivery.Notices }{}, Outbox: struct{ delivery.Outbox }{},
		Vault: struct{ delivery.Vault }{}, Box: struct{ delivery.Box }{}, Codes: struct{ delivery.Codes }{},
		BaseURL: "http://127.0.0.1", Service: "Bode", Log: log})
	return o, err
}
