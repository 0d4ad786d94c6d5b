package webhook_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Peers are the libraries that receivers use, each installed from its lock file
// once per machine.

// nodePeer is the folder of the libraries for Node, with our script.
var nodePeer = sync.OnceValues(func() (string, error) {
	return installed("testdata/peer", "package-lock.json", func(ctx context.Context, dir string) error {
		return run(ctx, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	})
})

// pythonPeer is the folder of the library for Python, with our script.
var pythonPeer = sync.OnceValues(func() (string, error) {
	return installed("testdata/python", "requirements.txt", func(ctx context.Context, dir string) error {
		return run(ctx, dir, "python3", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--require-hashes",
			"--target", "lib", "-r", "requirements.txt")
	})
})

// installed copies a folder to the cache and installs there what its lock file
// names, beside and then renamed, so that a half-finished one is never used.
func installed(from, lock string, install func(ctx context.Context, dir string) error) (string, error) {
	text, err := os.ReadFile(filepath.Join(from, lock))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	dir := filepath.Join(cache, "bode-test", "webhook-"+filepath.Base(from)+"-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.CopyFS(work, os.DirFS(from)); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := install(ctx, work); err != nil {
		return "", err
	}
	if err := os.Rename(work, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil { // another process was first: use its
			return "", err
		}
	}
	return dir, nil
}

func run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// judged asks every library about pushes, and gives their verdicts in order.
func judged(t *testing.T, all []push) (verdicts []map[string]string) {
	t.Helper()
	var in bytes.Buffer
	for _, p := range all {
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(b, '\n'))
	}
	verdicts = make([]map[string]string, len(all))
	for i := range verdicts {
		verdicts[i] = map[string]string{}
	}
	scripts, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	node, err := nodePeer()
	if err != nil {
		t.Fatal(err)
	}
	python, err := pythonPeer()
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []*exec.Cmd{
		exec.CommandContext(t.Context(), "node", filepath.Join(scripts, "peer", "verify.cjs")),
		exec.CommandContext(t.Context(), "python3", filepath.Join(scripts, "python", "verify.py")),
	} {
		cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(node, "node_modules"), "PYTHONPATH="+filepath.Join(python, "lib"))
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in.Bytes()), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", cmd.Path, err)
		}
		lines := bufio.NewScanner(bytes.NewReader(out))
		for i := 0; lines.Scan(); i++ {
			if err := json.Unmarshal(lines.Bytes(), &verdicts[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return verdicts
}

// push is one push as its receiver has it, and the key the receiver knows.
type push struct {
	Secret  string            `json:"secret"`
	Public  string            `json:"public"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}
