//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childEnv makes this test binary play a part instead of testing.
const childEnv = "PGPROC_CHILD"

func TestMain(m *testing.M) {
	switch part, arg, _ := strings.Cut(os.Getenv(childEnv), ":"); part {
	case "":
		code := m.Run()
		if base.dir != "" {
			os.RemoveAll(filepath.Dir(base.dir))
		}
		os.Exit(code)
	case "serve":
		childServe(arg)
	case "watch":
		childWatch()
	}
	os.Exit(2)
}

// childServe runs the instance dir, says so, and stays until killed.
func childServe(dir string) {
	s, err := Start(context.Background(), Config{Dir: dir, Unsafe: true})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("ready", s.cmd.Process.Pid, s.URL())
	_, _ = io.Copy(io.Discard, os.Stdin) // until our parent closes it
}

// childWatch has a pipe watch over a process that would go on for long.
func childWatch() {
	sleeper := exec.Command("sleep", "600")
	if err := sleeper.Start(); err != nil {
		os.Exit(1)
	}
	watchByPipe(sleeper.Process.Pid)
	fmt.Println("ready", sleeper.Process.Pid)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// child starts this binary in a part and returns what it says first.
func child(t *testing.T, part string, env ...string) (cmd *exec.Cmd, said []string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, childEnv+"="+part)...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("child said %q: %v", line, err)
	}
	said = strings.Fields(line)
	if said[0] != "ready" {
		t.Fatalf("child said %q", line)
	}
	return cmd, said[1:]
}

// base is a stopped instance that tests copy, because initdb takes a second.
var base struct {
	once sync.Once
	dir  string
	err  error
}

func baseInstance(t *testing.T) string {
	t.Helper()
	base.once.Do(func() {
		dir, err := os.MkdirTemp("/var/tmp", "pgproc-test-")
		if err != nil {
			base.err = err
			return
		}
		base.dir = filepath.Join(dir, "base")
		if base.err = os.Chmod(dir, 0o755); base.err != nil {
			return
		}
		s, err := Start(context.Background(), Config{Dir: base.dir, Unsafe: true})
		if err != nil {
			base.err = err
			return
		}
		base.err = s.Stop(context.Background())
	})
	if base.err != nil {
		t.Fatal(base.err)
	}
	return base.dir
}

// place returns a path for a new instance that the server's user can reach;
// t.TempDir is closed to it when we are root.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "pgproc-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "inst")
}

// start runs a copy of the base instance until the test ends.
func start(t *testing.T, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{From: baseInstance(t), Unsafe: true}
	if change != nil {
		change(&cfg)
	}
	if cfg.Dir == "" {
		cfg.Dir = place(t)
	}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask runs a query that returns one text.
func ask(t *testing.T, url, query string) string {
	t.Helper()
	got, err := tryAsk(t.Context(), url, query)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func tryAsk(ctx context.Context, url, query string) (string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.Background())
	var got string
	err = conn.QueryRow(ctx, query).Scan(&got)
	return got, err
}

// await waits for a condition, and fails the test when it does not come.
func await(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// fakeBin makes a directory of scripts that stand for the server's programs.
func fakeBin(t *testing.T, dir, version, initdb string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"postgres": `echo "postgres (PostgreSQL) ` + version + `"`,
		"initdb":   initdb,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
