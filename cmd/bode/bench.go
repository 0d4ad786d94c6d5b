package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// benchCmd measures the whole service as ratios to a limit measured in the same
// run: absolute figures say more about a machine than about a program. See
// docs/performance.md.
type benchCmd struct {
	Submit   benchSubmit   `cmd:"" help:"Submissions per second over HTTP, next to what pgbench reaches on the same server."`
	SMTP     benchMails    `cmd:"" name:"smtp" help:"Mails per second by SMTP, each registered, next to what smtp-sink swallows."`
	Campaign benchCampaign `cmd:"" help:"Announcements per second through queue, evidence and relay, next to the mail client alone, and the memory of 100 000."`
	Big      benchBig      `cmd:"" help:"Memory that a document of 1 GiB costs on its way in and out."`
	CSV      benchCSV      `cmd:"" name:"csv" help:"Time and memory of uploading and checking a list of 100 000 rows, next to one of 1000."`
	Grow     benchGrow     `cmd:"" help:"How the time to read a delivery grows with the number of deliveries."`
	Evidence benchEvidence `cmd:"" help:"Processor time of making evidence, next to that of a signature of OpenSSL."`
	Ledger   benchLedger   `cmd:"" help:"Evidence per second from event to PDF, entries of the log per second, and the time to verify a dossier."`
	Day      benchDay      `cmd:"" help:"Senders and recipients through the real faces at a given rate: times of each step, backlog of evidence, memory."`
	Serve    benchServe    `cmd:"" hidden:"" help:"The service under measurement, in a process of its own."`
}

// bench is what every measurement stands on: a directory of its own with a
// private PostgreSQL, as durable as that of the demonstration.
type bench struct {
	dir    string
	server *pgproc.Server
	log    *slog.Logger
}

// openBench starts the server with further settings, if any.
func openBench(ctx context.Context, log *slog.Logger, settings map[string]string) (*bench, error) {
	dir, remove, err := demoDir("")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, log: log}
	b.server, err = pgproc.Start(ctx, pgproc.Config{Dir: filepath.Join(dir, "postgres"), Settings: settings})
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	return b, nil
}

// Close stops the server and removes everything.
func (b *bench) Close() error {
	return errors.Join(b.server.Stop(context.Background()), os.RemoveAll(b.dir))
}

// database makes another database on the server and returns its address.
func (b *bench) database(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, b.server.URL())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	u, err := url.Parse(b.server.URL())
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// subject is a service under measurement: another process.
type subject struct {
	info
	Mails string   `json:"mails"` // address for mails; empty: none
	Keys  []string `json:"keys"`  // live keys, so that no key's limit is what is measured
	PID   int      `json:"pid"`

	cmd  *exec.Cmd
	stop io.Closer // its standard input: the process ends when this closes
}

// subject starts a service on the database at address and waits until it answers. Its
// directory is named after the database, because keys and secrets belong to it.
func (b *bench) subject(ctx context.Context, name, address string, flags ...string) (*subject, error) {
	return b.subjectOf(ctx, "", name, address, flags...)
}

// subjectOf is subject with another program than this one; empty: this one.
func (b *bench) subjectOf(ctx context.Context, program, name, address string, flags ...string) (*subject, error) {
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		program = self
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"bench", "serve", "--dir", filepath.Join(b.dir, name)}, flags...)...)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+address)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &subject{cmd: cmd, stop: stdin}
	if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(s); err != nil {
		return nil, errors.Join(fmt.Errorf("the service under measurement did not start: %w", err), s.Close())
	}
	return s, nil
}

// Close ends the service and waits for it.
func (s *subject) Close() error {
	_ = s.stop.Close() // fails only when the process is gone
	return s.cmd.Wait()
}

// openBenchPool is a small pool beside the service, for preparing and looking.
func openBenchPool(ctx context.Context, address string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 2
	return pgxpool.NewWithConfig(ctx, cfg)
}

// say prints a line of the report, with the time, because other programs on the
// machine may explain it.
func say(format string, a ...any) {
	fmt.Printf(time.Now().UTC().Format("15:04:05 ")+format+"\n", a...)
}
