package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// drillUpgrade replaces the instances of a service one after the other while
// clients use it, and counts the requests that failed: there may be none.
type drillUpgrade struct {
	Old       string        `help:"Program of the release before; empty: this one. The database is migrated by this one while that one runs." type:"existingfile"`
	Instances int           `help:"Instances behind the balancer." default:"2"`
	Clients   int           `help:"Connections that submit and read." default:"4"`
	Lead      time.Duration `help:"How long an instance that is told to stop still answers, as BODE_DRAIN." default:"3s"`
	Probe     time.Duration `help:"How often the balancer asks who is ready." default:"500ms"`
	Rough     bool          `help:"Stop instances without a lead: then requests must fail, or the drill shows nothing."`
}

// upgrade is the scene of a drillUpgrade.
type upgrade struct {
	*bench
	drillUpgrade
	front    *balancer
	services []*subject
	load     *visitors
}

var errFailedRequests = errors.New("requests failed during the upgrade")

// Run starts the old instances, presses, migrates, replaces each and judges.
func (c drillUpgrade) Run(ctx context.Context, log *slog.Logger) (err error) {
	b, err := openBench(ctx, log, nil)
	if err != nil {
		return err
	}
	u := &upgrade{bench: b, drillUpgrade: c, services: make([]*subject, c.Instances)}
	defer func() { err = errors.Join(err, u.Close()) }()
	if u.front, err = listenBalancer(ctx, "127.0.0.1:0", c.Probe); err != nil {
		return err
	}
	for i := range u.services {
		if err := u.start(ctx, i, c.Old); err != nil {
			return err
		}
	}
	if err := u.await(ctx, len(u.services)); err != nil {
		return err
	}
	pressing, stop := context.WithCancel(ctx)
	defer stop()
	u.load = visitAll(pressing, "http://"+u.front.addr(), u.services[0].Keys, c.Clients)
	if err := u.replaceAll(ctx); err != nil {
		return err
	}
	stop()
	u.load.clients.Wait()
	return u.judge(ctx)
}

// replaceAll is the upgrade as docs/operations.md has it: migrate first, then one
// instance after the other.
func (u *upgrade) replaceAll(ctx context.Context) error {
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	began := time.Now()
	migrate := exec.CommandContext(ctx, self, "migrate", "--database", u.server.URL())
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("migrate: %w: %s", err, out)
	}
	say("migrated in %.1f s; %d requests answered, %d failed so far", time.Since(began).Seconds(), u.load.answered(), u.load.failures())
	for i := range u.services {
		told := time.Now()
		if err := u.services[i].Close(); err != nil {
			return fmt.Errorf("instance %d did not end well: %w", i, err)
		}
		ended := time.Since(told)
		if err := u.start(ctx, i, ""); err != nil {
			return err
		}
		if err := u.await(ctx, len(u.services)); err != nil {
			return err
		}
		say("instance %d: gone %.1f s after it was told, another in its place %.1f s later; %d requests answered, %d failed so far",
			i, ended.Seconds(), time.Since(told).Seconds()-ended.Seconds(), u.load.answered(), u.load.failures())
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// start starts instance i, of another program if one is named.
func (u *upgrade) start(ctx context.Context, i int, program string) (err error) {
	lead := u.Lead
	if u.Rough {
		lead = 0
	}
	u.services[i], err = u.subjectOf(ctx, program, "bode", u.server.URL(), "--keys", strconv.Itoa(benchKeyCount), "--workers", "--lead", lead.String())
	if err != nil {
		return err
	}
	var all []string
	for _, s := range u.services {
		if s != nil {
			all = append(all, strings.TrimPrefix(s.BaseURL, "http://"))
		}
	}
	u.front.lead(all...)
	return nil
}

// await waits until n instances get requests.
func (u *upgrade) await(ctx context.Context, n int) error {
	return eventually(ctx, func() (bool, error) { return u.front.serving() == n, nil })
}

// judge counts.
func (u *upgrade) judge(ctx context.Context) error {
	there, err := references(ctx, u.server.URL())
	if err != nil {
		return err
	}
	lost := u.load.acked.missing(there, time.Time{})
	say("%d requests answered, %d of them slow uploads, %d failed; lost %d of %d acknowledged",
		u.load.answered(), u.load.uploads(), u.load.failures(), lost, u.load.acked.count(time.Time{}))
	for i, s := range u.services { // fsck is of what stands still
		err = errors.Join(err, s.Close())
		u.services[i] = nil
	}
	faults := fsckAgain(ctx, filepath.Join(u.dir, "bode"), u.server.URL())
	say("fsck: %s", outcomeOf(faults))
	if lost > 0 {
		faults = errors.Join(faults, errLost)
	}
	if n := u.load.failures(); n > 0 {
		faults = errors.Join(faults, fmt.Errorf("%w: %d, the first: %w", errFailedRequests, n, u.load.first))
	}
	return errors.Join(err, faults)
}

// references are those of every message.
func references(ctx context.Context, database string) ([]string, error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT reference FROM message WHERE reference <> ''`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Close ends everything.
func (u *upgrade) Close() error {
	for _, s := range u.services {
		if s != nil {
			_ = s.Close()
		}
	}
	if u.front != nil {
		_ = u.front.close()
	}
	return u.bench.Close()
}
