package mtatest

import (
	"os"
	"os/exec"
	"testing"
)

// nobody is the user that servers act as when the superuser starts them.
const nobody = 65534

// Sink takes mail and forgets it, and returns its address. flags are those of
// smtp-sink(1): "-N" announces no DSN, "-f RCPT" refuses, "-r RCPT" delays.
func Sink(t testing.TB, flags ...string) string {
	t.Helper()
	s := &Server{}
	s.Addr, _ = freeAddr(t)
	if os.Geteuid() == 0 {
		flags = append([]string{"-u", "nobody"}, flags...)
	}
	s.start(t, exec.Command(find(t, "smtp-sink", "/usr/sbin/smtp-sink"), append(flags, s.Addr, "100")...))
	return s.Addr
}
