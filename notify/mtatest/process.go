package mtatest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds starting and stopping.
const patience = 20 * time.Second

// Server is one that runs.
type Server struct {
	Addr string // host:port
	Dir  string // everything it writes
	out  output
	log  string   // its own log, if it writes one
	stop []string // command that stops it, for one that leaves its process group
}

// Log is everything the server said so far.
func (s *Server) Log() string {
	own, _ := os.ReadFile(s.log)
	return s.out.String() + string(own)
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs a command in a process group of its own until the test ends, and
// waits until it listens.
func (s *Server) start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	cmd.Stdout, cmd.Stderr = &s.out, &s.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", cmd.Path, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(cmd.Path), tail(s.Log(), 6000))
		}
		if s.stop != nil {
			if out, err := exec.Command(s.stop[0], s.stop[1:]...).CombinedOutput(); err != nil {
				t.Logf("%v: %v: %s", s.stop, err, out) // it may have ended by itself
			}
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			t.Errorf("%s did not stop", cmd.Path)
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // children that outlive it
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.DialTimeout("tcp", s.Addr, time.Second); err == nil {
			c.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", cmd.Path, err, s.Log())
		case <-ctx.Done():
			t.Fatalf("%s does not listen on %s:\n%s", cmd.Path, s.Addr, s.Log())
		case <-tick.C:
		}
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// freeAddr is an address on loopback that nobody listens on.
func freeAddr(t testing.TB) (addr, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return l.Addr().String(), port
}

// dir is a directory that servers can reach under another user: the shortest
// path there is, because sockets have short names.
func dir(t testing.TB) string {
	t.Helper()
	d, err := os.MkdirTemp("", "mta")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Children of a server that was stopped may still write a last file.
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		err := os.RemoveAll(d)
		for end := time.Now().Add(patience); err != nil && time.Now().Before(end); err = os.RemoveAll(d) {
			<-tick.C
		}
		if err != nil {
			t.Error(err)
		}
	})
	return d
}

// find returns the first of the paths that exists, or fails the test.
func find(t testing.TB, what string, paths ...string) string {
	t.Helper()
	for _, p := range paths {
		for _, match := range glob(p) {
			return match
		}
	}
	t.Fatalf("%s is not installed: .ci/tools does that (looked for %s)", what, strings.Join(paths, ", "))
	return ""
}

func glob(pattern string) []string {
	found, _ := filepath.Glob(pattern)
	return found
}

func write(t testing.TB, path string, mode fs.FileMode, format string, args ...any) {
	t.Helper()
	if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), mode); err != nil {
		t.Fatal(err)
	}
}

// mkdir makes directories that belong to uid where we are the superuser.
func mkdir(t testing.TB, uid int, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.MkdirAll(p, 0o755); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			if err := os.Chown(p, uid, -1); err != nil {
				t.Fatal(err)
			}
		}
	}
}
