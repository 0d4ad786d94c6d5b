package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// withoutKeys asks for a restore without the keys, which must be refused.
func (c drillRestore) withoutKeys(ctx context.Context, s *secondPlace) error {
	into := filepath.Join(s.dir, "without keys")
	out, err := exec.CommandContext(ctx, s.self, "restore", "--store", s.store, into).CombinedOutput()
	if err == nil || !strings.Contains(string(out), errKeysApart.Error()) {
		return fmt.Errorf("%w: without keys it restores: %s", errNothingShown, out)
	}
	if _, err := os.Stat(into); err == nil {
		return fmt.Errorf("%w: a restore that was refused left %s", errNothingShown, into)
	}
	say("without the keys, which are not in the store: refused")
	return nil
}

// restore restores from the store into a new place, starts a server there, and
// looks at what it has. to is what bode restore takes; base is the end of the
// base backup.
func (c drillRestore) restore(ctx context.Context, s *secondPlace, acks *acknowledged, to string) (err error) {
	moment, err := s.momentOf(to)
	if err != nil {
		return err
	}
	name := "to the end"
	if !moment.IsZero() {
		name, to = "to "+moment.Format("15:04:05.000"), moment.Format(time.RFC3339Nano)
	}
	place := filepath.Join(s.dir, "restored "+strings.ReplaceAll(name, ":", ""))
	began := time.Now()
	took, err := s.restoreInto(ctx, place, to)
	if err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	server, err := pgproc.Start(ctx, pgproc.Config{Dir: filepath.Join(place, "server"), From: filepath.Join(place, "store"), StartTimeout: 30 * time.Minute})
	if err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	if err := promoted(ctx, server.URL()); err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	up, size := time.Since(began), sizeOf(filepath.Join(place, "store"))
	lost, later, err := missing(ctx, server.URL(), acks, moment)
	if err != nil {
		return err
	}
	checking := time.Now()
	faults := fsckAgain(ctx, filepath.Join(place, "bode"), server.URL())
	say("restored %s: %.1f MB in %s, %.0f MB/s; answers after %s, checked in %s; lost %d of %d acknowledged, %d from later than asked; fsck: %s", name,
		size/1e6, took.Round(time.Millisecond), size/1e6/took.Seconds(), up.Round(time.Millisecond), time.Since(checking).Round(time.Millisecond),
		lost, acks.count(moment), later, outcomeOf(faults))
	if lost+later > 0 {
		faults = errors.Join(faults, fmt.Errorf("restored %s: %w: %d, and %d too many", name, errLost, lost, later))
	}
	return faults
}

// momentOf is the moment that a word for bode restore means; zero is the end.
func (s *secondPlace) momentOf(to string) (time.Time, error) {
	store := backupStore{s.store}
	if to != "base" {
		return restoreCmd{To: to}.moment(store)
	}
	bases, err := store.bases()
	if err != nil || len(bases) == 0 {
		return time.Time{}, errors.Join(err, errNoBackup)
	}
	return bases[len(bases)-1].Ended, nil
}

// restoreInto restores below place: what a server is started from in store, and a
// folder of the service in bode, with restored content and the keys that were kept
// apart.
func (s *secondPlace) restoreInto(ctx context.Context, place, to string) (took time.Duration, err error) {
	into, began := filepath.Join(place, "store"), time.Now()
	out, err := exec.CommandContext(ctx, s.self, "restore", "--store", s.store, "--to", to, "--keys", s.service("keys"), "--secrets", s.service("secrets"),
		into).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("bode restore: %w: %s", err, out)
	}
	took = time.Since(began)
	password, err := os.ReadFile(filepath.Join(s.dir, "postgres", "password"))
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(into, "password"), password, 0o600); err != nil {
		return 0, err
	}
	if err := errors.Join(os.Chmod(place, 0o755), os.Mkdir(filepath.Join(place, "bode"), 0o700)); err != nil { // the server has another user
		return 0, err
	}
	entries, err := os.ReadDir(s.service(""))
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		from := s.service(e.Name())
		if e.Name() == "content" {
			from = filepath.Join(into, "content")
		}
		if err := os.Symlink(from, filepath.Join(place, "bode", e.Name())); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// missing counts what was acknowledged until the moment and is not there, and
// what is there and was submitted after it.
func missing(ctx context.Context, address string, acks *acknowledged, moment time.Time) (lost, later int, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there []string
	if err := conn.QueryRow(ctx, `SELECT coalesce(array_agg(reference), '{}') FROM message WHERE reference LIKE 'DRILL-%'`).Scan(&there); err != nil {
		return 0, 0, err
	}
	if !moment.IsZero() {
		err = conn.QueryRow(ctx, `SELECT count(*) FROM message WHERE submitted_at > $1`, moment).Scan(&later)
	}
	return acks.missing(there, moment), later, err
}
