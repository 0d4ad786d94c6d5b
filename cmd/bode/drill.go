package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
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

// secondPlace is a store of bode backup that is kept while a service works.
type secondPlace struct {
	*bench
	store    string
	admin    string // address of the superuser
	self     string // this program
	receiver *exec.Cmd
	said     *strings.Builder
}

// openSecondPlace starts to receive the log of a server.
func openSecondPlace(ctx context.Context, b *bench) (s *secondPlace, err error) {
	s = &secondPlace{bench: b, store: filepath.Join(b.dir, "store"), said: &strings.Builder{}}
	if s.admin, err = superuser(b.server.URL()); err != nil {
		return nil, err
	}
	if s.self, err = os.Executable(); err != nil {
		return nil, err
	}
	s.receiver = s.backup(ctx, "receive", "--database", s.admin)
	s.receiver.Stderr = s.said
	if err := s.receiver.Start(); err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return nil, errors.Join(err, s.end())
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = eventually(ctx, func() (there bool, err error) {
		err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = 'bode_backup')`).Scan(&there)
		return there, err
	})
	if err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

// backup is bode backup with this store.
func (s *secondPlace) backup(ctx context.Context, what string, flags ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.self, append([]string{"backup", what, "--store", s.store}, flags...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// service is a folder of the service, whose keys and content a backup asks for.
func (s *secondPlace) service(name string) string { return filepath.Join(s.dir, "bode", name) }

// take takes a backup while the service works.
func (s *secondPlace) take(ctx context.Context, flags ...string) error {
	flags = append([]string{"--database", s.admin, "--content-dir", s.service("content"), "--keys", s.service("keys"), "--secrets", s.service("secrets")}, flags...)
	if out, err := s.backup(ctx, "take", flags...).CombinedOutput(); err != nil {
		return fmt.Errorf("bode backup take: %w: %s", err, out)
	}
	return nil
}

// await lets the server answer a commit only when it is in the second place too,
// or no more.
func (s *secondPlace) await(ctx context.Context, wait bool) error {
	names := ""
	if wait {
		names = "bode_backup"
	}
	return execAll(ctx, s.admin, `ALTER SYSTEM SET synchronous_standby_names = '`+names+`'`, `SELECT pg_reload_conf()`)
}

// end ends the receiver. It has complained since its server went.
func (s *secondPlace) end() error {
	if s.receiver == nil {
		return nil
	}
	_ = s.receiver.Process.Signal(os.Interrupt)
	_ = s.receiver.Wait()
	s.receiver = nil
	return nil
}

// cut leaves out the log after its part kept, as a copy that was not waited for
// would.
func (s *secondPlace) cut(kept string) error {
	store := backupStore{s.store}
	names, err := store.segments()
	if err != nil {
		return err
	}
	n := len(names)
	for _, name := range names {
		if strings.TrimSuffix(name, partial) <= kept {
			n--
			continue
		}
		err = errors.Join(err, os.Remove(filepath.Join(store.log(), name)), os.RemoveAll(store.digest(strings.TrimSuffix(name, partial))))
	}
	if n == 0 {
		return fmt.Errorf("no log was received after %s: %s", kept, s.said.String())
	}
	return err
}
