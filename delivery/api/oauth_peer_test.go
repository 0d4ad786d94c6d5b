package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// oauthPeer is a folder with the client of testdata/oauth and its packages.
func oauthPeer(t *testing.T) string {
	t.Helper()
	dir, err := oauthModules()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// oauthModules installs them from the lock file, once per machine.
var oauthModules = sync.OnceValues(func() (string, error) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("the OAuth client needs node 20 or later and npm on the PATH: %w", err)
		}
	}
	files := os.DirFS("testdata/oauth")
	sum := sha256.New()
	for _, name := range []string{"package-lock.json", "client.mjs"} {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return "", err
		}
		sum.Write(b)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "bode-test", "oauth-client-"+hex.EncodeToString(sum.Sum(nil)[:6]))
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
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
	if err := os.CopyFS(work, files); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = work
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci of the OAuth client: %w\n%s", err, out)
	}
	if err := os.Rename(work, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // another process was first: use its
			return "", err
		}
	}
	return dir, nil
})

// errText is what a program said on its way out.
func errText(err error) string {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(e.Stderr)
	}
	return ""
}
