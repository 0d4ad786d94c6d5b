package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/migrations"
	"github.com/bode-erds/bode/migrations/pgproc"
)

// demoCmd is the whole service on loopback with nothing configured.
type demoCmd struct {
	Addr string `help:"Address of the service. Passkeys need a name, such as localhost." default:"localhost:8480"`
	Dir  string `help:"Keep everything in this directory; a later demo goes on with it. Default: a temporary one, removed at the end." type:"path"`
	Info string `help:"Write addresses and sign-ins to this file as JSON once everything answers." type:"path"`
	Play bool   `help:"Play the main job unattended through the public faces, then stop."`
	Out  string `help:"Where --play writes what a court and a print partner would get." type:"path"`
}

// demo is a running demonstration.
type demo struct {
	dir    string
	base   string
	smtp   string // address of SMTP submission
	app    *app
	stands *standIns
	seeds  seeds
	done   chan error // of serve and work
}

// Run starts the demonstration and stays until ctx ends or the play is over.
func (c demoCmd) Run(ctx context.Context) (err error) {
	collectLess()
	if c.Play && c.Out == "" {
		return fmt.Errorf("%w: --play needs --out", errUsage)
	}
	dir, remove, err := demoDir(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	logFile, err := os.OpenFile(filepath.Join(dir, "bode.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	// The terminal is for the person in front of it; the log goes to a file.
	log := slog.New(slog.NewJSONHandler(logFile, &slog.HandlerOptions{Level: slog.LevelInfo}))
	say := func(format string, a ...any) { fmt.Fprintf(os.Stdout, format+"\n", a...) }

	say("bode demo: starting a private PostgreSQL in %s", dir)
	pool, stopDB, err := demoDatabase(ctx, dir, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopDB()) }()

	d := &demo{dir: dir, done: make(chan error, 1)}
	addr := c.Addr
	if c.Play {
		addr = "127.0.0.1:0"
	}
	stop, err := d.start(ctx, pool, addr, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if c.Info != "" {
		if err := d.writeInfo(c.Info); err != nil {
			return err
		}
	}
	if c.Play {
		return d.play(ctx, c.Out, say)
	}
	d.welcome(os.Stdout)
	select {
	case <-ctx.Done():
		say("\nbode demo: stopping")
		return nil
	case err := <-d.done:
		return err
	}
}

// demoDir returns the directory of a demonstration and how to remove it, if it
// is a temporary one.
func demoDir(dir string) (string, func() error, error) {
	keep := func() error { return nil }
	if dir != "" {
		// The database's user, which is not us when we are root, must get through.
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", nil, err
		}
		return dir, keep, nil
	}
	dir, err := os.MkdirTemp("", "bode-demo-")
	if err != nil {
		return "", nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", nil, err
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// demoDatabase starts the private PostgreSQL, or opens the one that
// DATABASE_URL names, and migrates it.
func demoDatabase(ctx context.Context, dir string, log *slog.Logger) (*pgxpool.Pool, func() error, error) {
	url, stop := os.Getenv("DATABASE_URL"), func() error { return nil }
	if url == "" {
		server, err := pgproc.Start(ctx, pgproc.Config{Dir: filepath.Join(dir, "postgres"), Logger: log})
		if err != nil {
			return nil, nil, err
		}
		url = server.URL()
		stop = func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return server.Stop(ctx)
		}
	}
	pool, err := openPool(ctx, url, nil)
	if err == nil {
		if err = migrations.Apply(ctx, pool); err == nil {
			return pool, func() error { pool.Close(); return stop() }, nil
		}
		pool.Close()
	}
	return nil, nil, errors.Join(err, stop())
}

// named is the address that was bound, under the name that was asked for:
// passkeys are bound to names, and no browser takes one for an address.
func named(bound, asked string) string {
	host, _, err1 := net.SplitHostPort(asked)
	_, port, err2 := net.SplitHostPort(bound)
	if err1 != nil || err2 != nil || host != "localhost" {
		return bound
	}
	return net.JoinHostPort(host, port)
}

// start brings up the stand-ins and the service and waits until it answers.
// The function it returns stops both.
func (d *demo) start(ctx context.Context, pool *pgxpool.Pool, addr string, log *slog.Logger) (func() error, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w (choose another with --addr)", err)
	}
	d.base = "http://" + named(l.Addr().String(), addr)
	if d.stands, err = startStandIns(d.dir, d.base, log); err != nil {
		l.Close()
		return nil, err
	}
	out, err := d.stands.outside(d.dir, d.base, log)
	if err == nil {
		d.app, err = build(pool, out, log)
	}
	if err == nil {
		d.seeds, err = seed(ctx, d.app, d.dir)
	}
	if err == nil {
		err = d.app.seedLists(ctx, d.seeds, d.stands.hook.url)
	}
	if err != nil {
		l.Close()
		return nil, errors.Join(err, d.stands.Close())
	}
	mails, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.Close()
		return nil, errors.Join(err, d.stands.Close())
	}
	d.smtp = mails.Addr().String()
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error)
	go func() {
		err := together(inner,
			func(ctx context.Context) error { return d.app.answer(ctx, l) },
			func(ctx context.Context) error { return d.app.submission(ctx, mails, nil, "") },
			d.app.work)
		d.done <- err
		ended <- err
	}()
	return func() error {
		cancel()
		return errors.Join(<-ended, d.stands.Close())
	}, nil
}

// info is what --info writes: everything an outsider needs to use the demo.
type info struct {
	BaseURL    string   `json:"base_url"`
	CatcherURL string   `json:"catcher_url"`
	SMTPAddr   string   `json:"smtp_addr"` // submission by mail programs, with an API key as password
	TestKey    string   `json:"test_key"`
	LiveKey    string   `json:"live_key"`
	SignIns    []signIn `json:"sign_ins"`
}

type signIn struct {
	Role       string `json:"role"`
	Login      string `json:"login"`
	Password   string `json:"password"`
	TOTPSecret string `json:"totp_secret"`
}

func (d *demo) info() info {
	return info{BaseURL: d.base, CatcherURL: d.stands.catcher.URL(), SMTPAddr: d.smtp, TestKey: d.seeds.TestKey, LiveKey: d.seeds.LiveKey,
		SignIns: d.seeds.SignIns}
}

// writeInfo replaces path at once, so that a reader sees all of it or nothing.
func (d *demo) writeInfo(path string) error {
	b, err := json.MarshalIndent(d.info(), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".part", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

func (d *demo) welcome(w io.Writer) {
	i := d.info()
	fmt.Fprintf(w, `
Bode runs. Nothing here is qualified and nothing leaves this machine.

  service          %s
  mails and SMS    %s
  SMTP submission  %s
  API test key     %s
  API live key     %s
`, i.BaseURL, i.CatcherURL, i.SMTPAddr, i.TestKey, i.LiveKey)
	for _, s := range i.SignIns {
		fmt.Fprintf(w, "\n  sign in as %s\n    login          %s\n    password       %s\n    authenticator  %s\n", s.Role, s.Login, s.Password, s.TOTPSecret)
		if code, err := totpNow(s.TOTPSecret); err == nil {
			fmt.Fprintf(w, "    code right now %s\n", code)
		}
	}
	fmt.Fprintf(w, "\nTo get a code later: an authenticator app with that secret.\nBoth are operators too and decide on companies at %s/operator.\nPrinted letters arrive in %s. The log is %s.\nStop with Ctrl-C.\n",
		i.BaseURL, filepath.Join(d.dir, "post"), filepath.Join(d.dir, "bode.log"))
}
