package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// backupWAL is PostgreSQL's archive_command:
//
//	archive_command = 'bode backup wal --store /mnt/backup %p'
type backupWAL struct {
	backupPlace
	Segment string `arg:"" help:"Path of the segment (%p)."`
}

var logName = regexp.MustCompile(`^[0-9A-F]{24}(\.[0-9A-F]{8}\.backup)?$|^[0-9A-F]{8}\.history$`)

// Run stores the segment durably before it succeeds, because PostgreSQL then
// removes its own. The same segment again is success; another one under its name
// is refused, for two servers would write one log.
func (c backupWAL) Run() error {
	s, name := backupStore{c.Store}, filepath.Base(c.Segment)
	if !logName.MatchString(name) {
		return fmt.Errorf("%w: %s is no segment of the log", errUsage, name)
	}
	path := filepath.Join(s.log(), name)
	if have, _, err := digestOf(path); err == nil {
		return s.sameSegment(name, c.Segment, have)
	}
	f, err := os.Open(c.Segment)
	if err != nil {
		return err
	}
	defer f.Close()
	digest, _, err := keepWhole(path, f)
	if err != nil {
		return err
	}
	// Dying here leaves a segment without its digest: the next backup adds it.
	_, _, err = keepWhole(s.digest(name), strings.NewReader(digest+"\n"))
	return err
}

func (s backupStore) sameSegment(name, path, have string) error {
	own, _, err := digestOf(path)
	if err != nil {
		return err
	}
	if own != have {
		return fmt.Errorf("%w: %s", errOtherLog, name)
	}
	_, _, err = keepWhole(s.digest(name), strings.NewReader(have+"\n"))
	return err
}

// backupReceive is pg_receivewal, started again whenever it ends.
type backupReceive struct {
	backupPlace
	Database string `help:"PostgreSQL address of a role that may replicate." env:"BODE_BACKUP_DATABASE" required:"" placeholder:"postgres://…"`
	Slot     string `help:"Replication slot, which keeps the log until it is here; made when missing. Its name is what synchronous_standby_names names." default:"bode_backup"`
}

// Run receives until ctx ends.
func (c backupReceive) Run(ctx context.Context, log *slog.Logger) error {
	s := backupStore{c.Store}
	if err := os.MkdirAll(s.log(), 0o700); err != nil {
		return err
	}
	found, err := pgproc.Find(ctx, pgproc.Search{})
	if err != nil {
		return err
	}
	for wait := 100 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
		began := time.Now()
		err := c.receive(ctx, found.Dir, s)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > time.Minute {
			wait = 100 * time.Millisecond
		}
		log.ErrorContext(ctx, "log is not received", "err", err)
		_ = pause(ctx, wait)
	}
	return nil
}

func (c backupReceive) receive(ctx context.Context, bin string, s backupStore) error {
	slot := serverTool(ctx, bin, "pg_receivewal", c.Database, "--slot="+c.Slot, "--create-slot", "--if-not-exists")
	if out, err := slot.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_receivewal: %w: %s", err, out)
	}
	cmd := serverTool(ctx, bin, "pg_receivewal", c.Database, "--slot="+c.Slot, "--synchronous", "--no-loop", "--directory="+s.log())
	cmd.Env = append(cmd.Env, "PGAPPNAME="+c.Slot)                        // what the server waits for goes by this name
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it writes down how far it is
	out, err := cmd.CombinedOutput()
	return fmt.Errorf("pg_receivewal ended: %w: %s", err, strings.TrimSpace(string(out)))
}

// serverTool is a program of PostgreSQL that connects to address. The password
// goes by the environment: the list of processes is for everybody.
func serverTool(ctx context.Context, bin, name, address string, args ...string) *exec.Cmd {
	env := os.Environ()
	if u, err := url.Parse(address); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok {
			env = append(env, "PGPASSWORD="+password)
			u.User = url.User(u.User.Username())
			address = u.String()
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, name), append([]string{"--no-password", "--dbname=" + address}, args...)...)
	cmd.Env = env
	return cmd
}

// sealLog writes the digests of finished segments that have none: of those that
// were received.
func (s backupStore) sealLog() error {
	names, err := s.segments()
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, partial) {
			continue
		}
		if _, err := os.Stat(s.digest(name)); err == nil {
			continue
		}
		digest, _, err := digestOf(filepath.Join(s.log(), name))
		if err != nil {
			return err
		}
		if _, _, err := keepWhole(s.digest(name), strings.NewReader(digest+"\n")); err != nil {
			return err
		}
	}
	return nil
}

// partial marks the segment that is being received.
const partial = ".partial"

// segments are the names in the log, by age within each timeline.
func (s backupStore) segments() (names []string, err error) {
	entries, err := os.ReadDir(s.log())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if logName.MatchString(strings.TrimSuffix(e.Name(), partial)) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// position is the place of a segment in its timeline; false for what is none.
func position(name string, size int64) (n int64, timeline string, ok bool) {
	name = strings.TrimSuffix(name, partial)
	if len(name) != 24 || size <= 0 {
		return 0, "", false
	}
	high, err1 := strconv.ParseInt(name[8:16], 16, 64)
	low, err2 := strconv.ParseInt(name[16:], 16, 64)
	return high*(1<<32/size) + low, name[:8], err1 == nil && err2 == nil
}

// segmentSize is the size that all segments have; 0 without any.
func (s backupStore) segmentSize(names []string) (int64, error) {
	for _, name := range names {
		if len(strings.TrimSuffix(name, partial)) == 24 {
			info, err := os.Stat(filepath.Join(s.log(), name))
			if err != nil {
				return 0, err
			}
			return info.Size(), nil
		}
	}
	return 0, nil
}
