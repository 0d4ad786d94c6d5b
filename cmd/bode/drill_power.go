package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// drillPower takes the power away from database and content.
type drillPower struct {
	Clients int           `help:"Connections that submit." default:"8"`
	Span    time.Duration `help:"Time before each cut, on average." default:"4s"`
	Rounds  int           `help:"Cuts while clients submit." default:"5"`
	Lives   int           `help:"Cuts while recipients decide, a partner takes letters and retentions end." default:"3"`
	Seed    uint64        `help:"Of the moments of the cuts; 0: a new one, which is printed."`
	Check   int           `help:"Run fsck after every so many cuts, and after the last." default:"5"`
}

// powered is a service with everything that it keeps on a disk of its own.
type powered struct {
	drillPower
	disk   *fragile
	bench  *bench
	lives  *lives
	random *rand.Rand
	told   map[string]string // of all rounds
}

// Run cuts, boots and counts: nothing acknowledged may be missing, neither row
// nor content, and nothing that people around the service were told. Then once more with fsync off, where something must be missing, or
// the cut was none.
func (c drillPower) Run(ctx context.Context, log *slog.Logger) error {
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	if inside, err := ownMounts(ctx); !inside {
		return err
	}
	say("power, seed %d: %d cuts while clients submit, %d while people decide, and one with fsync off", c.Seed, c.Rounds, c.Lives)
	if err := c.suffer(ctx, log); err != nil {
		return err
	}
	return c.control(ctx, log)
}

func (c drillPower) open(ctx context.Context, log *slog.Logger) (p *powered, err error) {
	dir, remove, err := demoDir("")
	if err != nil {
		return nil, err
	}
	p = &powered{drillPower: c, random: rand.New(rand.NewPCG(c.Seed, 0)), told: map[string]string{}}
	if p.disk, err = makeFragile(ctx, filepath.Join(dir, "disk"), 1<<30); err != nil {
		return nil, errors.Join(err, remove())
	}
	p.bench = &bench{dir: p.disk.dir, log: log}
	if p.lives, err = openLives(ctx, filepath.Join(p.disk.dir, "bode"), filepath.Join(dir, "printer")); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, p.start(ctx, nil)
}

// start starts the database on what is there.
func (p *powered) start(ctx context.Context, settings map[string]string) (err error) {
	p.bench.server, err = pgproc.Start(ctx, pgproc.Config{Dir: filepath.Join(p.disk.dir, "postgres"), Settings: settings, StartTimeout: 5 * time.Minute})
	return err
}

// Close ends everything and removes the disk.
func (p *powered) Close() error {
	var err error
	if p.bench.server != nil {
		err = p.bench.server.Stop(context.Background())
	}
	if p.lives != nil {
		err = errors.Join(err, p.lives.mailbox.Close())
	}
	return errors.Join(err, p.disk.Close(), os.RemoveAll(filepath.Dir(p.disk.dir)))
}

// suffer does the cuts.
func (c drillPower) suffer(ctx context.Context, log *slog.Logger) (err error) {
	p, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for round := range c.Rounds + c.Lives {
		span := c.Span/2 + time.Duration(p.random.Int64N(int64(c.Span)))
		what := ""
		if round < c.Rounds {
			n, err := p.press(ctx, fmt.Sprintf("POWER-%d", round), span)
			if err != nil {
				return err
			}
			what = fmt.Sprintf("after %d messages", n)
		} else {
			if err := p.play(ctx, span); err != nil {
				return err
			}
			what = "among people; they were told of " + p.lives.told()
		}
		if err := p.judge(ctx, round+1, what); err != nil {
			return err
		}
	}
	return nil
}

// judge boots and compares what is there with what was told.
func (p *powered) judge(ctx context.Context, round int, what string) error {
	began := time.Now()
	if err := errors.Join(p.disk.boot(ctx), p.start(ctx, nil)); err != nil {
		return fmt.Errorf("round %d: %w", round, err)
	}
	there, err := stored(ctx, p.bench.server.URL(), "POWER")
	if err != nil {
		return err
	}
	v := compare(p.told, there)
	say("round %d: cut %s; up again in %s; so far %s", round, what, time.Since(began).Round(time.Millisecond), v)
	if err := errors.Join(v.fault(p.Seed), p.lives.check(ctx, p.bench.server.URL())); err != nil {
		return fmt.Errorf("after round %d, seed %d: %w", round, p.Seed, err)
	}
	if round%max(1, p.Check) == 0 || round == p.Rounds+p.Lives {
		if err := fsckAgain(ctx, filepath.Join(p.disk.dir, "bode"), p.bench.server.URL()); err != nil {
			return fmt.Errorf("after round %d, seed %d: %w", round, p.Seed, err)
		}
	}
	return nil
}

// press lets clients submit until the power is cut, and returns how many messages
// were acknowledged.
func (p *powered) press(ctx context.Context, prefix string, span time.Duration) (int, error) {
	var s *senders
	err := p.cutAmid(ctx, span, func(ctx context.Context, service *subject) (wait func(), err error) {
		s = &senders{base: service.BaseURL, keys: service.Keys, prefix: prefix, documents: true, once: true}
		s.start(ctx, p.Clients)
		return s.clients.Wait, nil
	})
	if err != nil {
		return 0, err
	}
	for reference, number := range s.told {
		p.told[reference] = number
	}
	if len(s.told) == 0 {
		return 0, fmt.Errorf("%w: nothing was acknowledged before the cut", errNothingShown)
	}
	return len(s.told), nil
}

// play lets people decide until the power is cut: span after something of every
// kind was told.
func (p *powered) play(ctx context.Context, span time.Duration) error {
	return p.cutAmid(ctx, span, func(ctx context.Context, service *subject) (wait func(), err error) {
		wait = p.lives.live(ctx, service, p.Clients)
		return wait, p.lives.speak(ctx)
	})
}

// cutAmid starts a service, lets something go on for span, cuts the power in the
// middle of it, and waits until all of it has ended.
func (p *powered) cutAmid(ctx context.Context, span time.Duration, begin func(context.Context, *subject) (wait func(), err error)) error {
	service, err := p.bench.subject(ctx, "bode", p.bench.server.URL(), append(p.lives.flags(), "--keys", strconv.Itoa(benchKeyCount), "--workers")...)
	if err != nil {
		return err
	}
	// The throw-away authorities of the demonstration are written at each start, and
	// not synced: they are not what is tested.
	if err := p.disk.sync(ctx); err != nil {
		return err
	}
	pressing, stop := context.WithCancel(ctx)
	defer stop()
	wait, err := begin(pressing, service)
	if err := errors.Join(err, pause(ctx, span), p.mark()); err != nil {
		return err
	}
	database, err := postmasterIn(filepath.Join(p.disk.dir, "postgres", "data"))
	if err != nil {
		return err
	}
	if err := p.disk.cut(); err != nil {
		return err
	}
	// The disk answers nobody any more; what still runs goes with the machine.
	_, _, _ = service.cmd.Process.Kill(), killChildren(database.Pid), database.Kill()
	_ = p.bench.server.Stop(context.Background()) // lets go of its files
	p.bench.server = nil
	stop()
	_ = service.Close()
	wait()
	return nil
}

// mark writes a file that is not synced: it must be gone after the cut, or the
// cut is none.
func (p *powered) mark() error {
	return os.WriteFile(filepath.Join(p.disk.dir, "unsynced"), make([]byte, 4096), 0o600)
}

// control is one cut of a database that does not sync: it must lose something.
func (c drillPower) control(ctx context.Context, log *slog.Logger) (err error) {
	p, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	// Made and migrated in good order, so that only what is pressed can be lost.
	service, err := p.bench.subject(ctx, "bode", p.bench.server.URL())
	if err != nil {
		return err
	}
	if err := errors.Join(service.Close(), p.bench.server.Stop(ctx)); err != nil {
		return err
	}
	if err := p.start(ctx, map[string]string{"fsync": "off"}); err != nil {
		return err
	}
	n, err := p.press(ctx, "POWER-C", c.Span)
	if err != nil {
		return err
	}
	if err := p.disk.boot(ctx); err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Join(p.disk.dir, "unsynced")); err == nil && info.Size() > 0 {
		return fmt.Errorf("%w: a file that was not synced is still there", errNothingShown)
	}
	if err := p.start(ctx, nil); err != nil {
		say("control, fsync off: the database does not start again: lost %d of %d", n, n)
		return nil
	}
	there, err := stored(ctx, p.bench.server.URL(), "POWER")
	if err != nil {
		say("control, fsync off: the database cannot be read: lost %d of %d", n, n)
		return nil
	}
	v := compare(p.told, there)
	say("control, fsync off: lost %d of %d", v.lost, n)
	if v.lost == 0 {
		return fmt.Errorf("%w: with fsync off nothing was lost", errNothingShown)
	}
	return nil
}
