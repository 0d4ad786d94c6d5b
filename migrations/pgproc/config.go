package pgproc

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"
)

// Errors of finding the server's programs.
var (
	// ErrNotFound: no PostgreSQL of at least MinMajor on this machine and none
	// could be fetched. The text names what was tried and what to install.
	ErrNotFound = errors.New("pgproc: no usable PostgreSQL")
	// ErrUnsupported: this operating system has no unix process control; give
	// the program the address of a server instead.
	ErrUnsupported = errors.New("pgproc: a private PostgreSQL is not supported on this system")
)

// Errors of starting an instance. After each of them nothing is left running.
var (
	// ErrConfig: the configuration contradicts itself.
	ErrConfig = errors.New("pgproc: bad configuration")
	// ErrInUse: another process owns the instance.
	ErrInUse = errors.New("pgproc: instance is in use by another process")
	// ErrUnreachable: the user the server would run as cannot enter a directory
	// above the instance or above the server's programs.
	ErrUnreachable = errors.New("pgproc: directory is closed to the server's user")
	// ErrVersion: the cluster was made by another major version than the server's.
	ErrVersion = errors.New("pgproc: cluster belongs to another major version")
	// ErrBroken: the instance misses a part that cannot be made again.
	ErrBroken = errors.New("pgproc: instance is damaged")
	// ErrStart: a program of the server failed; the text ends with its last words.
	ErrStart = errors.New("pgproc: server does not start")
)

// Names inside every instance.
const (
	// Role is the account that URL signs in with: it owns Database and may make
	// databases and roles, but is no superuser, so row-level security binds it.
	Role = "bode"
	// Database is the database that URL opens.
	Database = "bode"

	superuser = "postgres"
)

// Config says where an instance lives and how careful its server is.
type Config struct {
	// Dir is the instance. Empty: a new temporary directory, removed by Stop.
	// For root every directory above it must be open to others (o+x).
	Dir string
	// BinDir holds initdb and postgres. Empty: searched for, see Find.
	BinDir string
	// Repository is the mirror to fetch PostgreSQL from when this machine has
	// none. Empty: the environment variable BODE_PG_REPOSITORY, else the
	// downloader's own default.
	Repository string
	// From is a stopped instance to copy when Dir has no cluster yet; empty: a
	// new cluster is made. Copying takes a tenth of the time.
	From string
	// Unsafe gives up durability for speed: what the server has acknowledged can
	// be lost when the machine stops. For tests only.
	Unsafe bool
	// TCP also listens on a free port of 127.0.0.1, for tools without unix sockets.
	TCP bool
	// Standby says that the server follows another one (its data holds
	// standby.signal): Start returns once it answers readers.
	Standby bool
	// Settings are further server settings by name; they win over ours.
	Settings map[string]string
	// StartTimeout bounds the wait for the server, recovery after a crash
	// included. Default: one minute.
	StartTimeout time.Duration
	// Logger gets a line per step. Default: discards.
	Logger *slog.Logger
}

// validate completes cfg with its defaults.
func (cfg Config) validate() (Config, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = time.Minute
	}
	for _, path := range []*string{&cfg.Dir, &cfg.From, &cfg.BinDir} {
		if *path == "" {
			continue
		}
		if strings.ContainsAny(*path, "\x00\n\"") {
			return cfg, fmt.Errorf("%w: path %q holds a quote or a line break", ErrConfig, *path)
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return cfg, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		*path = abs
	}
	if cfg.From != "" && cfg.From == cfg.Dir {
		return cfg, fmt.Errorf("%w: From and Dir are the same directory", ErrConfig)
	}
	return cfg, nil
}
