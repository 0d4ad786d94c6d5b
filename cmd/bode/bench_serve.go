package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// benchServe is the demonstration without a terminal: the same parts and the
// same log file, but workers only on request. It prints what a subject needs and
// ends when standard input does, so that it never outlives its measurement.
type benchServe struct {
	Dir     string        `help:"Directory of the service." required:"" type:"path"`
	Workers bool          `help:"Work on jobs too."`
	Mails   bool          `help:"Take mails too, on connections that show a key by themselves."`
	Keys    int           `help:"How many API keys to make." default:"1"`
	Lead    time.Duration `help:"How long it still answers when it is told to end."`
	MailTo  string        `help:"Relay in place of the demonstration's catcher."`
	SMSTo   string        `name:"sms-to" help:"SMS gateway in place of the demonstration's catcher."`
	Profile string        `help:"Write a CPU profile to this file." type:"path"`
}

// Run serves until standard input ends.
func (c benchServe) Run(ctx context.Context, _ *slog.Logger) (err error) {
	collectLess()
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(c.Dir, "bode.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	log := slog.New(slog.NewJSONHandler(logFile, nil))
	pool, closeDB, err := demoDatabase(ctx, c.Dir, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDB()) }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	d := &demo{dir: c.Dir, base: "http://" + l.Addr().String()}
	if d.stands, err = startStandIns(d.dir, d.base, log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stands.Close()) }()
	out, err := d.stands.outside(d.dir, d.base, log)
	if err != nil {
		return err
	}
	if c.MailTo != "" {
		if out.transports, err = benchTransports(c.MailTo, c.SMSTo); err != nil {
			return err
		}
	}
	out.lead = c.Lead
	if d.app, err = build(pool, out, log); err != nil {
		return err
	}
	if d.seeds, err = seed(ctx, d.app, d.dir); err != nil {
		return err
	}
	s := subject{info: d.info(), PID: os.Getpid()}
	if s.Keys, err = d.app.benchKeys(ctx, d.seeds.LiveKey, c.Keys); err != nil {
		return err
	}
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return errors.Join(err, f.Close())
		}
		defer func() { pprof.StopCPUProfile(); err = errors.Join(err, f.Close()) }()
	}
	// Hashing the passwords of the seeds took much memory for a moment; what it
	// left free would hide what a request takes.
	debug.FreeOSMemory()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended, running := make(chan error, 3), 1
	go func() { ended <- d.app.answer(ctx, l) }()
	if c.Workers {
		running++
		go func() { ended <- d.app.work(ctx) }()
	}
	if c.Mails {
		addr, mails, err := d.app.benchMails(s.Keys)
		if err != nil {
			return err
		}
		s.Mails = addr
		running++
		go func() { ended <- d.app.submission(ctx, mails, nil, "") }()
	}
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
	for range running {
		err = errors.Join(err, <-ended)
	}
	return err
}

// neverShort has an account charged like any other, but not run out of credit.
func (a *app) neverShort(ctx context.Context, account string) error {
	return a.deliveries.SetTerms(ctx, identity.System, account, delivery.CreditTerms{Mode: delivery.Free}, "measurement")
}

// benchKeys makes n live keys for the account of a key, which is never short of
// credit.
func (a *app) benchKeys(ctx context.Context, like string, n int) ([]string, error) {
	k, err := a.identity.AuthenticateKey(ctx, like, "")
	if err != nil {
		return nil, err
	}
	if err := a.neverShort(ctx, k.Account); err != nil {
		return nil, err
	}
	keys := make([]string, n)
	for i := range keys {
		if keys[i], _, err = a.identity.CreateKey(ctx, identity.System, k.Account, identity.Live, "bench "+strconv.Itoa(os.Getpid())+" "+strconv.Itoa(i)); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
