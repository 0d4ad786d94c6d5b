package smpp

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
)

const peerFiles = "testdata/peer"

// peerModules is where the peer's packages lie, installed from the lock file once
// per machine.
var peerModules = sync.OnceValues(func() (string, error) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("the message centre needs node 20 or later and npm on the PATH: %w", err)
		}
	}
	lock, err := os.ReadFile(filepath.Join(peerFiles, "package-lock.json"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "bode-test", "smpp-peer-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(dir); err == nil {
		return filepath.Join(dir, "node_modules"), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	// Install beside and rename, so that a half-finished one is never used.
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.CopyFS(work, os.DirFS(peerFiles)); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = work
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci of the message centre: %w\n%s", err, out)
	}
	if err := os.Rename(work, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil { // another process was first: use its
			return "", err
		}
	}
	return filepath.Join(dir, "node_modules"), nil
})

// seen is a line that the peer says.
type seen struct {
	Port                      int
	Seen, Text, UDH           string
	From, To, Validity        string
	FromTON, ToTON, ToNPI     int
	Coding, Class, Registered int
	Status, Version           int
	Good                      bool
}

// nodePeer is a running message centre of somebody else.
type nodePeer struct {
	t     testing.TB
	addr  string
	lines chan seen
}

func startNode(t testing.TB, settings map[string]any) *nodePeer {
	t.Helper()
	modules, err := peerModules()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script, err := os.ReadFile(filepath.Join(peerFiles, "smsc.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	arg, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "smsc.mjs"), script, 0o644), os.Symlink(modules, filepath.Join(dir, "node_modules"))); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join(dir, "smsc.mjs"), string(arg))
	var log strings.Builder
	cmd.Stderr = &log
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	p := &nodePeer{t: t, lines: make(chan seen, 10000)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.lines)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var s seen
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
				t.Errorf("the message centre says %q", lines.Text())
				continue
			}
			p.lines <- s
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close() // it ends by itself
		<-read
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the message centre said:\n%s", log.String())
		}
	})
	first, ok := <-p.lines
	if !ok || first.Port == 0 {
		t.Fatalf("the message centre did not start: %s", log.String())
	}
	p.addr = fmt.Sprintf("127.0.0.1:%d", first.Port)
	return p
}

// next waits for a line of a kind.
func (p *nodePeer) next(kind string) seen {
	p.t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case s, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the message centre is gone; wanted %s", kind)
			}
			if s.Seen == kind {
				return s
			}
		case <-late:
			p.t.Fatalf("the message centre has seen no %s", kind)
		}
	}
}

// TestNodePeer submits to a message centre made with another library, over TLS,
// and takes its receipts, which write ids in another base.
func TestNodePeer(t *testing.T) {
	t.Parallel()
	key, cert, roots := certificate(t)
	p := startNode(t, map[string]any{"key": key, "cert": cert, "receipts": true})
	k := newKept()
	tr, stop := running(t, p.addr, k, func(c *Config) {
		c.Plain, c.TLS, c.Numbering, c.Idle = false, &tls.Config{RootCAs: roots}, HexThenDec, 500*time.Millisecond
	})
	if b := p.next("bind"); !b.Good || b.Version != 0x34 {
		t.Fatalf("%+v", b)
	}
	p.next("enquire_link_resp")

	r := deliver(t, tr, message("Bode: é à ñ [€] ok"))
	if r.Outcome != notify.Sent || r.ID != "one/2560" || r.TLS != "TLS 1.3" {
		t.Fatalf("%+v", r)
	}
	if s := p.next("submit"); s.Text != "Bode: é à ñ [€] ok" || s.From != "Bode" || s.FromTON != 5 || s.To != "32470123456" || s.ToTON != 1 || s.ToNPI != 1 ||
		s.Coding != 0 || s.Registered != 1 || s.Class != 0 {
		t.Errorf("%+v", s)
	}
	k.wait(t, 1)
	if got := k.of("one/2560"); len(got) != 1 || got[0].Fact != notify.Delivered || strings.Contains(got[0].Reply, "ok") ||
		len(got[0].Recipients) != 1 || got[0].Recipients[0] != "+32470123456" {
		t.Errorf("%+v", got)
	}
	if s := p.next("deliver_sm_resp"); s.Status != 0 {
		t.Errorf("%+v", s)
	}

	long := strings.Repeat("Bode wacht op u. ", 15)
	if r := deliver(t, tr, message(long)); r.Outcome != notify.Sent {
		t.Errorf("%+v", r)
	}
	first, second := p.next("submit"), p.next("submit")
	if first.Text+second.Text != long || first.UDH != "0003020201" || second.UDH != "0003020202" || first.Registered != 0 || second.Registered != 1 {
		t.Errorf("%+v %+v", first, second)
	}
	if r := deliver(t, tr, message("reçu ₿ 🙂")); r.Outcome != notify.Sent {
		t.Errorf("%+v", r)
	}
	if s := p.next("submit"); s.Text != "reçu ₿ 🙂" || s.Coding != 8 {
		t.Errorf("%+v", s)
	}
	k.wait(t, 2)

	for _, want := range []struct {
		text    string
		outcome notify.Outcome
		doubt   bool
	}{
		{"throttle", notify.Temporary, false}, {"throttle", notify.Sent, false}, {"nobody", notify.Permanent, false},
		{"vanish", notify.Technical, true}, {"overtake", notify.Sent, false}, {"expire", notify.Sent, false},
	} {
		r = deliver(t, tr, message(want.text))
		if r.Outcome != want.outcome || r.InDoubt != want.doubt {
			t.Errorf("%s: %+v", want.text, r)
		}
	}
	k.wait(t, 3) // of throttle, overtake, expire
	if got := k.of(r.ID); len(got) != 1 || got[0].Fact != notify.Failed || got[0].Cause != notify.CauseUnreachable || got[0].Status != "EXPIRED" {
		t.Errorf("%+v", got)
	}
	p.next("enquire_link")
	stop()
	p.next("unbind")
}

func TestNodePeerRefuses(t *testing.T) {
	t.Parallel()
	key, cert, _ := certificate(t)
	p := startNode(t, map[string]any{"key": key, "cert": cert})
	tr, _ := running(t, p.addr, newKept(), func(c *Config) { c.Plain = false })
	if r := deliver(t, tr, message("x")); r.Outcome != notify.Temporary || !strings.Contains(r.Reply, "certificate") {
		t.Errorf("a stranger: %+v", r)
	}
	open := startNode(t, map[string]any{})
	tr, _ = running(t, open.addr, newKept(), func(c *Config) { c.Password = "wrong" })
	if r := deliver(t, tr, message("x")); r.Outcome != notify.Temporary || !strings.Contains(r.Reply, "ESME_RINVPASWD") {
		t.Errorf("wrong password: %+v", r)
	}
}

// BenchmarkNodePeer is how fast one connection submits to the other library.
func BenchmarkNodePeer(b *testing.B) {
	p := startNode(b, map[string]any{})
	tr, err := New(Config{Name: "one", Addr: p.addr, Plain: true, SystemID: "bode", Password: "secret", From: "Bode"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	over := make(chan struct{})
	go func() { defer close(over); _ = tr.Run(ctx, newKept()) }()
	defer func() { cancel(); <-over }()
	m := message("quick")
	b.SetParallelism(10)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if r, _ := tr.Deliver(ctx, m); r.Outcome != notify.Sent {
				b.Errorf("%+v", r)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
