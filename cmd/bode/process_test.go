package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// command is one run of the program in an environment of its own.
type command struct {
	env  []string // beside which there is nothing
	in   string
	args []string
}

// said is what a command left.
type said struct {
	code     int
	out, err string
}

// run runs it to its end.
func (c command) run(t *testing.T) said {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, c.args...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Stdin = &out, &diag, strings.NewReader(c.in)
	cmd.Env = append([]string{"HOME=" + t.TempDir()}, c.env...)
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("bode %q: %v", c.args, err)
	}
	return said{cmd.ProcessState.ExitCode(), out.String(), diag.String()}
}

// expect fails the test unless the command ended with code and said each of
// want, wherever.
func (s said) expect(t *testing.T, what string, code int, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(s.out+s.err, w) {
			t.Errorf("%s: does not say %q:\n%s%s", what, w, s.out, s.err)
		}
	}
	if s.code != code {
		t.Errorf("%s: exit status %d, want %d:\n%s%s", what, s.code, code, s.out, s.err)
	}
}

// field is the rest of the first line of out that begins with name.
func (s said) field(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(s.out) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			return f[1]
		}
	}
	t.Fatalf("no %q in:\n%s%s", name, s.out, s.err)
	return ""
}
