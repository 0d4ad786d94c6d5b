//go:build unix

package main

import (
	"math"
	"os"
	"syscall"
)

// mapped gives f without reading it: the system does, piece by piece, and takes
// the memory back when it needs it.
func mapped(f *os.File, size int64) ([]byte, error) {
	if size > math.MaxInt {
		return nil, errTooLarge
	}
	return syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_PRIVATE)
}
