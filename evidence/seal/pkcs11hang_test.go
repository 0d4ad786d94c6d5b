//go:build cgo

package seal_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence/seal"
)

// What the child of TestTokenHangs is told.
const (
	hangModule = "HANG_MODULE"
	hangFile   = "HANG_FILE"
	hangChain  = "HANG_CHAIN"
)

// TestTokenHangs has a device that stops to answer in the middle of a signature.
// The library of a device is loaded once per process, so this takes another one.
func TestTokenHangs(t *testing.T) {
	key := ec(t, p256)
	store(t, "hangs", "seal", "01", key)
	so := filepath.Join(t.TempDir(), "hang.so")
	run(t, "gcc", "-shared", "-fPIC", "-o", so, "testdata/hang.c", "-ldl")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTokenHangsChild$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), "REAL_MODULE="+module(t), hangModule+"="+so, hangFile+"="+filepath.Join(t.TempDir(), "hang"),
		hangChain+"="+write(t, "chain.pem", encode(newAuthority(t).certify(t, key.Public())...)))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTokenHangsChild(t *testing.T) {
	so, file := os.Getenv(hangModule), os.Getenv(hangFile)
	if so == "" {
		t.Skip("run by TestTokenHangs")
	}
	cfg := onToken(t, "hangs", "seal")
	cfg.CertFile, cfg.Token.Module, cfg.Token.Timeout = os.Getenv(hangChain), so, seal.Duration(time.Second)
	k := open(t, cfg)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds the connection still in the device's hands
		start := time.Now()
		if err := sign(k, "x"); !errors.Is(err, seal.ErrUnavailable) {
			t.Errorf("hanging: %v", err)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("took %v", d)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		err := sign(k, "x")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("did not come back: %v", err)
		}
	}
}
