package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/evidence/tsp"
	"github.com/bode-erds/bode/notify/smtp"
)

// sayDatabase says whether the database is one that keeps what it confirms.
func (c config) sayDatabase(ctx context.Context, r *findings) {
	if c.Database == "" {
		return
	}
	pool, err := openPool(ctx, c.Database, nil)
	r.say("database answers", err, "docs/runbooks/database.md")
	if err != nil {
		return
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	r.say("database is at this version", atThisVersion(ctx, pool), "bode migrate, with the program of this version, while older processes still run")
	server, err := askServer(ctx, pool)
	r.say("database says how it is set", err, "docs/runbooks/database.md")
	if err != nil {
		return
	}
	r.say("database keeps what it confirms", server.durable(), "set it in postgresql.conf and restart; what was confirmed meanwhile may be lost in a crash")
	r.say("clocks of database and this machine agree", server.punctual(), "let both follow the same time server (chrony); moves stop while clocks disagree")
	if !server.checksums {
		r.note("the database has no checksums: a damaged page is found late (pg_checksums --enable)")
	}
	if server.superuser {
		r.note("the role of the database is a superuser: give the service one that owns its schema only")
	}
	if server.connections < 50 {
		r.note("the database takes %d connections, and each process of ours uses up to 24", server.connections)
	}
}

// databaseState is what a server says of itself.
type databaseState struct {
	version                       int
	fsync, pages, commit, vacuum  string
	standby, checksums, superuser bool
	connections                   int
	age                           int64 // transactions since the oldest that was not frozen
	skew, exact                   time.Duration
}

const sqlServer = `
SELECT current_setting('server_version_num')::int, current_setting('fsync'), current_setting('full_page_writes'),
       current_setting('synchronous_commit'), current_setting('autovacuum'), pg_is_in_recovery(), current_setting('data_checksums') = 'on',
       current_setting('max_connections')::int, coalesce((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), false),
       (SELECT max(age(datfrozenxid)) FROM pg_database)::bigint`

func askServer(ctx context.Context, pool *pgxpool.Pool) (s databaseState, err error) {
	if err = pool.QueryRow(ctx, sqlServer).Scan(&s.version, &s.fsync, &s.pages, &s.commit, &s.vacuum, &s.standby, &s.checksums,
		&s.connections, &s.superuser, &s.age); err != nil {
		return s, err
	}
	var theirs time.Time
	asked := time.Now()
	if err = pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&theirs); err != nil {
		return s, err
	}
	s.exact = time.Since(asked) / 2
	s.skew = theirs.Sub(asked.Add(s.exact))
	return s, nil
}

// durable says which settings let a confirmed message be lost, or the server stop.
func (s databaseState) durable() error {
	var errs []error
	for _, must := range []struct {
		ok  bool
		why string
	}{
		{s.version >= 150000, fmt.Sprintf("PostgreSQL %d is older than 15", s.version/10000)},
		{s.fsync == "on", "fsync is " + s.fsync + ": a crash loses what was confirmed"},
		{s.pages == "on", "full_page_writes is " + s.pages + ": a crash can damage pages"},
		{s.commit != "off" && s.commit != "local", "synchronous_commit is " + s.commit + ": a crash, or a fail-over, loses what was confirmed"},
		{s.vacuum == "on", "autovacuum is " + s.vacuum + ": the server will stop taking writes"},
		{!s.standby, "this is a standby: nothing can be written"},
		{s.age < 1_500_000_000, fmt.Sprintf("the oldest transaction is %d back, and at 2 000 000 000 the server stops: look for what holds back vacuum", s.age)},
	} {
		if !must.ok {
			errs = append(errs, errors.New(must.why))
		}
	}
	return errors.Join(errs...)
}

// maxSkew is how far two clocks may be apart, as in [delivery.ErrClock].
const maxSkew = 2 * time.Second

func (s databaseState) punctual() error {
	if s.skew.Abs() > maxSkew+s.exact {
		return fmt.Errorf("they differ by %s", s.skew.Round(time.Millisecond))
	}
	return nil
}

// sayAuthorities asks every time-stamp authority by itself: while the first
// answers nobody would see that the second does not. It costs a token each.
func (c config) sayAuthorities(ctx context.Context, r *findings, out outside) {
	if out.trustDir == "" {
		return
	}
	for _, u := range c.Seal.TSA {
		stamper, err := tsp.New(tsp.Config{Authorities: []tsp.Authority{{Name: origin(u), URL: u}}, Trust: out.engine.Trust, Log: discard()})
		if err == nil {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
			imprint := sha256.Sum256([]byte(time.Now().String()))
			_, err = stamper.Stamp(ctx, imprint[:])
			cancel()
		}
		r.say("time-stamp authority "+origin(u)+" stamps", err, "docs/runbooks/time-stamp-authority.md")
	}
}

// sayRelays signs in at every relay.
func (c config) sayRelays(ctx context.Context, r *findings, out outside) {
	relays, err := c.relays(out.secrets.bounce)
	if err != nil {
		return // said already
	}
	for _, conf := range relays {
		t, err := smtp.New(conf)
		if err == nil {
			ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
			err = t.Check(ctx)
			cancel()
		}
		r.say("relay "+conf.Addr+" lets us in", err, "docs/runbooks/mail-reputation.md, and whoever runs the relay")
	}
}
