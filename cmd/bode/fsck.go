package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ledger"
)

type fsckCmd struct {
	config
	Demo string `help:"Check a stopped demonstration that was kept in this directory." type:"existingdir"`
}

var errFaults = errors.New("faults were found")

// Run checks everything that is stored; exit status 1 when something is wrong.
func (c fsckCmd) Run(ctx context.Context, log *slog.Logger) error {
	if c.Demo != "" {
		return fsckDemo(ctx, c.Demo, os.Stdout)
	}
	a, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer a.pool.Close()
	return a.fsck(ctx, os.Stdout)
}

// fsckDemo opens what a demonstration left, without serving it.
func fsckDemo(ctx context.Context, dir string, w io.Writer) (err error) {
	pool, stop, err := demoDatabase(ctx, dir, discard())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	stands, err := startStandIns(dir, "http://127.0.0.1:1", discard())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stands.Close()) }()
	out, err := stands.outside(dir, "http://127.0.0.1:1", discard())
	if err != nil {
		return err
	}
	a, err := build(pool, out, discard())
	if err != nil {
		return err
	}
	return a.fsck(ctx, w)
}

// fsck holds events, states and content against each other, and every sealed
// document against our own verifier. It prints each fault and a last line.
func (a *app) fsck(ctx context.Context, w io.Writer) error {
	report := func(f delivery.Fault) { fmt.Fprintf(w, "message %s delivery %s: %s\n", f.Message, f.Delivery, f.What) }
	c, err := a.deliveries.Fsck(ctx, report)
	if err != nil {
		return err
	}
	tell := func(id, what string) { fmt.Fprintf(w, "evidence %s: %s\n", id, what) }
	sealed, pending, bad, err := a.ledger.Fsck(ctx, func(d ledger.Document) error {
		if r := a.verifier.check(d.XML, d.Beside); !r.OK() {
			return errors.New("XML: " + r.Failures())
		}
		if r := a.verifier.check(d.PDF, evidence.Beside{}); !r.OK() {
			return errors.New("PDF: " + r.Failures())
		}
		return nil
	}, tell)
	if err != nil {
		return err
	}
	logged, wrong, err := a.ledger.CheckLog(ctx, tell)
	if err != nil {
		return err
	}
	bad += wrong
	fmt.Fprintf(w, "fsck: %d deliveries, %d events, %d parts of content, %d sealed and %d unsealed pieces of evidence, a log of %d; %d faults\n",
		c.Deliveries, c.Events, c.Objects, sealed, pending, logged, c.Faults+bad)
	if c.Faults+bad > 0 {
		return errFaults
	}
	return nil
}
