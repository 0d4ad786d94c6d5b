package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ledger"
)

// benchLedger measures what happens to events after they were recorded, on a
// database that waits for the disk and with a time-stamp authority over HTTP.
type benchLedger struct {
	Deliveries int           `help:"Deliveries of 30 events that are sealed in a round." default:"20"`
	Pace       time.Duration `help:"How often a batch is closed." default:"5s"`
	Waiting    []int         `help:"Pieces that wait for a batch whose time is taken." default:"1000,4095"`
	Rounds     int           `help:"Rounds of every measurement." default:"3"`
	Profile    string        `help:"Write a CPU profile of the first part to this file." type:"path"`
}

// dossierEvents is how many events a delivery has.
const dossierEvents = 30

// Run measures the whole pipeline, then batches alone, then the verifier.
func (c benchLedger) Run(ctx context.Context, log *slog.Logger) (err error) {
	collectLess()
	y, err := openYard(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, y.Close()) }()
	if err := c.profiled(func() error { return c.pipeline(ctx, y) }); err != nil {
		return err
	}
	for _, n := range c.Waiting {
		var rates []float64
		for range c.Rounds {
			rate, err := y.batchOf(ctx, n)
			if err != nil {
				return err
			}
			rates = append(rates, rate)
		}
		mid := median(rates)
		say("median   batch of %4d: %6.0f entries/s (%.0f to %.0f), x %.1f of the 1000/s wanted", n, mid, rates[0], rates[len(rates)-1], mid/1000)
	}
	return y.verify(ctx, c.Rounds)
}

func (c benchLedger) profiled(do func() error) error {
	if c.Profile == "" {
		return do()
	}
	f, err := os.Create(c.Profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = do()
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}

// pipeline records events and lets the workers of one process make their
// evidence, batches at the pace of a real service.
func (c benchLedger) pipeline(ctx context.Context, y *yard) error {
	var rates, ours, theirs []float64
	for round := range c.Rounds {
		if err := y.record(ctx, c.Deliveries); err != nil {
			return err
		}
		one, err := opensslSignature(ctx, 2*time.Second)
		if err != nil {
			return err
		}
		stop, err := y.work(ctx, c.Pace)
		if err != nil {
			return err
		}
		before, err := y.meter(ctx)
		if err == nil {
			err = y.allSealed(ctx)
		}
		after, e := y.meter(ctx)
		if err := errors.Join(err, e, stop()); err != nil {
			return err
		}
		d := after.since(before)
		n := float64(d.sealed)
		rates, ours, theirs = append(rates, n/d.at.Seconds()), append(ours, us(d.service)/n), append(theirs, us(d.database)/n)
		say("round %d  %d pieces in %.1f s: %.1f/s; processor time of one: service %.0f µs, database %.0f µs (a signature of OpenSSL: %.1f µs); %d batches, %d tokens of their own",
			round+1, d.sealed, d.at.Seconds(), n/d.at.Seconds(), us(d.service)/n, us(d.database)/n, us(one), d.batches, d.tokens-d.batches)
	}
	mid, service, database := median(rates), median(ours), median(theirs)
	say("median   sealed evidence %.1f/s (%.1f to %.1f): %.1f million a day; processor time of one: service %.0f µs, database %.0f µs",
		mid, rates[0], rates[len(rates)-1], mid*86400/1e6, service, database)
	atPace := int(24 * time.Hour / c.Pace)
	say("tokens   1 million events a day, a batch every %s: at most %d for batches, however many events (limit 20000); %d more if all came at once",
		c.Pace, atPace, 1_000_000/ledger.MaxBatch)
	return nil
}

// work runs the jobs of the ledger, and closes batches at a pace, until the
// returned function is called.
func (y *yard) work(ctx context.Context, pace time.Duration) (stop func() error, err error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, ledger.SealWorker{Ledger: y.ledger})
	river.AddWorker(workers, ledger.FinishWorker{Ledger: y.ledger})
	cfg := jobsConfig(workers, nil, y.log)
	cfg.Queues = map[string]river.QueueConfig{ledger.Queue: cfg.Queues[ledger.Queue]}
	jobs, err := river.NewClient(riverpgxv5.New(y.pool), cfg)
	if err != nil {
		return nil, err
	}
	if err := jobs.Start(ctx); err != nil {
		return nil, err
	}
	inner, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { y.every(inner, "batches", pace, y.batch); close(done) }()
	return func() error { cancel(); <-done; return jobs.Stop(context.WithoutCancel(ctx)) }, nil
}

// allSealed waits until there is nothing more to do.
func (y *yard) allSealed(ctx context.Context) error {
	for {
		var left bool
		if err := y.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM erds_event e LEFT JOIN evidence v ON v.id = e.id WHERE v.sealed_at IS NULL)`).Scan(&left); err != nil || !left {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// batchOf lets n pieces wait and says how many entries a second their batch adds
// to the log: from asking for what waits to the end of the commit.
func (y *yard) batchOf(ctx context.Context, n int) (float64, error) {
	if err := y.wait(ctx, n); err != nil {
		return 0, err
	}
	before, err := y.meter(ctx)
	if err != nil {
		return 0, err
	}
	got, err := y.ledger.Batch(ctx)
	if err != nil || got != n {
		return 0, errors.Join(err, fmt.Errorf("a batch of %d, not %d", got, n))
	}
	after, err := y.meter(ctx)
	if err != nil {
		return 0, err
	}
	d := after.since(before)
	say("         batch of %4d: %.0f ms; processor time: service %.0f ms, database %.0f ms", n, ms(d.at), ms(d.service), ms(d.database))
	return float64(n) / d.at.Seconds(), nil
}

// verify takes the time of our verifier on the dossier of one delivery, with
// everything that was added to it later.
func (y *yard) verify(ctx context.Context, rounds int) error {
	if _, err := y.ledger.Complete(ctx, time.Now()); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := y.WriteDossier(ctx, &b, y.first); err != nil {
		return err
	}
	var walls, cpus []float64
	for range max(3, rounds) {
		began, before := time.Now(), spent()
		r := y.verifier.check(b.Bytes(), evidence.Beside{})
		if !r.OK() {
			return fmt.Errorf("dossier: %s", r.Failures())
		}
		walls, cpus = append(walls, ms(time.Since(began))), append(cpus, ms(spent()-before))
	}
	wall := median(walls)
	say("median   dossier of %d pieces, %d octets, verified in %.0f ms (%.0f to %.0f), processor time %.0f ms (at most 1000)", dossierEvents, b.Len(),
		wall, walls[0], walls[len(walls)-1], median(cpus))
	return nil
}

// reading is what was used and made so far.
type reading struct {
	at                time.Duration
	service, database time.Duration
	sealed            int
	batches, tokens   int
}

func (a reading) since(b reading) reading {
	return reading{a.at - b.at, a.service - b.service, a.database - b.database, a.sealed - b.sealed, a.batches - b.batches, a.tokens - b.tokens}
}

// meter reads everything.
func (y *yard) meter(ctx context.Context) (m reading, err error) {
	if m.database, err = spentBy(y.postmaster); err != nil {
		return m, err
	}
	m.service, m.at, m.tokens = spent(), time.Since(y.began), y.stands.authority.Requests()
	err = y.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM evidence WHERE sealed_at IS NOT NULL), (SELECT count(*) FROM evidence_batch)`).
		Scan(&m.sealed, &m.batches)
	return m, err
}

// tx is one transaction.
func (y *yard) tx(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, y.pool, do)
}
