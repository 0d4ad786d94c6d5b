package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
)

var (
	november = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	december = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
)

// ring is a directory with two keyrings on it, as in two processes.
func ring(t *testing.T) (dir string, c *clock, a, b *vault.Keyring, v *vault.Dir) {
	t.Helper()
	dir, c = filepath.Join(t.TempDir(), "keys"), newClock()
	var err error
	if a, err = vault.OpenKeyring(dir, c.now); err != nil {
		t.Fatal(err)
	}
	if b, err = vault.OpenKeyring(dir, c.now); err != nil {
		t.Fatal(err)
	}
	if v, err = vault.NewDir(vault.DirConfig{Dir: t.TempDir(), Keys: a}); err != nil {
		t.Fatal(err)
	}
	return dir, c, a, b, v
}

func TestEachMonthHasItsKey(t *testing.T) {
	t.Parallel()
	dir, c, keys, _, v := ring(t)
	if ids, err := keys.IDs(); err != nil || len(ids) != 0 {
		t.Errorf("before the first object: %q, %v", ids, err)
	}
	// Midnight in Brussels is not yet December in UTC.
	c.set(december.Add(-time.Minute))
	first := mustPut(t, v, "first", []byte("1"))
	c.set(december.Add(time.Minute).In(time.FixedZone("", -3600)))
	second := mustPut(t, v, "second", []byte("2"))
	if first.KeyID != "2026-11" || second.KeyID != "2026-12" {
		t.Errorf("keys %q and %q", first.KeyID, second.KeyID)
	}
	mustOpen(t, v, first, []byte("1"))
	if ids, err := keys.IDs(); err != nil || !slices.Equal(ids, []string{"2026-11", "2026-12"}) {
		t.Errorf("ids %q, %v", ids, err)
	}
	for _, path := range files(t, dir) {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, %v", dir, info.Mode(), err)
	}
}

func TestManyProcessesMakeOneKey(t *testing.T) {
	t.Parallel()
	dir, c, root := filepath.Join(t.TempDir(), "keys"), newClock(), t.TempDir()
	const n = 16
	stored := make([]delivery.Stored, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			keys, err := vault.OpenKeyring(dir, c.now)
			if err != nil {
				t.Error(err)
				return
			}
			v, err := vault.NewDir(vault.DirConfig{Dir: root, Keys: keys})
			if err != nil {
				t.Error(err)
				return
			}
			if stored[i], err = v.Put(t.Context(), fmt.Sprint("n", i), bytes.NewReader([]byte{byte(i)})); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("keys and drafts: %q", got)
	}
	keys, err := vault.OpenKeyring(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.NewDir(vault.DirConfig{Dir: root, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range stored {
		mustOpen(t, v, s, []byte{byte(i)})
	}
}

func TestDestroyedKeyIsGoneEverywhere(t *testing.T) {
	t.Parallel()
	dir, c, a, b, v := ring(t)
	s := mustPut(t, v, "erased", []byte("for ever"))
	held := mustPut(t, v, "held", []byte("under legal hold"))
	secret, err := os.ReadFile(filepath.Join(dir, "2026-11.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"2026-11", "2026-12", "9999-01"} {
		if err := a.Destroy(id); !errors.Is(err, vault.ErrKeyInUse) {
			t.Errorf("Destroy %s in November: %v", id, err)
		}
	}
	c.set(december)
	carried, err := b.Rewrap(held)
	if err != nil || carried.KeyID != "2026-12" {
		t.Fatalf("Rewrap: %q, %v", carried.KeyID, err)
	}
	// The other process destroys; ours holds nothing back.
	if err := b.Destroy("2026-11"); err != nil {
		t.Fatal(err)
	}
	mustFail(t, v, s, vault.ErrShredded)
	mustFail(t, v, held, vault.ErrShredded)
	mustOpen(t, v, carried, []byte("under legal hold"))
	if _, err := a.Rewrap(s); !errors.Is(err, vault.ErrShredded) {
		t.Errorf("Rewrap: %v", err)
	}
	if err := a.Destroy("2026-11"); err != nil {
		t.Errorf("Destroy again: %v", err)
	}
	if ids, _ := a.IDs(); !slices.Equal(ids, []string{"2026-12"}) {
		t.Errorf("ids %q", ids)
	}
	for _, path := range files(t, dir) {
		if got, _ := os.ReadFile(path); bytes.Contains(got, secret) {
			t.Errorf("%s still holds the key", path)
		}
	}
	// A clock that goes back does not make a second key of the same name.
	c.set(november)
	if _, err := v.Put(t.Context(), "late", bytes.NewReader(nil)); !errors.Is(err, vault.ErrShredded) {
		t.Errorf("Put with a destroyed key: %v", err)
	}
}

func TestCrashWithinDestroy(t *testing.T) {
	t.Parallel()
	dir, c, a, b, v := ring(t)
	s := mustPut(t, v, "erased", []byte("for ever"))
	c.set(december)
	if err := a.Mark("2026-11"); err != nil { // and then the power fails
		t.Fatal(err)
	}
	mustFail(t, v, s, vault.ErrShredded)
	if ids, _ := b.IDs(); len(ids) != 0 {
		t.Errorf("ids %q", ids)
	}
	if err := b.Destroy("2026-11"); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("left: %q", got)
	}
}

func TestDestroyOfWhatIsNoKey(t *testing.T) {
	t.Parallel()
	_, _, keys, _, _ := ring(t)
	for id, want := range map[string]error{
		"2025-01": vault.ErrKeyMissing, "": vault.ErrKeyID, "2025-13": vault.ErrKeyID, "2025-1": vault.ErrKeyID,
		"../keys/2025-01": vault.ErrKeyID, "2025-01-01": vault.ErrKeyID, " 2025-01": vault.ErrKeyID,
	} {
		if err := keys.Destroy(id); !errors.Is(err, want) {
			t.Errorf("Destroy %q: got %v, want %v", id, err, want)
		}
	}
}

func TestWrongKeyring(t *testing.T) {
	t.Parallel()
	_, c, _, _, v := ring(t)
	s := mustPut(t, v, "one", []byte("1"))
	other := newKeyring(t, c)
	if _, err := other.Rewrap(s); !errors.Is(err, vault.ErrKeyMissing) {
		t.Errorf("an empty keyring: %v", err)
	}
	w, err := vault.NewDir(vault.DirConfig{Dir: t.TempDir(), Keys: other})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, w, "makes-a-key", nil)
	if _, err := other.Rewrap(s); !errors.Is(err, vault.ErrAltered) {
		t.Errorf("another key of the same month: %v", err)
	}
}

func TestDamagedKeyFiles(t *testing.T) {
	t.Parallel()
	dir, _, _, _, v := ring(t)
	s := mustPut(t, v, "one", []byte("1"))
	path := filepath.Join(dir, "2026-11.json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "zeros": make([]byte, len(good)), "cut": good[:len(good)/2], "text": []byte("{}"), "json": []byte(`{"key":[]}`),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t.Context(), v, s); err == nil || errors.Is(err, vault.ErrAltered) || errors.Is(err, vault.ErrShredded) {
			t.Errorf("%s: Open: %v", name, err)
		}
		if _, err := v.Put(t.Context(), "two", bytes.NewReader(nil)); err == nil {
			t.Errorf("%s: Put succeeded", name)
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, bad) {
			t.Errorf("%s: the file was replaced", name)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o610} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		mustFail(t, v, s, vault.ErrKeyExposed)
		if _, err := v.Put(t.Context(), "two", bytes.NewReader(nil)); !errors.Is(err, vault.ErrKeyExposed) {
			t.Errorf("mode %o: Put: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, v, s, []byte("1"))
	mustPut(t, v, "three", []byte("3")) // the key is in memory now
	other, _, _, _, w := ring(t)
	mustPut(t, w, "elsewhere", nil)
	if err := os.Rename(filepath.Join(other, "2026-11.json"), path); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, v, mustPut(t, v, "four", []byte("4")), []byte("4")) // under the key that lies there
	mustFail(t, v, s, vault.ErrAltered)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	keys := newKeyring(t, newClock())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []vault.DirConfig{{}, {Dir: t.TempDir()}, {Keys: keys}, {Dir: file, Keys: keys}, {Dir: file + "/below", Keys: keys}} {
		if _, err := vault.NewDir(cfg); err == nil {
			t.Errorf("accepted %+v", cfg)
		}
	}
	good := vault.S3Config{Endpoint: "127.0.0.1:9", Bucket: "b", AccessKey: "a", SecretKey: "s", Keys: keys}
	for name, change := range map[string]func(*vault.S3Config){
		"endpoint": func(c *vault.S3Config) { c.Endpoint = "" }, "bucket": func(c *vault.S3Config) { c.Bucket = "" },
		"access key": func(c *vault.S3Config) { c.AccessKey = "" }, "secret key": func(c *vault.S3Config) { c.SecretKey = "" },
		"keyring": func(c *vault.S3Config) { c.Keys = nil }, "scheme": func(c *vault.S3Config) { c.Endpoint = "http://127.0.0.1:9" },
	} {
		cfg := good
		change(&cfg)
		if _, err := vault.NewS3(cfg); err == nil {
			t.Errorf("accepted a bad %s", name)
		}
	}
	if _, err := vault.NewS3(good); err != nil {
		t.Error(err)
	}
	if _, err := vault.OpenKeyring(file, nil); err == nil {
		t.Error("accepted a file as a keyring")
	}
}
