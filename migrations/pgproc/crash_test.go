//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

func TestKilledOwnerLeavesNoServer(t *testing.T) {
	t.Parallel()
	dir := place(t)
	owner, said := child(t, "serve:"+dir)
	pid, err := strconv.Atoi(said[0])
	if err != nil {
		t.Fatal(err)
	}
	ask(t, said[1], `WITH t AS (SELECT 1) SELECT 'ok' FROM t`)
	if _, err := tryAsk(t.Context(), said[1], `CREATE TABLE kept (n int)`); err == nil {
		t.Fatal("CREATE returned a row")
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, "server ends after its owner", 5*time.Second, func() bool { return !alive(pid) })
	s := start(t, func(c *Config) { c.Dir, c.From = dir, "" })
	if got := ask(t, s.URL(), `SELECT to_regclass('kept')::text`); got != "kept" {
		t.Errorf("table is %q", got)
	}
}

func TestUnknownLocaleDoesNotMatter(t *testing.T) {
	t.Parallel()
	_, said := child(t, "serve:"+place(t), "LC_ALL=xx_YY.UTF-8", "LANG=nl_BE", "TZ=Mars/Base", "PGPORT=1", "PGDATA=/none")
	if got := ask(t, said[1], `SELECT current_setting('TimeZone')`); got != "UTC" {
		t.Errorf("time zone %s", got)
	}
}

func TestPipeEndsWhatItWatches(t *testing.T) {
	t.Parallel()
	owner, said := child(t, "watch:")
	pid, err := strconv.Atoi(said[0])
	if err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		t.Fatal("nothing to watch")
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, "process ends after its owner", 5*time.Second, func() bool { return !alive(pid) })
}

// orphan runs a server on dir that nobody owns and that no death signal ends.
func orphan(t *testing.T, dir string) (pid int) {
	t.Helper()
	inst, err := openInstance(Config{Dir: dir, Unsafe: true}.must(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.chooseBinaries(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &Server{inst: inst, exited: make(chan struct{}), port: 5432}
	if err := inst.openSocketDir(s.port); err != nil {
		t.Fatal(err)
	}
	s.cmd = inst.command("postgres", inst.serverArgs(s.port)...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.cmd.Wait(); close(s.exited) }()
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); <-s.exited })
	if err := s.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	releaseLock(inst.lock)
	return s.cmd.Process.Pid
}

func (cfg Config) must(t *testing.T) Config {
	t.Helper()
	cfg, err := cfg.validate()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestOrphanIsEndedByTheNextOwner(t *testing.T) {
	t.Parallel()
	first := start(t, nil)
	dir := first.inst.dir
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid := orphan(t, dir)
	began := time.Now()
	s := start(t, func(c *Config) { c.Dir, c.From = dir, "" })
	t.Logf("take-over took %s", time.Since(began).Round(time.Millisecond))
	if alive(pid) {
		t.Error("the orphan lives")
	}
	if got := ask(t, s.URL(), `SELECT 'ok'`); got != "ok" {
		t.Error(got)
	}
}

func TestRemoveEndsTheOrphan(t *testing.T) {
	t.Parallel()
	first := start(t, nil)
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid := orphan(t, first.inst.dir)
	if err := Remove(t.Context(), first.inst.dir); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("the orphan lives")
	}
	if _, err := os.Stat(first.inst.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory stays: %v", err)
	}
	if err := Remove(t.Context(), first.inst.dir); err != nil {
		t.Errorf("second Remove: %v", err)
	}
}

func TestStrangerWithTheOldNumberIsLeftAlone(t *testing.T) {
	t.Parallel()
	first := start(t, nil)
	dir := first.inst.dir
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"our own number": strconv.Itoa(os.Getpid()) + "\n" + dir + "/data\n",
		"cut off":        "",
		"garbage":        "twelve\n",
		"every process":  "-1\n",
		"process one":    "1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "data", "postmaster.pid"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Start(t.Context(), Config{Dir: dir, Unsafe: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKilledServerRecovers: a postmaster alone is killed; a process of it that
// reckons, and does not notice, holds its memory for two seconds more.
func TestKilledServerRecovers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var until time.Time
	if err := conn.QueryRow(t.Context(), `SELECT clock_timestamp() + interval '2 s'`).Scan(&until); err != nil {
		t.Fatal(err)
	}
	busy := `DO $$ BEGIN WHILE clock_timestamp() < '` + until.Format(time.RFC3339Nano) + `' LOOP END LOOP; END $$; SELECT 1`
	if err := conn.PgConn().Conn().SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	conn.PgConn().Frontend().SendQuery(&pgproto3.Query{String: busy})
	if err := conn.PgConn().Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	await(t, "query runs", 5*time.Second, func() bool {
		return ask(t, s.URL(), `SELECT count(*)::text FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'`) == "1"
	})
	if err := syscall.Kill(s.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop after death: %v", err)
	}
	again, err := Start(t.Context(), Config{Dir: s.inst.dir, Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	if time.Now().Before(until) {
		t.Error("the query had ended before: nothing was waited for")
	}
	if err := again.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestHalfMadeClusterIsMadeAgain(t *testing.T) {
	t.Parallel()
	dir := place(t)
	if err := os.MkdirAll(filepath.Join(dir, "data.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data.new", "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *Config) { c.Dir = dir })
	if got := ask(t, s.URL(), `SELECT 'ok'`); got != "ok" {
		t.Error(got)
	}
}

func TestDamagedInstanceIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		damage func(dir string) error
		want   error
	}{
		"no password": {func(dir string) error { return os.Remove(filepath.Join(dir, "password")) }, ErrBroken},
		"no cluster":  {func(dir string) error { return os.Remove(filepath.Join(dir, "data", "PG_VERSION")) }, ErrBroken},
		"odd version": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("x"), 0o600)
		}, ErrBroken},
		"older version": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("14\n"), 0o600)
		}, ErrVersion},
		"other secret": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "password"), []byte("no\n"), 0o600) }, ErrStart},
		"no catalogue": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "data", "global")) }, ErrStart},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := start(t, nil)
			if err := first.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := tc.damage(first.inst.dir); err != nil {
				t.Fatal(err)
			}
			s, err := Start(t.Context(), Config{Dir: first.inst.dir, Unsafe: true})
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if err == nil {
				_ = s.Stop(t.Context())
			}
		})
	}
}

func TestFailedInitdbLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := place(t)
	bin := fakeBin(t, filepath.Join(filepath.Dir(dir), "bin"), "18.1", `echo "out of cheese" >&2; exit 1`)
	_, err := Start(t.Context(), Config{Dir: dir, BinDir: bin})
	if !errors.Is(err, ErrStart) || !strings.Contains(err.Error(), "out of cheese") {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"data", "data.new"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s stays: %v", name, err)
		}
	}
	start(t, func(c *Config) { c.Dir = dir })
}

func TestStartStopsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := place(t)
	began := filepath.Join(filepath.Dir(dir), "inst", "began")
	bin := fakeBin(t, filepath.Join(filepath.Dir(dir), "bin"), "18.1", `echo $$ > "$HOME/began"; sleep 600; exit 1`)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := Start(ctx, Config{Dir: dir, BinDir: bin})
		result <- err
	}()
	var pid int
	await(t, "initdb began", 10*time.Second, func() bool {
		text, err := os.ReadFile(began)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if alive(pid) {
		t.Error("initdb goes on")
	}
}
