package pgproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// MinMajor is the oldest major version whose behaviour we rely on.
const MinMajor = 15

// Binaries is a PostgreSQL installation.
type Binaries struct {
	Dir   string // holds initdb and postgres
	Major int    // 15, 16, …
}

// Search says where Find looks.
type Search struct {
	// BinDir is the only place looked at when set.
	// Empty: the environment variable BODE_PG_BIN.
	BinDir string
	// Major asks for exactly this version; 0 accepts MinMajor and newer.
	Major int
	// Globs are the installation directories looked at, newest version first.
	// Nil: where the distributions of Linux and macOS put them.
	Globs []string
}

// Find returns the installation to use: BinDir, else the first that fits of the
// PATH, pg_config and Globs. It runs "postgres --version" of each candidate.
// ErrNotFound when there is none; what BinDir names is never silently replaced.
func Find(ctx context.Context, s Search) (Binaries, error) {
	if s.BinDir == "" {
		s.BinDir = os.Getenv("BODE_PG_BIN")
	}
	if s.BinDir != "" {
		return probe(ctx, s.BinDir, s.Major)
	}
	var tried []string
	for _, dir := range candidates(ctx, s.Globs) {
		b, err := probe(ctx, dir, s.Major)
		if err == nil {
			return b, nil
		}
		tried = append(tried, err.Error())
	}
	want := fmt.Sprintf("version %d or newer", MinMajor)
	if s.Major != 0 {
		want = fmt.Sprintf("version %d", s.Major)
	}
	err := fmt.Errorf("%w: %s needed; install the package postgresql (Debian, Ubuntu), "+
		"postgresql-server (Fedora) or postgresql@18 (Homebrew), or set BODE_PG_BIN", ErrNotFound, want)
	if len(tried) > 0 {
		err = fmt.Errorf("%w; looked at: %s", err, strings.Join(tried, "; "))
	}
	return Binaries{}, err
}

// Obtain is Find, and Fetch when Find has nothing to offer and nobody has said
// which programs to use. A version that Fetch does not know must be installed.
func Obtain(ctx context.Context, s Search, f FetchConfig) (Binaries, error) {
	b, err := Find(ctx, s)
	named := s.BinDir != "" || os.Getenv("BODE_PG_BIN") != ""
	if err == nil || named || ctx.Err() != nil || (s.Major != 0 && s.Major != fetchedMajor) {
		return b, err
	}
	b, fetchErr := Fetch(ctx, f)
	if fetchErr != nil {
		return Binaries{}, fmt.Errorf("%w; fetching one failed too: %w", err, fetchErr)
	}
	return b, nil
}

// candidates lists directories that may hold a server, best first, each once.
func candidates(ctx context.Context, globs []string) []string {
	var dirs []string
	add := func(dir string) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	// initdb may be a link in a directory that has no postgres beside it.
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			add(filepath.Dir(real))
		}
	}
	if path, err := exec.LookPath("pg_config"); err == nil {
		if out, err := exec.CommandContext(ctx, path, "--bindir").Output(); err == nil {
			add(strings.TrimSpace(string(out)))
		}
	}
	if globs == nil {
		globs = defaultGlobs()
	}
	var found []string
	for _, g := range globs {
		matches, _ := filepath.Glob(g) // the only error is a bad pattern
		found = append(found, matches...)
	}
	slices.SortStableFunc(found, func(a, b string) int { return pathVersion(b) - pathVersion(a) })
	for _, dir := range found {
		if _, err := os.Stat(filepath.Join(dir, "postgres")); err == nil {
			add(dir)
		}
	}
	return dirs
}

func defaultGlobs() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/libexec/postgresql*",
		"/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	}
}

var (
	digits        = regexp.MustCompile(`\d+`)
	serverVersion = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)
)

// pathVersion reads the major version out of a directory name, as a number: as
// text, 9 would sort above 18.
func pathVersion(dir string) int {
	all := digits.FindAllString(dir, -1)
	if len(all) == 0 {
		return 0
	}
	n, err := strconv.Atoi(all[len(all)-1])
	if err != nil {
		return 0
	}
	return n
}

// probe asks the server in dir for its version.
func probe(ctx context.Context, dir string, major int) (Binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return Binaries{}, fmt.Errorf("%w: %s has no initdb", ErrNotFound, dir)
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return Binaries{}, ctxErr
		}
		if _, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New("exits with an error")
		}
		return Binaries{}, fmt.Errorf("%w: %s: postgres --version: %w", ErrNotFound, dir, err)
	}
	m := serverVersion.FindSubmatch(out)
	if m == nil {
		return Binaries{}, fmt.Errorf("%w: %s: unknown version", ErrNotFound, dir)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil || n < MinMajor {
		return Binaries{}, fmt.Errorf("%w: %s is version %s, older than %d", ErrNotFound, dir, m[1], MinMajor)
	}
	if major != 0 && n != major {
		return Binaries{}, fmt.Errorf("%w: %s is version %d, not %d", ErrNotFound, dir, n, major)
	}
	return Binaries{Dir: dir, Major: n}, nil
}
