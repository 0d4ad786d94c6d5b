//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package pgtest

import (
	"context"
	"fmt"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// startPrivate cannot work here.
func startPrivate(context.Context) (string, error) {
	return "", fmt.Errorf("%w: set TEST_DATABASE_URL", pgproc.ErrUnsupported)
}
