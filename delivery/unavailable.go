package delivery

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unavailable reports that an error is of a database or a disk that is away or
// full, which passes, and no mistake of ours: the caller may try again.
func Unavailable(err error) bool {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refused.Code[:min(2, len(refused.Code))] {
		case "08", "53", "58": // connection, resources (a full disk: 53100), system
			return true
		}
		switch refused.Code {
		case "57P01", "57P02", "57P03", "25006": // going, crashed, coming, a standby
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || pgconn.SafeToRetry(err) { // nothing was sent
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	for _, gone := range []error{ErrAway, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}
