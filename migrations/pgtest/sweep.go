//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgtest

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// keepSchemas is how many clusters of other schemas stay in the cache, the
// latest made, so that switching between branches stays cheap.
const keepSchemas = 4

// sweep removes the instances of processes that are gone and the oldest schemas.
// What cannot be removed now is tried again by the next process.
func sweep(ctx context.Context, dir, run string, keep ...string) {
	runs, _ := filepath.Glob(filepath.Join(run, "*")) // the pattern is good
	for _, dead := range runs {
		_ = pgproc.Remove(ctx, dead) // ErrInUse: its process lives
	}
	schemas, _ := filepath.Glob(filepath.Join(dir, "schema-*"))
	schemas = slices.DeleteFunc(schemas, func(s string) bool {
		return slices.Contains(keep, s) || strings.HasSuffix(s, ".new")
	})
	slices.SortFunc(schemas, func(a, b string) int { return cmp.Compare(made(b), made(a)) })
	for i, schema := range schemas {
		if i >= keepSchemas {
			_ = pgproc.Remove(ctx, schema)
		}
	}
}

// made is when the instance was put in place, in nanoseconds.
func made(dir string) int64 {
	info, err := os.Stat(dir)
	if err != nil {
		return 0
	}
	return info.ModTime().UnixNano()
}
