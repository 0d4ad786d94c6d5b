package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// drillFailover loses the primary of a pair.
type drillFailover struct {
	Clients int           `help:"Connections that submit." default:"8"`
	Span    time.Duration `help:"Time before and after the loss." default:"10s"`
	Seed    uint64        `help:"Of the moment of the loss; 0: a new one, which is printed."`
	Bound   time.Duration `help:"Longest time without answers." default:"60s"`
	Async   bool          `help:"Do not wait for the standby: then something may be lost."`
}

// pair is a primary and a standby that follows it.
type pair struct {
	*bench
	standby *pgproc.Server
	admin   [2]string // addresses of the superuser, the primary's first
}

// Run presses, kills every process of the primary at once, promotes the standby
// and compares. Nothing tells the service: its address names both servers and
// asks for the one that takes writes.
func (c drillFailover) Run(ctx context.Context, log *slog.Logger) (err error) {
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	random := rand.New(rand.NewPCG(c.Seed, 0))
	b, err := openBench(ctx, log, map[string]string{"wal_keep_size": "512MB", "max_wal_senders": "10"})
	if err != nil {
		return err
	}
	p := &pair{bench: b}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := p.follow(ctx, !c.Async); err != nil {
		return err
	}
	both, err := p.address()
	if err != nil {
		return err
	}
	service, err := b.subject(ctx, "bode", both, "--keys", strconv.Itoa(benchKeyCount), "--workers")
	if err != nil {
		return err
	}
	closed := false
	defer func() {
		if !closed {
			_ = service.Close()
		}
	}()
	say("failover, seed %d: primary and standby, waiting for both: %t", c.Seed, !c.Async)
	pressing, stop := context.WithCancel(ctx)
	defer stop()
	s := &senders{base: service.BaseURL, keys: service.Keys, prefix: "FAIL", documents: true}
	s.start(pressing, c.Clients)
	if err := pause(ctx, c.Span/2+time.Duration(random.Int64N(int64(c.Span)))); err != nil {
		return err
	}
	before, began := s.count(), time.Now()
	promoted, err := p.failOver(ctx)
	if err != nil {
		return err
	}
	if err := pause(ctx, c.Span); err != nil {
		return err
	}
	stop()
	s.clients.Wait()
	gap := s.gap(began)
	say("primary killed after %d messages; standby took over after %s; %s without answers; %d more messages; answers by status %v",
		before, promoted.Round(time.Millisecond), gap.Round(time.Millisecond), s.count()-before, s.answers())
	closed = true
	_ = service.Close() // it may say that a connection broke
	return c.judge(ctx, p, s, gap, before)
}

// judge compares, and asks the old primary whether it would still promise anything.
func (c drillFailover) judge(ctx context.Context, p *pair, s *senders, gap time.Duration, before int) error {
	there, err := stored(ctx, p.standby.URL(), "FAIL")
	if err != nil {
		return err
	}
	v := compare(s.told, there)
	faults := fsckAgain(ctx, filepath.Join(p.dir, "bode"), p.standby.URL())
	say("%s; fsck: %s", v, outcomeOf(faults))
	faults = errors.Join(faults, v.fault(c.Seed))
	if s.count() == before {
		faults = errors.Join(faults, fmt.Errorf("%w: nothing was acknowledged after the loss", errSlow))
	}
	if gap > c.Bound {
		faults = errors.Join(faults, fmt.Errorf("%w: %s without answers", errSlow, gap))
	}
	if c.Async {
		return faults
	}
	promises, err := p.oldPromises(ctx)
	if err != nil {
		return errors.Join(faults, err)
	}
	say("the old primary, started again by mistake, acknowledges a write: %t", promises)
	if promises {
		faults = errors.Join(faults, fmt.Errorf("%w: two primaries", errLost))
	}
	return faults
}

// follow makes the standby and lets the primary wait for it.
func (p *pair) follow(ctx context.Context, wait bool) error {
	found, err := pgproc.Find(ctx, pgproc.Search{})
	if err != nil {
		return err
	}
	if p.admin[0], err = superuser(p.server.URL()); err != nil {
		return err
	}
	base := filepath.Join(p.dir, "base")
	data := filepath.Join(base, "data")
	if err := os.MkdirAll(base, 0o700); err != nil {
		return err
	}
	if out, err := serverTool(ctx, found.Dir, "pg_basebackup", p.admin[0], "--pgdata="+data, "--wal-method=stream", "--checkpoint=fast").CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	password, err := os.ReadFile(filepath.Join(p.dir, "postgres", "password"))
	if err != nil {
		return err
	}
	u, err := url.Parse(p.admin[0])
	if err != nil {
		return err
	}
	line := fmt.Sprintf("\nprimary_conninfo = 'host=''%s'' port=%s user=postgres password=%s application_name=standby'\n",
		u.Query().Get("host"), u.Query().Get("port"), strings.TrimSpace(string(password)))
	for path, text := range map[string]string{filepath.Join(data, "standby.signal"): "", filepath.Join(data, "postgresql.auto.conf"): line,
		filepath.Join(base, "password"): string(password)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	if p.standby, err = pgproc.Start(ctx, pgproc.Config{Dir: filepath.Join(p.dir, "standby"), From: base, Standby: true}); err != nil {
		return err
	}
	if p.admin[1], err = superuser(p.standby.URL()); err != nil || !wait {
		return err
	}
	return execAll(ctx, p.admin[0], `ALTER SYSTEM SET synchronous_standby_names = 'standby'`, `SELECT pg_reload_conf()`)
}

// superuser is the address of a private server for who may do everything there.
func superuser(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	password, _ := u.User.Password()
	u.User, u.Path = url.UserPassword("postgres", password), "/postgres"
	return u.String(), nil
}

func execAll(ctx context.Context, address string, all ...string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range all {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// address names both servers and asks for the one that takes writes.
func (p *pair) address() (string, error) {
	one, err := url.Parse(p.server.URL())
	if err != nil {
		return "", err
	}
	two, err := url.Parse(p.standby.URL())
	if err != nil {
		return "", err
	}
	q := one.Query()
	q.Set("host", q.Get("host")+","+two.Query().Get("host"))
	q.Set("port", q.Get("port")+","+two.Query().Get("port"))
	q.Set("target_session_attrs", "read-write")
	one.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return one.String(), nil
}

// failOver kills the primary and promotes the standby, and says how long it took.
func (p *pair) failOver(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := killServer(filepath.Join(p.dir, "postgres", "data")); err != nil {
		return 0, err
	}
	<-p.server.Done()
	if err := execAll(ctx, p.admin[1], `SELECT pg_promote(true, 60)`); err != nil {
		return 0, err
	}
	if err := promoted(ctx, p.standby.URL()); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// oldPromises starts the old primary as somebody might by mistake, and reports
// whether it acknowledges a write: it must not, as its standby does not follow.
func (p *pair) oldPromises(ctx context.Context) (bool, error) {
	if err := p.server.Stop(ctx); err != nil {
		return false, err
	}
	old, err := pgproc.Start(ctx, pgproc.Config{Dir: filepath.Join(p.dir, "postgres"), StartTimeout: 5 * time.Minute})
	if err != nil {
		return false, err
	}
	p.server = old
	soon, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err = execAll(soon, p.admin[0], `CREATE TABLE promised ()`)
	return err == nil, nil
}

// Close ends both.
func (p *pair) Close() error {
	var err error
	if p.standby != nil {
		err = p.standby.Stop(context.Background())
	}
	return errors.Join(err, p.bench.Close())
}
