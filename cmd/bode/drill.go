package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// drillCmd are exercises of bad days, each on a service of its own in a
// directory of its own. They end with status 1 when something was lost.
type drillCmd struct {
	Restore  drillRestore  `cmd:"" help:"Lose the machine of the database while messages come in, restore it to the end and to a moment, and count what is missing."`
	Upgrade  drillUpgrade  `cmd:"" help:"Migrate and replace the instances of a service one after the other while clients use it, and count the requests that failed."`
	Failover drillFailover `cmd:"" help:"Kill the primary of a pair of databases while messages come in, promote the standby, and count what is missing."`
	Power    drillPower    `cmd:"" help:"Cut the power of database and content while messages come in, and count what is missing; and once more without syncing, where something must be."`
	Disk     drillDisk     `cmd:"" help:"Fill the disk of the database, of its log and of the content, and look at how the service refuses and recovers."`
	Link     drillLink     `cmd:"" help:"Cut connections after a request went and before its answer came, and count what is missing or double."`
	Overload drillOverload `cmd:"" help:"Ask ten times as much as the service can, and look at what it takes, what it refuses and how fast."`
	Soak     drillSoak     `cmd:"" help:"Kill processes and cut connections while messages come in, and count what is missing or double."`
}

// shadow keeps what a database writes in a second place, as it is written: the
// write-ahead log by pg_receivewal, which the server waits for, and a base backup.
type shadow struct {
	bin, dir string // PostgreSQL's programs; where log and backup go
	admin    string // address of the superuser
	receiver *exec.Cmd
	said     *strings.Builder
}

// openShadow starts to receive the log of a server.
func openShadow(ctx context.Context, b *bench) (*shadow, error) {
	found, err := pgproc.Find(ctx, pgproc.Search{})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(b.server.URL())
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	u.User, u.Path = url.UserPassword("postgres", password), "/postgres"
	s := &shadow{bin: found.Dir, dir: filepath.Join(b.dir, "shadow"), admin: u.String(), said: &strings.Builder{}}
	if err := os.MkdirAll(s.wal(), 0o700); err != nil {
		return nil, err
	}
	if out, err := s.tool(ctx, "pg_receivewal", "--slot=shadow", "--create-slot", "--dbname="+s.admin).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pg_receivewal: %w: %s", err, out)
	}
	s.receiver = s.tool(ctx, "pg_receivewal", "--slot=shadow", "--synchronous", "--no-loop", "--directory="+s.wal(), "--dbname="+s.admin)
	s.receiver.Stderr = s.said
	return s, s.receiver.Start()
}

func (s *shadow) wal() string  { return filepath.Join(s.dir, "wal") }
func (s *shadow) base() string { return filepath.Join(s.dir, "instance") }

func (s *shadow) tool(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
}

// await lets the server answer a commit only when it is in the second place too,
// or no more.
func (s *shadow) await(ctx context.Context, wait bool) error {
	names := ""
	if wait {
		names = "pg_receivewal"
	}
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{`ALTER SYSTEM SET synchronous_standby_names = '` + names + `'`, `SELECT pg_reload_conf()`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// backUp takes a base backup while the server works, as an instance that a
// server can be started from once the log is put beside it.
func (s *shadow) backUp(ctx context.Context, password string) error {
	data := filepath.Join(s.base(), "data")
	if out, err := s.tool(ctx, "pg_basebackup", "--pgdata="+data, "--wal-method=none", "--checkpoint=fast", "--dbname="+s.admin).CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	text, err := os.ReadFile(password)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(data, "recovery.signal"), nil, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.base(), "password"), text, 0o600)
}

// gather ends the receiver and puts the log beside the backup. cut leaves out
// the newest part, as a copy that was not waited for would.
func (s *shadow) gather(cut bool) error {
	_ = s.receiver.Process.Signal(os.Interrupt) // it has ended with the server
	_ = s.receiver.Wait()
	entries, err := os.ReadDir(s.wal()) // by name: by age
	if err != nil {
		return err
	}
	if cut {
		entries = entries[:max(0, len(entries)-1)]
	}
	if len(entries) == 0 && !cut {
		return errors.New("no log was received: " + s.said.String())
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".partial")
		if err := os.Rename(filepath.Join(s.wal(), e.Name()), filepath.Join(s.base(), "data", "pg_wal", name)); err != nil {
			return err
		}
	}
	return nil
}
