package clamd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/clamd"
)

// eicar is the test file of EICAR, in two parts so that no scanner takes this
// source for it.
const eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}` + `$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// daemon starts ClamAV's own daemon with one signature, that of eicar.
func daemon(t *testing.T) string {
	t.Helper()
	bin, err := exec.LookPath("clamd")
	if err != nil {
		if bin = "/usr/sbin/clamd"; !executable(bin) {
			t.Fatal("clamd is not installed: .ci/tools does that")
		}
	}
	dir, err := os.MkdirTemp("", "clamd") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	write(t, filepath.Join(dir, "test.ndb"), fmt.Sprintf("Test.Eicar:0:*:%x\n", eicar))
	conf := filepath.Join(dir, "clamd.conf")
	write(t, conf, fmt.Sprintf("Foreground yes\nDatabaseDirectory %s\nLocalSocket %s\nStreamMaxLength 2M\nMaxThreads 2\nOfficialDatabaseOnly no\nUser root\n", dir, socket))
	if os.Geteuid() != 0 {
		write(t, conf, strings.ReplaceAll(read(t, conf), "User root\n", ""))
	}
	cmd := exec.Command(bin, "--config-file="+conf)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	s, _ := clamd.New(clamd.Config{Addr: socket})
	for s.Ping(t.Context()) != nil {
		select {
		case <-ended:
			t.Fatalf("clamd ended: %s", said.String())
		case <-t.Context().Done():
			t.Fatal("clamd does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return socket
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRealDaemon lets ClamAV itself judge.
func TestRealDaemon(t *testing.T) {
	t.Parallel()
	s, err := clamd.New(clamd.Config{Addr: daemon(t)})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content string
		found   bool
	}{
		"nothing":           {"", false},
		"text":              {"een brief", false},
		"exactly one chunk": {strings.Repeat("a", 64<<10), false},
		"many chunks":       {strings.Repeat("a", 1<<20), false},
		"eicar":             {eicar, true},
		"eicar at the end":  {strings.Repeat("a", 64<<10-5) + eicar, true},
	} {
		found, err := s.Scan(t.Context(), strings.NewReader(c.content))
		if err != nil || (found != "") != c.found {
			t.Errorf("%s: %q, %v", name, found, err)
		}
	}
	if _, err := s.Scan(t.Context(), io.LimitReader(zeros{}, 3<<20)); !errors.Is(err, delivery.ErrUnscanned) {
		t.Errorf("more than the daemon takes: %v", err)
	}
	if _, err := s.Scan(t.Context(), io.MultiReader(strings.NewReader("a"), broken{})); !errors.Is(err, delivery.ErrUnscanned) || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("content that breaks off: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestOtherAnswers: whoever does not say that content is clean has not said so.
func TestOtherAnswers(t *testing.T) {
	t.Parallel()
	for _, says := range []string{"", "OK\x00", "stream: OK", "stream: OKAY\x00", "stream: \x00", "stream:  FOUND\x00", "stream: ERROR\x00",
		"INSTREAM size limit exceeded. ERROR\x00", strings.Repeat("a", 10_000)} {
		s, err := clamd.New(clamd.Config{Addr: answering(t, says), Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if found, err := s.Scan(t.Context(), strings.NewReader("a")); !errors.Is(err, delivery.ErrUnscanned) || found != "" {
			t.Errorf("%.30q: %q, %v", says, found, err)
		}
	}
	s, err := clamd.New(clamd.Config{Addr: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Scan(t.Context(), strings.NewReader("a")); !errors.Is(err, delivery.ErrUnscanned) {
		t.Errorf("nobody there: %v", err)
	}
	silent, err := clamd.New(clamd.Config{Addr: answering(t, "wait")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := silent.Scan(ctx, strings.NewReader("a")); !errors.Is(err, delivery.ErrUnscanned) {
		t.Errorf("given up: %v", err)
	}
	if _, err := clamd.New(clamd.Config{}); err == nil {
		t.Error("a daemon without an address")
	}
}

// answering is a daemon that reads a command and says one thing, or, told to
// wait, nothing.
func answering(t *testing.T, says string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.ReadFull(c, make([]byte, len("zINSTREAM\x00")+4+1+4))
				if says == "wait" {
					_, _ = c.Read(make([]byte, 1))
				}
				_, _ = io.WriteString(c, says)
			}()
		}
	}()
	return l.Addr().String()
}
