package vault_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
)

// TestVector opens an object that testdata/vector.py wrote without Tink, and so
// holds the format still: what is stored today opens in ten years.
func TestVector(t *testing.T) {
	t.Parallel()
	mustOpenVector(t, filepath.Join("testdata", "vector"))
	// BODE_VAULT_VECTOR names another one, such as "vector.py make DIR 9000000".
	if dir := os.Getenv("BODE_VAULT_VECTOR"); dir != "" {
		mustOpenVector(t, dir)
	}
}

func mustOpenVector(t *testing.T, dir string) {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var row delivery.Stored
	if err := json.Unmarshal(read("row.json"), &row); err != nil {
		t.Fatal(err)
	}
	// Copied, because a checkout gives key files the wrong mode.
	ring := t.TempDir()
	if err := os.WriteFile(filepath.Join(ring, "2026-11.json"), read("keys/2026-11.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := vault.OpenKeyring(ring, newClock().now)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.NewDir(vault.DirConfig{Dir: t.TempDir(), Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	path := v.FileOf(row.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, read("object"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, v, row, read("content"))
	// What we write, vector.py opens: leave it for it when asked.
	out := os.Getenv("BODE_VAULT_OUT")
	if out == "" {
		return
	}
	row = mustPut(t, v, "ours/two", random(3<<20, 50))
	b, err := json.Marshal(row)
	if err == nil {
		err = os.WriteFile(filepath.Join(out, "row.json"), b, 0o600)
	}
	for to, from := range map[string]string{"object": v.FileOf(row.Name), "2026-11.json": filepath.Join(ring, "2026-11.json")} {
		if err == nil {
			b, err = os.ReadFile(from)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(out, to), b, 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
