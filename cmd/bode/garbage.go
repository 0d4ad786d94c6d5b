package main

import (
	"os"
	"runtime/debug"
)

// garbagePercent is by how much the heap of a service may grow before garbage is
// collected. What lives is small and does not grow with what is stored, so a
// larger heap costs some megabytes and saves processor time; see
// docs/performance.md.
const garbagePercent = 400

// collectLess sets garbagePercent, unless the environment says otherwise. For
// processes that serve or work, not for commands that end by themselves.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
