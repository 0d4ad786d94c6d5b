//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/bode-erds/bode/migrations"
	"github.com/bode-erds/bode/migrations/pgproc"
)

// The cache holds:
//
//	lock                 shared while a cluster is copied, exclusive while one is
//	                     made or removed
//	base-MAJOR           a stopped instance without schema
//	schema-MAJOR-HASH    a stopped instance with the template for that schema
//	run/*                the instances of test processes, living and dead
//
// An instance is made as NAME.new and renamed when it is complete. Where memory
// can hold files and has room, run is there instead: making a database is mostly
// making three hundred files, and takes a third of the time.

// startPrivate starts the server of this process and returns its address.
// Nobody stops it: it dies with the process, and the next process clears up.
func startPrivate(ctx context.Context) (string, error) {
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	fingerprint, err := migrations.Fingerprint()
	if err != nil {
		return "", err
	}
	bin, err := pgproc.Obtain(ctx, pgproc.Search{}, pgproc.FetchConfig{})
	if err != nil {
		return "", err
	}
	major := strconv.Itoa(bin.Major)
	c := cluster{
		dir: dir, bin: bin.Dir, fingerprint: fingerprint, run: runDir(dir),
		base:   filepath.Join(dir, "base-"+major),
		schema: filepath.Join(dir, "schema-"+major+"-"+fingerprint),
	}
	if err := c.prepare(ctx); err != nil {
		return "", err
	}

	lock, err := takeLock(dir, syscall.LOCK_SH)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	run, err := os.MkdirTemp(c.run, "")
	if err != nil {
		return "", err
	}
	s, err := pgproc.Start(ctx, pgproc.Config{Dir: run, BinDir: c.bin, From: c.schema, Unsafe: true})
	if err != nil {
		return "", err
	}
	return s.URL(), nil
}

// cluster is the pair of instances that servers are copied from.
type cluster struct {
	dir, run, bin, fingerprint string
	base, schema               string
}

// prepare makes what is missing, and clears away what earlier processes left.
// The lock comes before the look: two processes do not make the same instance.
func (c cluster) prepare(ctx context.Context) error {
	lock, err := takeLock(c.dir, syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := os.MkdirAll(c.run, 0o755); err != nil {
		return err
	}
	sweep(ctx, c.dir, c.run, c.base, c.schema)
	if !exists(c.base) {
		if err := c.make(ctx, c.base, "", nil); err != nil {
			return err
		}
	}
	if exists(c.schema) {
		return nil
	}
	return c.make(ctx, c.schema, c.base, func(url string) error {
		s, err := attach(ctx, url)
		if err != nil {
			return err
		}
		defer s.admin.Close()
		_, err = s.template(ctx, c.fingerprint)
		return err
	})
}

// make runs a server on a new instance, has fill work on it, and stops it.
func (c cluster) make(ctx context.Context, dir, from string, fill func(url string) error) error {
	fresh := dir + ".new"
	if err := pgproc.Remove(ctx, fresh); err != nil {
		return err
	}
	s, err := pgproc.Start(ctx, pgproc.Config{Dir: fresh, BinDir: c.bin, From: from, Unsafe: true})
	if err != nil {
		return err
	}
	if fill != nil {
		err = fill(s.URL())
	}
	if err = errors.Join(err, s.Stop(ctx)); err != nil {
		return errors.Join(err, pgproc.Remove(ctx, fresh))
	}
	return os.Rename(fresh, dir)
}

// cacheDir returns the cache. Root's cannot be below its home, which is closed
// to the server's user; so it is checked that nobody planted it.
func cacheDir() (string, error) {
	dir := os.Getenv("BODE_PGTEST_DIR")
	if dir == "" && os.Geteuid() != 0 {
		if cache, err := os.UserCacheDir(); err == nil {
			dir = filepath.Join(cache, "bode-pgtest")
		}
	}
	if dir == "" {
		dir = filepath.Join("/var/tmp", "bode-pgtest-"+strconv.Itoa(os.Geteuid()))
	}
	if err := ours(dir); err != nil {
		return "", err
	}
	return dir, nil
}

// runDir returns where the instances of test processes go: in memory when the
// cache has its usual place and memory has room, else in the cache.
func runDir(cache string) string {
	if os.Getenv("BODE_PGTEST_DIR") == "" && roomInMemory() {
		if dir := filepath.Join(memory, "bode-pgtest-"+strconv.Itoa(os.Geteuid())); ours(dir) == nil {
			return dir
		}
	}
	return filepath.Join(cache, "run")
}

// ours makes dir, and refuses one that somebody else made or can write.
func ours(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("cache %s must be a directory that only we can write", dir)
	}
	return nil
}

// takeLock waits for the lock of the cache; the end of the process frees it.
func takeLock(dir string, how int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock of the cache: %w", err)
		}
		return f, nil
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
