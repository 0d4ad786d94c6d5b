package post

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshServer is an OpenSSH server of its own on a free port of loopback.
type sshServer struct {
	addr    string
	hostKey ssh.PublicKey
	signer  ssh.Signer
	user    string
	folder  string // the hot folder there
	log     *safeBuffer
}

// safeBuffer is a log that is read while it grows.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func sshdPath(t *testing.T) string {
	t.Helper()
	for _, p := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	t.Fatal("sshd is not installed (Debian package openssh-server)")
	return ""
}

// newKey makes a key, in a file and as a signer.
func newKey(t *testing.T, path string) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// startSSHD runs OpenSSH until the test ends. limit, when not 0, is how many
// blocks of 1 KiB a file there can have: as if the disk were full.
func startSSHD(t *testing.T, limit int) *sshServer {
	t.Helper()
	sshd := sshdPath(t)
	dir := t.TempDir()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // where the server puts what it distrusts
		if err := os.Mkdir("/run/sshd", 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
	s := &sshServer{user: me.Username, folder: filepath.Join(dir, "hot"), log: &safeBuffer{}}
	if err := os.Mkdir(s.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	s.hostKey = newKey(t, filepath.Join(dir, "host")).PublicKey()
	s.signer = newKey(t, filepath.Join(dir, "client"))
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keys := write("authorized", string(ssh.MarshalAuthorizedKey(s.signer.PublicKey())), 0o600)
	subsystem := "internal-sftp"
	if limit > 0 {
		subsystem = write("sftp", fmt.Sprintf("#!/bin/sh\ntrap '' XFSZ\nulimit -f %d\nexec /usr/lib/openssh/sftp-server\n", limit*2), 0o755)
	}
	port := freePort(t)
	s.addr = fmt.Sprintf("127.0.0.1:%d", port)
	conf := write("sshd_config", fmt.Sprintf(`Port %d
ListenAddress 127.0.0.1
HostKey %s/host
PidFile none
AuthorizedKeysFile %s
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
Subsystem sftp %s
LogLevel VERBOSE
`, port, dir, keys, subsystem), 0o600)
	cmd := exec.CommandContext(t.Context(), sshd, "-D", "-e", "-f", conf)
	cmd.Stderr = s.log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { <-ended })
	for {
		conn, err := net.DialTimeout("tcp", s.addr, time.Second)
		if err == nil {
			conn.Close()
			return s
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("sshd ended: %v\n%s", err, s.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// newSFTPFolder opens a hot folder on s; change may be nil.
func newSFTPFolder(t *testing.T, s *sshServer, change func(*SFTPConfig)) *HotFolder {
	t.Helper()
	cfg := SFTPConfig{
		Config: Config{Dir: t.TempDir(), Partner: "stand-in", Logger: discard(), Now: func() time.Time { return clock }},
		Addr:   s.addr, User: s.user, Folder: s.folder, HostKeys: []ssh.PublicKey{s.hostKey},
		Auth: []ssh.AuthMethod{ssh.PublicKeys(s.signer)}, Timeout: 20 * time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	h, err := NewSFTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if d, ok := h.drop.(*sftpDrop); ok && d.live != nil {
			d.live.Close()
		}
	})
	return h
}

// cutter passes a connection on, and cuts it after a number of octets sent.
type cutter struct {
	mu   sync.Mutex
	left int // below zero: never
	cuts int
}

func (c *cutter) after(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = n
}

// dial connects through the cutter.
func (c *cutter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return cutConn{conn, c}, nil
}

type cutConn struct {
	net.Conn
	c *cutter
}

// Write sends what is left, and then the line is dead.
func (c cutConn) Write(p []byte) (int, error) {
	c.c.mu.Lock()
	defer c.c.mu.Unlock()
	if c.c.left < 0 {
		return c.Conn.Write(p)
	}
	n := min(len(p), c.c.left)
	c.c.left -= n
	n, err := c.Conn.Write(p[:n])
	if err == nil && n < len(p) {
		c.c.left = -1
		c.c.cuts++
		c.Conn.Close()
		err = io.ErrClosedPipe
	}
	return n, err
}
