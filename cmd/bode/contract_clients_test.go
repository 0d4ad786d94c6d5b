package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// contractTools is where .ci/contract installs what tests of the contract need.
const contractTools = "../../.cache/contract"

// TestExamples runs the example of each client against the whole service: it
// sends, waits, and has the verifier judge the dossier.
func TestExamples(t *testing.T) {
	t.Parallel()
	c := newContractTown(t)
	bin := t.TempDir()
	c.builds(t, "go", "build", "-o", filepath.Join(bin, "erdverify"), "../erdverify")
	c.builds(t, "go", "build", "-o", filepath.Join(bin, "example"), "../../delivery/api/client/example")
	c.example(t, bin, filepath.Join(bin, "example"), c.app.out.trustDir)
	c.example(t, bin, "node", filepath.Join(typescript(t), "dist", "example.js"), c.app.out.trustDir)
}

// typescript compiles the TypeScript client and its example.
func typescript(t *testing.T) (dir string) {
	t.Helper()
	tools, err := filepath.Abs(filepath.Join(contractTools, "ts"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(tools, "node_modules", ".bin", "tsc")); err != nil {
		t.Fatal("the compiler of the TypeScript client is missing: make tools")
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../delivery/api/client/ts")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(tools, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "node_modules", ".bin", "tsc"), "-p", ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tsc: %v\n%s", err, out)
	}
	return dir
}

// TestTypeScript runs what the TypeScript client promises: trying again, errors,
// pages and webhooks.
func TestTypeScript(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "node", "--test", filepath.Join(typescript(t), "dist", "client.test.js"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func (c *contractTown) builds(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// example runs a program as somebody does who read the documentation.
func (c *contractTown) example(t *testing.T, bin, name string, args ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "BODE_URL="+c.base, "BODE_KEY="+c.seeds.TestKey, "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "verified") {
		t.Errorf("%s %v: %v\n%s", name, args, err, out)
	}
}
