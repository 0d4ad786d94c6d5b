package pgproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// fetched is the version taken when the machine has none.
const fetched = embeddedpostgres.V18

// fetchedMajor is the major version of fetched.
const fetchedMajor = 18

// FetchConfig says where to fetch PostgreSQL from and where to keep it.
type FetchConfig struct {
	// CacheDir keeps what was fetched. Empty: /var/cache/bode for root, because
	// the server's user must be able to read it, else the user's cache.
	CacheDir string
	// Repository is the mirror. Empty: the environment variable
	// BODE_PG_REPOSITORY, else the downloader's own default.
	Repository string
}

// Fetch returns a PostgreSQL from the cache, after downloading it when needed.
// The downloader checks the archive against the digest published beside it, so
// a mirror is trusted as much as its transport: fit for demonstration and tests.
//
// What is unpacked gets its final name only when complete; a crash before leaves
// an unpack-* directory in the cache, which nobody reads.
func Fetch(ctx context.Context, cfg FetchConfig) (Binaries, error) {
	cache, err := cfg.cacheDir()
	if err != nil {
		return Binaries{}, err
	}
	home := filepath.Join(cache, "postgresql-"+string(fetched))
	if b, err := probe(ctx, filepath.Join(home, "bin"), fetchedMajor); err == nil {
		return b, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Binaries{}, fmt.Errorf("%w: cache: %w", ErrNotFound, err)
	}
	work, err := os.MkdirTemp(cache, "unpack-")
	if err != nil {
		return Binaries{}, fmt.Errorf("%w: cache: %w", ErrNotFound, err)
	}
	if err := os.Chmod(work, 0o755); err != nil {
		os.RemoveAll(work)
		return Binaries{}, fmt.Errorf("%w: cache: %w", ErrNotFound, err)
	}

	// The downloader takes no context: when ours ends first we stop waiting, and
	// whoever comes last clears up.
	done := make(chan error, 1)
	go func() { done <- download(cfg, cache, work) }()
	var downloadErr error
	select {
	case downloadErr = <-done:
		defer os.RemoveAll(work)
	case <-ctx.Done():
		go func() { <-done; os.RemoveAll(work) }()
		return Binaries{}, ctx.Err()
	}
	unpacked := filepath.Join(work, "pg")
	if _, err := probe(ctx, filepath.Join(unpacked, "bin"), fetchedMajor); err != nil {
		return Binaries{}, fmt.Errorf("%w: download: %w", ErrNotFound, errors.Join(downloadErr, err))
	}
	// A second process may have been faster; its copy is as good.
	if err := os.Rename(unpacked, home); err != nil {
		if b, probeErr := probe(ctx, filepath.Join(home, "bin"), fetchedMajor); probeErr == nil {
			return b, nil
		}
		return Binaries{}, fmt.Errorf("%w: cache: %w", ErrNotFound, err)
	}
	return probe(ctx, filepath.Join(home, "bin"), fetchedMajor)
}

// download uses the library's Start for what it does before starting: fetch,
// check, unpack. The locale does not exist, so its initdb fails and no server of
// the library ever runs; that expected error is returned and only matters when
// the programs are not there afterwards.
func download(cfg FetchConfig, cache, work string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	c := embeddedpostgres.DefaultConfig().
		Version(fetched).
		Port(uint32(port)).
		Locale("none_BODE").
		CachePath(filepath.Join(cache, "archives")).
		BinariesPath(filepath.Join(work, "pg")).
		RuntimePath(filepath.Join(work, "run")).
		DataPath(filepath.Join(work, "run", "data")).
		Logger(io.Discard)
	repository := cfg.Repository
	if repository == "" {
		repository = os.Getenv("BODE_PG_REPOSITORY")
	}
	if repository != "" {
		c = c.BinaryRepositoryURL(repository)
	}
	server := embeddedpostgres.NewDatabase(c)
	if err := server.Start(); err != nil {
		return err
	}
	return server.Stop()
}

func (cfg FetchConfig) cacheDir() (string, error) {
	if cfg.CacheDir != "" {
		return filepath.Abs(cfg.CacheDir)
	}
	if os.Geteuid() == 0 {
		return "/var/cache/bode", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: no cache directory: %w", ErrNotFound, err)
	}
	return filepath.Join(dir, "bode"), nil
}

// freePort returns a port of 127.0.0.1 that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("pgproc: unexpected address %s", l.Addr())
	}
	return addr.Port, nil
}
