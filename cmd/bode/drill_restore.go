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
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// drillRestore loses a database and restores it.
type drillRestore struct {
	Clients   int           `help:"Connections that submit." default:"16"`
	Span      time.Duration `help:"Time of each part." default:"5s"`
	Rounds    int           `help:"Rounds in which the cost of waiting for the second copy is measured." default:"3"`
	Cut       bool          `help:"Leave what the log got since the moment out: the drill must then report what was lost."`
	Backwards bool          `help:"Copy content before the database instead of after it: the drill must then report what is missing."`
}

var errLost = errors.New("something that was acknowledged is missing")

// Run keeps a store of bode backup beside a private server, submits, takes a
// backup meanwhile, kills the server, removes its files, and restores with bode
// restore into new places: to the moment of which the store has all content; to the
// end, once the content that came since is copied too; and to a moment, where what
// came later may not be there. Keys are not in the store: it must refuse without.
func (c drillRestore) Run(ctx context.Context, log *slog.Logger) (err error) {
	b, err := openBench(ctx, log, map[string]string{"max_wal_size": "256MB"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	s, err := openSecondPlace(ctx, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := c.cost(ctx, b, s); err != nil {
		return err
	}
	acks, moment, err := c.disaster(ctx, b, s)
	if err != nil {
		return err
	}
	if c.Backwards {
		return c.restore(ctx, s, acks, "base")
	}
	var faults error
	if !c.Cut { // the moments may lie in what was left out
		faults = errors.Join(c.withoutKeys(ctx, s), c.restore(ctx, s, acks, "content"))
	}
	// The vault lies elsewhere and is still there: what came since is copied.
	if out, err := s.backup(ctx, "content", "--content-dir", s.service("content")).CombinedOutput(); err != nil {
		return errors.Join(faults, fmt.Errorf("bode backup content: %w: %s", err, out))
	}
	faults = errors.Join(faults, c.restore(ctx, s, acks, "latest"))
	if c.Cut {
		return faults
	}
	if out, err := s.backup(ctx, "verify").CombinedOutput(); err != nil {
		faults = errors.Join(faults, fmt.Errorf("bode backup verify: %w: %s", err, out))
	}
	return errors.Join(faults, c.restore(ctx, s, acks, moment.UTC().Format(time.RFC3339Nano)))
}

// cost measures what waiting for the second copy costs.
func (c drillRestore) cost(ctx context.Context, b *bench, s *secondPlace) (err error) {
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
func (c drillRestore) disaster(ctx context.Context, b *bench, s *secondPlace) (acks *acknowledged, moment time.Time, err error) {
	if err := s.await(ctx, true); err != nil {
		return nil, moment, err
	}
	service, err := b.subject(ctx, "bode", b.server.URL(), "--keys", strconv.Itoa(benchKeyCount), "--workers")
	if err != nil {
		return nil, moment, err
	}
	defer func() { _ = service.Close() }() // its database is gone: it complains
	broken := make(chan struct{})
	acks = submitUntil(ctx, broken, service, c.Clients)
	defer acks.wait()
	end := sync.OnceFunc(func() { close(broken) })
	defer end()
	if err := pause(ctx, c.Span); err != nil {
		return nil, moment, err
	}
	began := time.Now()
	flags := []string{}
	if c.Backwards {
		flags = append(flags, "--content-first")
	}
	if err := s.take(ctx, flags...); err != nil {
		return nil, moment, err
	}
	size := sizeOf(s.store)
	say("backup under load: %.1f MB in %s, %.0f MB/s", size/1e6, time.Since(began).Round(time.Millisecond), size/1e6/time.Since(began).Seconds())
	if err := pause(ctx, c.Span); err != nil {
		return nil, moment, err
	}
	moment = time.Now()
	kept, err := switchLog(ctx, s.admin)
	if err != nil {
		return nil, moment, err
	}
	if err := pause(ctx, c.Span); err != nil {
		return nil, moment, err
	}
	if err := killServer(filepath.Join(b.dir, "postgres", "data")); err != nil {
		return nil, moment, err
	}
	end()
	acks.wait()
	<-b.server.Done()
	if err := os.RemoveAll(filepath.Join(b.dir, "postgres", "data")); err != nil {
		return nil, moment, err
	}
	say("the server was killed and its files removed: %d messages had been acknowledged, %d of them since %s", acks.count(time.Time{}),
		acks.count(time.Time{})-acks.count(moment), moment.Format("15:04:05.000"))
	if err := s.end(); err != nil || !c.Cut {
		return acks, moment, err
	}
	return acks, moment, s.cut(kept)
}

// switchLog begins a new part of a server's log, and names the one it ended.
func switchLog(ctx context.Context, address string) (ended string, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return ended, conn.QueryRow(ctx, `SELECT pg_walfile_name(pg_switch_wal())`).Scan(&ended)
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
	for _, l := range lines[max(0, len(lines)-12):] {
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
