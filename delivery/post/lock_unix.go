//go:build unix && !solaris && !aix && !illumos

package post

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes an advisory lock that ends with the file. Errors: ErrBusy.
func tryLock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrBusy
	}
	return err
}
