package delivery_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/delivery"
)

func TestUnavailable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{&pgconn.PgError{Code: "53100"}, true}, // disk full
		{&pgconn.PgError{Code: "57P01"}, true},
		{&pgconn.PgError{Code: "25006"}, true},
		{&pgconn.ConnectError{}, true},
		{&fs.PathError{Op: "write", Path: "content", Err: syscall.ENOSPC}, true},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, true},
		{io.ErrUnexpectedEOF, true},
		{fmt.Errorf("a device: %w", delivery.ErrAway), true},
		{&pgconn.PgError{Code: "23505"}, false}, // a rule of ours
		{&pgconn.PgError{Code: "42P01"}, false}, // a mistake of ours
		{&pgconn.PgError{Code: "57014"}, false}, // somebody gave up
		{&pgconn.PgError{}, false},
		{pgx.ErrNoRows, false},
		{fs.ErrPermission, false},
		{errors.New("no room"), false},
	} {
		if got := delivery.Unavailable(fmt.Errorf("storing: %w", tc.err)); got != tc.want {
			t.Errorf("%v: %t, want %t", tc.err, got, tc.want)
		}
	}
}
