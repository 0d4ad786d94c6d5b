package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// drillRestore loses a database and restores it.
type drillRestore struct {
	Clients int           `help:"Connections that submit." default:"16"`
	Span    time.Duration `help:"Time of each part." default:"5s"`
	Rounds  int           `help:"Rounds in which the cost of waiting for the second copy is measured." default:"3"`
	Cut     bool          `help:"Leave the newest part of the log out: the drill must then report what was lost."`
}

var errLost = errors.New("something that was acknowledged is missing")

// Run keeps the log of a private server in a second place, submits, takes a base
// backup meanwhile, kills the server, removes its files, and restores twice: to
// the end, where nothing acknowledged may be missing, and to a moment, where what
// came later may not be there. Content and keys stay, as they lie elsewhere.
func (c drillRestore) Run(ctx context.Context, log *slog.Logger) (err error) {
	b, err := openBench(ctx, log, map[string]string{"max_wal_size": "256MB"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	s, err := openShadow(ctx, b)
	if err != nil {
		return err
	}
	if err := c.cost(ctx, b, s); err != nil {
		return err
	}
	acks, moment, err := c.disaster(ctx, b, s)
	if err != nil {
		return err
	}
	end := c.restore(ctx, b, s, acks, time.Time{})
	if c.Cut {
		return end // the moment may lie in what was left out
	}
	past := c.restore(ctx, b, s, acks, moment)
	return errors.Join(end, past)
}

// cost measures what waiting for the second copy costs.
func (c drillRestore) cost(ctx context.Context, b *bench, s *shadow) (err error) {
	service, err := b.subject(ctx, "bode", b.server.URL(), "--keys", strconv.Itoa(benchKeyCount))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	run, err := newSubmissions(service, c.Clients)
	if err != nil {
		return err
	}
	part := func(wait bool) func(time.Duration) (string, float64, error) {
		return func(d time.Duration) (string, float64, error) {
			if err := s.await(ctx, wait); err != nil {
				return "", 0, err
			}
			return run.press(ctx, d)
		}
	}
	tested := []measured{{name: "one copy", do: part(false)}, {name: "answered when both have it", do: part(true)}}
	if err := rounds(tested, c.Rounds, c.Span); err != nil {
		return err
	}
	report(tested, 1)
	return nil
}

// disaster submits, backs up, names a moment, goes on, and ends the server for
// good in the middle of it.
func (c drillRestore) disaster(ctx context.Context, b *bench, s *shadow) (acks *acknowledged, moment time.Time, err error) {
	if err := s.await(ctx, true); err != nil {
		return nil, moment, err
	}
	service, err := b.subject(ctx, "bode", b.server.URL(), "--keys", strconv.Itoa(benchKeyCount), "--workers")
	if err != nil {
		return nil, moment, err
	}
	defer func() { _ = service.Close() }() // its database is gone: it complains
	acks = submitUntilBroken(ctx, service, c.Clients)
	if err := pause(ctx, c.Span); err != nil {
		return nil, moment, err
	}
	began := time.Now()
	if err := s.backUp(ctx, filepath.Join(b.dir, "postgres", "password")); err != nil {
		return nil, moment, err
	}
	size := sizeOf(s.base())
	say("base backup under load: %.1f MB in %s, %.0f MB/s", size/1e6, time.Since(began).Round(time.Millisecond), size/1e6/time.Since(began).Seconds())
	if err := pause(ctx, c.Span); err != nil {
		return nil, moment, err
	}
	moment = time.Now()
	if err := pause(ctx, c.Span); err != nil {
		return nil, moment, err
	}
	if err := killServer(filepath.Join(b.dir, "postgres", "data")); err != nil {
		return nil, moment, err
	}
	acks.wait()
	<-b.server.Done()
	if err := os.RemoveAll(filepath.Join(b.dir, "postgres", "data")); err != nil {
		return nil, moment, err
	}
	say("the server was killed and its files removed: %d messages had been acknowledged", acks.count(time.Time{}))
	return acks, moment, s.gather(c.Cut)
}

// restore starts a server from the backup and the log, up to the end or to a
// moment, and looks at what it has.
func (c drillRestore) restore(ctx context.Context, b *bench, s *shadow, acks *acknowledged, moment time.Time) (err error) {
	name, settings := "to the end", map[string]string{"restore_command": "false"} // the log lies in place
	if !moment.IsZero() {
		name = "to " + moment.UTC().Format("15:04:05.000")
		settings["recovery_target_time"] = moment.UTC().Format("2006-01-02 15:04:05.000000-07")
		settings["recovery_target_action"] = "promote"
	}
	began := time.Now()
	server, err := pgproc.Start(ctx, pgproc.Config{Dir: filepath.Join(b.dir, "restored "+strings.ReplaceAll(name, ":", "")), From: s.base(),
		Settings: settings, StartTimeout: 30 * time.Minute})
	if err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	if err := promoted(ctx, server.URL()); err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	up := time.Since(began)
	lost, later, err := c.missing(ctx, server.URL(), acks, moment)
	if err != nil {
		return err
	}
	checking := time.Now()
	faults := fsckAgain(ctx, filepath.Join(b.dir, "bode"), server.URL())
	say("restored %s: answers after %s, checked in %s; lost %d of %d acknowledged, %d from later than asked; fsck: %s", name,
		up.Round(time.Millisecond), time.Since(checking).Round(time.Millisecond), lost, acks.count(moment), later, outcomeOf(faults))
	if lost+later > 0 {
		faults = errors.Join(faults, fmt.Errorf("restored %s: %w: %d, and %d too many", name, errLost, lost, later))
	}
	return faults
}

// promoted waits until a server has replayed its log and takes writes.
func promoted(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for replaying := true; replaying; {
		if err := conn.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&replaying); err != nil {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func outcomeOf(err error) string {
	if err != nil {
		return "FAULTS"
	}
	return "clean"
}

// missing counts what was acknowledged until the moment and is not there, and
// what is there and was submitted after it.
func (c drillRestore) missing(ctx context.Context, address string, acks *acknowledged, moment time.Time) (lost, later int, err error) {
	pool, err := pgxpool.New(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	defer pool.Close()
	var there []string
	if err := pool.QueryRow(ctx, `SELECT coalesce(array_agg(reference), '{}') FROM message WHERE reference LIKE 'DRILL-%'`).Scan(&there); err != nil {
		return 0, 0, err
	}
	if !moment.IsZero() {
		err = pool.QueryRow(ctx, `SELECT count(*) FROM message WHERE submitted_at > $1`, moment).Scan(&later)
	}
	return acks.missing(there, moment), later, err
}

// fsckAgain checks what a service keeps against another database.
func fsckAgain(ctx context.Context, dir, address string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "fsck", "--demo", dir)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+address)
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, l := range lines[max(0, len(lines)-3):] {
		say("    fsck: %s", l)
	}
	return err
}

// killServer ends every process of a server at once. Where they cannot be listed
// the postmaster alone goes, and the others find out.
func killServer(data string) error {
	p, err := postmasterIn(data)
	if err != nil {
		return err
	}
	return errors.Join(killChildren(p.Pid), p.Kill())
}

// postmasterIn is the process that serves the files in data.
func postmasterIn(data string) (*os.Process, error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return nil, err
	}
	return os.FindProcess(pid)
}

// sizeOf is how many octets lie below dir.
func sizeOf(dir string) (n float64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if info, e := d.Info(); err == nil && e == nil && info.Mode().IsRegular() {
			n += float64(info.Size())
		}
		return nil // what is gone meanwhile counts nothing
	})
	return n
}
