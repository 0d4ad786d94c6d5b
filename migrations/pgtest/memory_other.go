//go:build !linux

package pgtest

// memory is nowhere on this system.
const memory = ""

func roomInMemory() bool { return false }
