package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// drillSoak lets two services on one database take messages while processes are
// killed and connections are cut.
type drillSoak struct {
	Clients int           `help:"Connections that submit." default:"8"`
	Span    time.Duration `help:"How long." default:"30m"`
	Every   time.Duration `help:"Time between two faults, on average." default:"5s"`
	Seed    uint64        `help:"Of the order of faults; 0: a new one, which is printed."`
}

// soak is the scene of a drillSoak.
type soak struct {
	*bench
	drillSoak
	random   *rand.Rand
	database *cutter // between the services and the database
	front    *cutter // between the clients and the services
	services [2]*subject
	done     map[string]int // faults, by name
}

// Run presses for Span, breaks something every now and then, lets everything
// come up again, and looks for what is missing, double or wrong.
func (c drillSoak) Run(ctx context.Context, log *slog.Logger) (err error) {
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	b, err := openBench(ctx, log, nil)
	if err != nil {
		return err
	}
	s := &soak{bench: b, drillSoak: c, random: rand.New(rand.NewPCG(c.Seed, 0)), done: map[string]int{}}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.open(ctx); err != nil {
		return err
	}
	say("soak for %s, a fault every %s or so, seed %d", c.Span, c.Every, c.Seed)
	pressing, stop := context.WithTimeout(ctx, c.Span)
	defer stop()
	p := submitStubbornly(pressing, "http://"+s.front.addr(), s.services[0].Keys, c.Clients)
	for pressing.Err() == nil {
		if pause(pressing, time.Duration(s.random.Int64N(int64(2*c.Every)))) != nil {
			break
		}
		if err := s.breakSomething(ctx); err != nil {
			return err
		}
	}
	p.clients.Wait()
	say("%d messages acknowledged, %d requests failed and were repeated, %d were sent again on purpose; faults: %v", len(p.numbers), p.failed, p.again, s.done)
	return s.judge(ctx, p)
}

// open starts the services behind connections that can be cut.
func (s *soak) open(ctx context.Context) (err error) {
	u, err := url.Parse(s.server.URL())
	if err != nil {
		return err
	}
	q := u.Query()
	if s.database, err = listenCutter("unix", filepath.Join(s.dir, ".s.PGSQL."+q.Get("port"))); err != nil {
		return err
	}
	s.database.lead("unix", filepath.Join(q.Get("host"), ".s.PGSQL."+q.Get("port")))
	if s.front, err = listenCutter("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	for i := range s.services {
		if err := s.serve(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// serve starts service i. Clients are led to all that run, in turn.
func (s *soak) serve(ctx context.Context, i int) (err error) {
	u, err := url.Parse(s.server.URL())
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set("host", s.dir)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	if s.services[i], err = s.subject(ctx, "bode", u.String(), "--keys", strconv.Itoa(benchKeyCount), "--workers"); err != nil {
		return err
	}
	s.front.lead("tcp", s.running()...)
	return nil
}

func (s *soak) running() (all []string) {
	for _, x := range s.services {
		if x != nil {
			all = append(all, strings.TrimPrefix(x.BaseURL, "http://"))
		}
	}
	return all
}

// breakSomething does one fault and mends it.
func (s *soak) breakSomething(ctx context.Context) error {
	switch n := s.random.IntN(10); {
	case n < 3:
		s.done["clients cut"]++
		s.front.cut()
	case n < 6:
		s.done["database cut"]++
		s.database.cut()
	case n < 9:
		i := s.random.IntN(len(s.services))
		s.done["service killed"]++
		old := s.services[i]
		s.services[i] = nil
		s.front.lead("tcp", s.running()...)
		if err := old.cmd.Process.Kill(); err != nil {
			return err
		}
		_ = old.Close() // killed, it says
		return s.serve(ctx, i)
	default:
		s.done["database killed"]++
		return s.restartDatabase(ctx)
	}
	return nil
}

// restartDatabase kills the server and starts it on what it left.
func (s *soak) restartDatabase(ctx context.Context) error {
	dir := filepath.Join(s.dir, "postgres")
	if err := killServer(filepath.Join(dir, "data")); err != nil {
		return err
	}
	<-s.server.Done()
	if err := s.server.Stop(ctx); err != nil {
		return err
	}
	server, err := pgproc.Start(ctx, pgproc.Config{Dir: dir, StartTimeout: 10 * time.Minute})
	if err == nil {
		s.server = server
	}
	return err
}

// Close ends everything.
func (s *soak) Close() error {
	for _, x := range s.services {
		if x != nil {
			_ = x.Close()
		}
	}
	for _, c := range []*cutter{s.database, s.front} {
		if c != nil {
			_ = c.close()
		}
	}
	return s.bench.Close()
}

const (
	sqlSoaked = `SELECT reference, array_agg(number ORDER BY number) FROM message WHERE reference LIKE 'SOAK-%' GROUP BY reference`
	// Sent twice without ever having been in doubt.
	sqlTwice = `SELECT count(*) FROM (SELECT notice_id FROM notify_attempt GROUP BY notice_id
		HAVING count(*) FILTER (WHERE outcome = 'sent') > 1 AND NOT bool_or(in_doubt)) AS n`
	sqlDoubt = `SELECT count(*), count(*) FILTER (WHERE in_doubt) FROM notify_attempt`
)

// judge compares what clients were told with what is there.
func (s *soak) judge(ctx context.Context, p *stubborn) error {
	pool, err := pgxpool.New(ctx, s.server.URL())
	if err != nil {
		return err
	}
	defer pool.Close()
	rows, err := pool.Query(ctx, sqlSoaked)
	if err != nil {
		return err
	}
	there := map[string][]string{}
	for rows.Next() {
		var reference string
		var numbers []string
		if err := rows.Scan(&reference, &numbers); err != nil {
			return err
		}
		there[reference] = numbers
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var lost, double, other int
	for reference, number := range p.numbers {
		switch got := there[reference]; {
		case len(got) == 0:
			lost++
		case len(got) > 1:
			double++
		case got[0] != number:
			other++
		}
	}
	var twice, attempts, doubt int
	if err := pool.QueryRow(ctx, sqlTwice).Scan(&twice); err != nil {
		return err
	}
	if err := pool.QueryRow(ctx, sqlDoubt).Scan(&attempts, &doubt); err != nil {
		return err
	}
	say("lost %d, double %d, answered with another number %d; %d attempts to tell somebody, %d in doubt, %d sent twice without doubt",
		lost, double, other, attempts, doubt, twice)
	for i, x := range s.services { // fsck is of what stands still
		_ = x.Close()
		s.services[i] = nil
	}
	faults := fsckAgain(ctx, filepath.Join(s.dir, "bode"), s.server.URL())
	say("fsck: %s", outcomeOf(faults))
	if lost+double+other+twice+p.wrong > 0 {
		faults = errors.Join(faults, fmt.Errorf("%w, or double: seed %d", errLost, s.Seed))
	}
	return faults
}
