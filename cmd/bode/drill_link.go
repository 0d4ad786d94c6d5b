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
)

// drillLink loses answers.
type drillLink struct {
	Clients int           `help:"Connections that submit; one in four writes mails." default:"8"`
	Span    time.Duration `help:"Time of each part: the link to clients, the link to the database." default:"15s"`
	Every   time.Duration `help:"Time between two cuts of everything, on average." default:"700ms"`
	Share   float64       `help:"Share of the answers that are lost." default:"0.05"`
	Seed    uint64        `help:"Of the moments of the cuts; 0: a new one, which is printed."`
	Forget  bool          `help:"Clients repeat without the key that makes a request once: then something must be double, or the drill shows nothing."`
}

// Run cuts the link between clients and service, then that between service and
// database: sometimes everything at once, sometimes when an answer comes, so that
// what was asked for is done and nobody knows. Clients repeat.
func (c drillLink) Run(ctx context.Context, log *slog.Logger) (err error) {
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	b, err := openBench(ctx, log, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	database, address, err := cutDatabase(b)
	if err != nil {
		return err
	}
	defer database.close()
	service, err := b.subject(ctx, "bode", address, "--keys", strconv.Itoa(benchKeyCount), "--workers", "--mails")
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended {
			_ = service.Close()
		}
	}()
	web, err := listenCutter("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer web.close()
	web.lead("tcp", strings.TrimPrefix(service.BaseURL, "http://"))
	mails, err := listenCutter("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer mails.close()
	mails.lead("tcp", service.Mails)
	say("link, seed %d", c.Seed)
	s := &senders{base: "http://" + web.addr(), mails: mails.addr(), keys: service.Keys, prefix: "LINK", documents: true, forget: c.Forget}
	pressing, stop := context.WithCancel(ctx)
	defer stop()
	s.start(pressing, c.Clients)
	random := rand.New(rand.NewPCG(c.Seed, 0))
	if err := c.harm(ctx, s, "clients and service", c.Share, random, web, mails); err != nil {
		return err
	}
	// An answer of the database is many, as a request takes many statements.
	if err := c.harm(ctx, s, "service and database", c.Share/20, random, database); err != nil {
		return err
	}
	stop()
	s.clients.Wait()
	ended = true
	_ = service.Close()
	return c.judge(ctx, b, s)
}

// cutDatabase is a way to the database that can be cut.
func cutDatabase(b *bench) (*cutter, string, error) {
	u, err := url.Parse(b.server.URL())
	if err != nil {
		return nil, "", err
	}
	q := u.Query()
	name := ".s.PGSQL." + q.Get("port")
	c, err := listenCutter("unix", filepath.Join(b.dir, name))
	if err != nil {
		return nil, "", err
	}
	c.lead("unix", filepath.Join(q.Get("host"), name))
	q.Set("host", b.dir)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return c, u.String(), nil
}

// harm cuts links for Span, and then leaves them alone until clients are answered.
func (c drillLink) harm(ctx context.Context, s *senders, name string, share float64, random *rand.Rand, links ...*cutter) error {
	before, told, cuts := s.answers(), s.count(), 0
	for _, l := range links {
		l.losing(share)
	}
	for began := time.Now(); time.Since(began) < c.Span; cuts++ {
		if err := pause(ctx, time.Duration(random.Int64N(int64(2*c.Every)))); err != nil {
			return err
		}
		for _, l := range links {
			l.cut()
		}
	}
	lost := 0
	for _, l := range links {
		l.losing(0)
		lost += l.losses()
	}
	say("between %s: %d cuts of everything, %d answers lost; %d messages acknowledged; answers by status %s", name, cuts, lost,
		s.count()-told, statuses(difference(s.answers(), before)))
	if lost == 0 {
		return fmt.Errorf("%w: no answer was lost between %s", errNothingShown, name)
	}
	return nil
}

// judge compares and checks.
func (c drillLink) judge(ctx context.Context, b *bench, s *senders) error {
	there, err := stored(ctx, b.server.URL(), "LINK")
	if err != nil {
		return err
	}
	v := compare(s.told, there)
	faults := fsckAgain(ctx, filepath.Join(b.dir, "bode"), b.server.URL())
	say("%s; %d were done already when they were asked for again; fsck: %s", v, s.replayed, outcomeOf(faults))
	if !c.Forget && s.replayed == 0 {
		faults = errors.Join(faults, fmt.Errorf("%w: nothing had been done whose answer was lost", errNothingShown))
	}
	if c.Forget && v.double == 0 {
		faults = errors.Join(faults, fmt.Errorf("%w: nothing is double although clients forgot", errNothingShown))
	}
	return errors.Join(faults, v.fault(c.Seed))
}
