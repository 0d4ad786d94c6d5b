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

// garbageLimit is where a service under load collects sooner instead of growing:
// with some tens of megabytes for the program itself it stays below 400 MiB. What
// really lives may exceed it; collecting then takes half of the processors at most.
const garbageLimit = 300 << 20

// collectLess sets garbagePercent and garbageLimit, unless the environment says
// otherwise. For processes that serve or work, not for commands that end by
// themselves.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(garbageLimit)
	}
}
