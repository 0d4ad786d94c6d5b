//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestStartMakesAClusterThatStopsAndStartsAgain(t *testing.T) {
	t.Parallel()
	dir := place(t)
	s, err := Start(t.Context(), Config{Dir: dir}) // durable: with fsync
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, s.URL(), `SELECT current_setting('fsync') || current_setting('data_checksums')`); got != "onon" {
		t.Errorf("fsync and checksums: %s", got)
	}
	ask(t, s.URL(), `SELECT set_config('a.b', 'c', false)`)
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tryAsk(t.Context(), s.URL(), `SELECT 'x'`); err == nil {
		t.Error("the server answers after Stop")
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
	again := start(t, func(c *Config) { c.Dir, c.From, c.Unsafe = dir, "", false })
	if again.URL() != s.URL() {
		t.Error("the address changed between runs")
	}
}

func TestRoleIsBoundByRowLevelSecurity(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	got := ask(t, s.URL(), `SELECT concat(rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolname)
		FROM pg_roles WHERE rolname = current_user`)
	if got != "ffttbode" {
		t.Errorf("super, bypassrls, createdb, createrole, name: %s", got)
	}
}

func TestClosedToOthers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(Role, "guess")
	if _, err := tryAsk(t.Context(), u.String(), `SELECT 'x'`); err == nil {
		t.Error("a wrong password opens the database")
	}
	u.User = url.User(superuser)
	if _, err := tryAsk(t.Context(), u.String(), `SELECT 'x'`); err == nil {
		t.Error("no password opens the database")
	}
	if got := ask(t, s.URL(), `SELECT current_setting('listen_addresses')`); got != "" {
		t.Errorf("listens on %q", got)
	}
	for path, want := range map[string]os.FileMode{".": 0o700, "sock": 0o700, "data": 0o700, "password": 0o600} {
		info, err := os.Stat(filepath.Join(s.inst.dir, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", path, info.Mode().Perm(), err)
		}
	}
}

func TestTCPListensOnLoopback(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.TCP = true })
	if !strings.Contains(s.URL(), "127.0.0.1") {
		t.Errorf("address %q", s.URL())
	}
	if got := ask(t, s.URL(), `SELECT host(inet_server_addr())`); got != "127.0.0.1" {
		t.Errorf("answers on %s", got)
	}
}

func TestSecondOwnerIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	if _, err := Start(t.Context(), Config{Dir: s.inst.dir, Unsafe: true}); !errors.Is(err, ErrInUse) {
		t.Errorf("second start: %v", err)
	}
	if err := Remove(t.Context(), s.inst.dir); !errors.Is(err, ErrInUse) {
		t.Errorf("remove: %v", err)
	}
	if _, err := Start(t.Context(), Config{Dir: place(t), From: s.inst.dir, Unsafe: true}); !errors.Is(err, ErrInUse) {
		t.Errorf("copy: %v", err)
	}
	if got := ask(t, s.URL(), `SELECT 'alive'`); got != "alive" {
		t.Error("the first owner suffered")
	}
}

func TestForgottenServerStaysOwner(t *testing.T) {
	t.Parallel()
	dir := place(t)
	url, done := func() (string, <-chan struct{}) {
		s, err := Start(t.Context(), Config{Dir: dir, From: baseInstance(t), Unsafe: true})
		if err != nil {
			t.Fatal(err)
		}
		return s.URL(), s.Done()
	}()
	for range 5 {
		runtime.GC() // finalizers close what nobody holds
	}
	if err := Remove(t.Context(), dir); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
	if got := ask(t, url, `SELECT 'alive'`); got != "alive" {
		t.Error(got)
	}
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-done
}

func TestOneOfManyOwnersWins(t *testing.T) {
	t.Parallel()
	cfg := Config{Dir: place(t), From: baseInstance(t), Unsafe: true}
	var won atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := Start(t.Context(), cfg)
			switch {
			case err == nil:
				won.Add(1)
				t.Cleanup(func() { _ = s.Stop(context.Background()) })
			case !errors.Is(err, ErrInUse):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d owners", won.Load())
	}
}

func TestLongPathFallsBackToAShortSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(place(t), strings.Repeat("long", 30))
	s := start(t, func(c *Config) { c.Dir = dir })
	if got := ask(t, s.URL(), `SELECT 'ok'`); got != "ok" {
		t.Error(got)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.inst.sockDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket directory stays: %v", err)
	}
}

func TestSocketDirectoryOfAStrangerIsRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(place(t), strings.Repeat("long", 30))
	inst := &instance{dir: dir}
	if err := inst.openSocketDir(5432); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(inst.sockDir); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, inst.sockDir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(inst.sockDir) })
	_, err := Start(t.Context(), Config{Dir: dir, From: baseInstance(t), Unsafe: true})
	if !errors.Is(err, ErrStart) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(inst.sockDir); err != nil {
		t.Errorf("the link was taken away: %v", err)
	}
}

func TestOddPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{`a, b`, `a b 'c' é&x=1+1%20;`} {
		s := start(t, func(c *Config) { c.Dir = filepath.Join(place(t), name) })
		if got := ask(t, s.URL(), `SELECT 'ok'`); got != "ok" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestTemporaryInstanceGoesAtStop(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Config{From: baseInstance(t), Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, s.URL(), `SELECT 'ok'`); got != "ok" {
		t.Error(got)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.inst.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory stays: %v", err)
	}
}

func TestStopIsQuickWithOpenTransactions(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	slow := make(chan error, 1)
	go func() {
		_, err := tryAsk(context.Background(), s.URL(), `SELECT pg_sleep(60)::text`)
		slow <- err
	}()
	await(t, "slow query runs", 5*time.Second, func() bool {
		return ask(t, s.URL(), `SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()`) == "1"
	})
	began := time.Now()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if err := <-slow; err == nil {
		t.Error("the query ended well")
	}
}

func TestConfigIsRefused(t *testing.T) {
	t.Parallel()
	dir := place(t)
	for name, cfg := range map[string]Config{
		"quote":     {Dir: dir + `"`},
		"newline":   {Dir: dir + "\n"},
		"copy self": {Dir: dir, From: dir},
		"no source": {Dir: dir, From: filepath.Join(dir, "none")},
		"a file":    {Dir: "/dev/null/x"},
	} {
		if s, err := Start(t.Context(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				_ = s.Stop(t.Context())
			}
		}
	}
}

func TestBadSettingTellsTheServersWords(t *testing.T) {
	t.Parallel()
	dir := place(t)
	_, err := Start(t.Context(), Config{Dir: dir, From: baseInstance(t), Unsafe: true,
		Settings: map[string]string{"no_such_setting": "1"}})
	if !errors.Is(err, ErrStart) || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v", err)
	}
	start(t, func(c *Config) { c.Dir = dir }) // nothing stayed locked or running
}
