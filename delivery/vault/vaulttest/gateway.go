// Package vaulttest runs a real S3 server for tests: versitygw, with a directory
// of this machine behind it. It keeps what it was given when it is killed.
package vaulttest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// The only user of the server.
const (
	AccessKey = "access"
	SecretKey = "secret-key"
)

// program is the server, below the root of the module, as .ci/tools builds it.
const program = ".cache/versitygw-v1.8.0"

// ErrNoProgram says that the server was not built.
var ErrNoProgram = errors.New("vaulttest: no S3 server: .ci/tools builds it")

// Config configures [Start].
type Config struct {
	Dir string // for its objects, and nothing else; required
}

// Gateway is a running server. Its methods are for one goroutine at a time.
type Gateway struct {
	Endpoint string // host:port, also after Restart

	program, dir string
	sidecar      bool // the file system keeps no attributes: they go into files
	cmd          *exec.Cmd
	said         *transcript
	over         chan struct{}
}

// Start starts a server on a free port of loopback and waits until it answers.
// Errors: ErrNoProgram.
func Start(cfg Config) (*Gateway, error) {
	bin, err := locate()
	if err != nil {
		return nil, err
	}
	g := &Gateway{program: bin, dir: cfg.Dir}
	for _, dir := range []string{g.objects(), g.attributes()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	for range 3 { // somebody else may take the port, and the first try finds out about attributes
		if g.Endpoint, err = freeAddr(); err != nil {
			return nil, err
		}
		if err = g.Restart(); err == nil {
			return g, nil
		}
		g.sidecar = true
	}
	return nil, err
}

func (g *Gateway) objects() string    { return filepath.Join(g.dir, "objects") }
func (g *Gateway) attributes() string { return filepath.Join(g.dir, "attributes") }

// Restart starts a server that was killed, on what it left.
func (g *Gateway) Restart() error {
	args := []string{"--access", AccessKey, "--secret", SecretKey, "--port", g.Endpoint, "--health", "/health", "--quiet", "posix"}
	if g.sidecar {
		args = append(args, "--sidecar", g.attributes())
	}
	g.said, g.over = &transcript{}, make(chan struct{})
	g.cmd = exec.Command(g.program, append(args, g.objects())...)
	g.cmd.Env = []string{"HOME=" + g.dir}
	g.cmd.Stdout, g.cmd.Stderr = g.said, g.said
	if err := g.cmd.Start(); err != nil {
		return err
	}
	go func(cmd *exec.Cmd, over chan struct{}) { _ = cmd.Wait(); close(over) }(g.cmd, g.over)
	return g.answers()
}

// answers waits for the first answer.
func (g *Gateway) answers() error {
	late := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		resp, err := http.Get("http://" + g.Endpoint + "/health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-g.over:
			return fmt.Errorf("vaulttest: the server ended: %s", g.said)
		case <-late:
			return errors.Join(fmt.Errorf("vaulttest: no answer: %w: %s", err, g.said), g.Kill())
		case <-tick.C:
		}
	}
}

// Kill ends the server at once, in the middle of whatever it does. Killing one
// that is gone does nothing.
func (g *Gateway) Kill() error {
	err := g.cmd.Process.Kill()
	<-g.over
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// locate looks for the program from the working directory, which is a package's.
func locate() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, e := os.Stat(filepath.Join(dir, "go.mod")); e != nil {
			continue
		}
		bin := filepath.Join(dir, filepath.FromSlash(program))
		if _, e := os.Stat(bin); e == nil {
			return bin, nil
		}
		break
	}
	return "", errors.Join(ErrNoProgram, err)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// transcript is what the server wrote. Safe for concurrent use.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
