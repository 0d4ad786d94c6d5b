package migrations

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed *.sql
var embedded embed.FS

// ledgerFile makes the table that records the digests.
const ledgerFile = "migration_file.sql"

// file is one numbered migration.
type file struct {
	version int64
	name    string
	sha256  string // hex
}

// files lists the numbered migrations of fsys in order. A name without a number,
// a number used twice or a file that could be undone is an error: each would be
// skipped or misread in silence otherwise.
func files(fsys fs.FS) ([]file, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	var all []file
	for _, name := range names {
		if name == ledgerFile {
			continue
		}
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrBadFile, name, err)
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrBadFile, name, err)
		}
		if err := checkAnnotations(string(text)); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrBadFile, name, err)
		}
		sum := sha256.Sum256(text)
		all = append(all, file{version: version, name: name, sha256: hex.EncodeToString(sum[:])})
	}
	slices.SortFunc(all, func(a, b file) int { return int(a.version - b.version) })
	for i := 1; i < len(all); i++ {
		if all[i].version == all[i-1].version {
			return nil, fmt.Errorf("%w: %s and %s have the same number", ErrBadFile, all[i-1].name, all[i].name)
		}
	}
	return all, nil
}

// checkAnnotations holds the comments that steer goose to one: a single Up.
func checkAnnotations(text string) error {
	up := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		rest, ok := strings.CutPrefix(line, "-- +goose ")
		switch {
		case !ok:
		case rest == "Up":
			up++
		case rest == "Down":
			return fmt.Errorf("has a Down part; migrations go forward only")
		case strings.HasPrefix(rest, "ENVSUB"):
			return fmt.Errorf("depends on the environment")
		}
	}
	if up != 1 {
		return fmt.Errorf("needs one line \"-- +goose Up\", has %d", up)
	}
	return nil
}

// queue returns the migrator of the job queue's own tables. pool may be nil when
// only the list of versions is asked for.
func queue(pool *pgxpool.Pool) (*rivermigrate.Migrator[pgxTx], error) {
	return rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: silent()})
}

// Fingerprint identifies the schema this program makes: equal fingerprints, equal
// schema. Databases kept as templates are named by it.
func Fingerprint() (string, error) {
	all, err := files(embedded)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, f := range all {
		fmt.Fprintf(h, "%s %s\n", f.name, f.sha256)
	}
	ledger, err := fs.ReadFile(embedded, ledgerFile)
	if err != nil {
		return "", err
	}
	h.Write(ledger)
	q, err := queue(nil)
	if err != nil {
		return "", err
	}
	for _, m := range q.AllVersions() {
		fmt.Fprintf(h, "queue %d %s\n", m.Version, m.SQLUp)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}
