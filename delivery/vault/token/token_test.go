//go:build cgo

package token_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/delivery/vault/token"
)

const pin = "27182818"

func TestMain(m *testing.M) { os.Exit(withTokens(m)) }

// withTokens makes the tokens before the module is loaded: it reads their list only
// then, and the environment names one place for the whole process. Each test has its
// own, because another program writes to it meanwhile.
//
// Tests that use a token run one after the other: SoftHSM writes its file at each log-in,
// and whoever reads it at that moment, another test that looks for its own, gets
// CKR_GENERAL_ERROR, or the one who logs in does.
func withTokens(m *testing.M) int {
	dir, err := os.MkdirTemp("", "token")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s\nlog.level = ERROR\n", dir), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("SOFTHSM2_CONF", conf)
	for _, name := range []string{"first", "refuses", "months", "lost", "pin"} {
		out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", name, "--pin", pin, "--so-pin", "31415926").CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "softhsm2-util (.ci/tools names the package): %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}

// module is the library of SoftHSM.
func module(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/softhsm", "/usr/lib/*/softhsm", "/usr/lib64/softhsm", "/usr/lib64/pkcs11", "/usr/local/lib/softhsm"} {
		if found, err := filepath.Glob(filepath.Join(pattern, "libsofthsm2.so")); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("libsofthsm2.so is not installed: .ci/tools names the package")
	return ""
}

// tool runs a program of another maker on a token.
func tool(t testing.TB, slot string, args ...string) {
	t.Helper()
	args = append([]string{"--module", module(t), "--token-label", slot, "--login", "--pin", pin}, args...)
	if out, err := exec.CommandContext(t.Context(), "pkcs11-tool", args...).CombinedOutput(); err != nil {
		t.Fatalf("pkcs11-tool %s: %v\n%s", args, err, out)
	}
}

func config(t testing.TB, slot, key string) token.Config {
	t.Helper()
	return token.Config{Module: module(t), Label: slot, KeyLabel: key, PINFile: write(t, pin+"\n", 0o600)}
}

func write(t testing.TB, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, slot, key string) *token.Key {
	t.Helper()
	k, err := token.Open(config(t, slot, key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// TestKey: what a device encrypts it decrypts, for the same purpose and unaltered;
// never twice the same; from many at once.
func TestKey(t *testing.T) {
	tool(t, "first", "--keygen", "--key-type", "AES:32", "--label", "first", "--sensitive")
	k := open(t, "first", "first")
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			plain, purpose := bytes.Repeat([]byte{byte(n)}, 100*n), fmt.Appendf(nil, "purpose %d", n)
			a, err1 := k.Encrypt(plain, purpose)
			b, err2 := k.Encrypt(plain, purpose)
			if err := errors.Join(err1, err2); err != nil || bytes.Equal(a, b) || n > 0 && bytes.Contains(a, plain) {
				t.Errorf("%d: %v, the same twice: %t", n, err, bytes.Equal(a, b))
				return
			}
			if got, err := k.Decrypt(a, purpose); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d: %x, %v", n, got, err)
			}
			for name, try := range map[string][2][]byte{"another purpose": {a, []byte("other")}, "an octet": {append([]byte{a[0] ^ 1}, a[1:]...), purpose},
				"cut": {a[:len(a)-1], purpose}, "nothing": {nil, purpose}, "a nonce": {a[:12], purpose}} {
				if got, err := k.Decrypt(try[0], try[1]); !errors.Is(err, token.ErrSealed) {
					t.Errorf("%d, %s: %x, %v", n, name, got, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestRefuses: a configuration that would be weaker than it looks, or a wrong one,
// says so at the start.
func TestRefuses(t *testing.T) {
	tool(t, "refuses", "--keygen", "--key-type", "AES:32", "--label", "leaves", "--sensitive", "--extractable")
	tool(t, "refuses", "--keygen", "--key-type", "AES:16", "--label", "short", "--sensitive")
	tool(t, "refuses", "--keygen", "--key-type", "AES:32", "--label", "double", "--sensitive")
	tool(t, "refuses", "--keygen", "--key-type", "AES:32", "--label", "double", "--sensitive")
	for name, tc := range map[string]struct {
		change func(*token.Config)
		want   error
	}{
		"a key that may leave":    {func(c *token.Config) { c.KeyLabel = "leaves" }, token.ErrKey},
		"a short key":             {func(c *token.Config) { c.KeyLabel = "short" }, token.ErrKey},
		"two keys":                {func(c *token.Config) { c.KeyLabel = "double" }, token.ErrKey},
		"no such key":             {func(c *token.Config) { c.KeyLabel = "none" }, token.ErrKey},
		"no such token":           {func(c *token.Config) { c.Label = "none" }, token.ErrUnavailable},
		"no such module":          {func(c *token.Config) { c.Module = "/nowhere.so" }, token.ErrUnavailable},
		"a relative module":       {func(c *token.Config) { c.Module = "softhsm2.so" }, token.ErrConfig},
		"no label":                {func(c *token.Config) { c.Label = "" }, token.ErrConfig},
		"forever":                 {func(c *token.Config) { c.Seconds = 61 }, token.ErrConfig},
		"a PIN for all to read":   {func(c *token.Config) { c.PINFile = write(t, pin, 0o644) }, token.ErrConfig},
		"no PIN":                  {func(c *token.Config) { c.PINFile = write(t, "\n", 0o600) }, token.ErrConfig},
		"two PINs":                {func(c *token.Config) { c.PINFile = write(t, pin+"\n"+pin, 0o600) }, token.ErrConfig},
		"a PIN that is not there": {func(c *token.Config) { c.PINFile = "/nowhere/pin" }, os.ErrNotExist},
	} {
		c := config(t, "refuses", "leaves")
		tc.change(&c)
		if k, err := token.Open(c); !errors.Is(err, tc.want) || k != nil {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	for text, ok := range map[string]bool{`{"module":"/a.so","label":"x","pin_file":"/p","key_label":"k"}`: true, `{"module":"/a.so","label":"x","pin_file":"/p","key_label":"k","slot":1}`: false,
		`{`: false, `{"module":"a.so"}`: false} {
		if _, err := token.ReadConfig(write(t, text, 0o600)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestWrongPIN: a wrong PIN is tried once, by this program and by the next: the token
// must not be locked by a service that is started again and again.
func TestWrongPIN(t *testing.T) {
	tool(t, "pin", "--keygen", "--key-type", "AES:32", "--label", "kept", "--sensitive")
	wrong := config(t, "pin", "kept")
	wrong.PINFile = write(t, "31415\n", 0o600)
	for range 20 {
		if _, err := token.Open(wrong); !errors.Is(err, token.ErrPIN) {
			t.Fatalf("a wrong PIN: %v", err)
		}
	}
	if _, err := token.Open(config(t, "pin", "kept")); !errors.Is(err, token.ErrPIN) || !strings.Contains(err.Error(), "tried before") {
		t.Errorf("after a wrong one: %v", err)
	}
	tool(t, "pin", "--list-objects") // somebody logs in by other means
	open(t, "pin", "kept")
}

// TestKeyringUnder: with a master the directory of keys alone opens nothing; what was
// wrapped before it stays readable; a file in the place of another does not open.
func TestKeyringUnder(t *testing.T) {
	tool(t, "months", "--keygen", "--key-type", "AES:32", "--label", "months", "--sensitive")
	tool(t, "months", "--keygen", "--key-type", "AES:32", "--label", "other", "--sensitive")
	k, dir, objects := open(t, "months", "months"), t.TempDir()+"/keys", t.TempDir()+"/objects"
	month := time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return month }
	shelf := func(keys *vault.Keyring, err error) delivery.Vault {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		v, err := vault.NewDir(vault.DirConfig{Dir: objects, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	put := func(v delivery.Vault, name string) delivery.Stored {
		t.Helper()
		s, err := v.Put(t.Context(), name, strings.NewReader("content of "+name))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := put(shelf(vault.OpenKeyring(dir, clock)), "documents/before")
	month = month.AddDate(0, 1, 0)
	under := shelf(vault.OpenKeyringUnder(k, dir, clock))
	after := put(under, "documents/after")
	month = month.AddDate(0, 1, 0)
	last := put(under, "documents/last")
	read := func(v delivery.Vault, s delivery.Stored) error {
		r, err := v.Open(t.Context(), s)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		if got := "content of " + s.Name; err == nil && string(b) != got {
			err = fmt.Errorf("%q, want %q", b, got)
		}
		return errors.Join(err, r.Close())
	}
	for _, s := range []delivery.Stored{before, after, last} {
		if err := read(under, s); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "2026-11.json")); err != nil || !bytes.Contains(b, []byte("encryptedKeyset")) || bytes.Contains(b, []byte("keyData")) {
		t.Errorf("the file of a month under a master: %v\n%s", err, b)
	}
	if err := read(shelf(vault.OpenKeyring(dir, clock)), after); !errors.Is(err, vault.ErrKeyLocked) {
		t.Errorf("without the device: %v", err)
	}
	if err := read(shelf(vault.OpenKeyringUnder(open(t, "months", "other"), dir, clock)), after); !errors.Is(err, vault.ErrKeyLocked) {
		t.Errorf("with another key of the device: %v", err)
	}
	november, err := os.ReadFile(filepath.Join(dir, "2026-11.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "2026-12.json"), november, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := read(under, last); !errors.Is(err, vault.ErrKeyLocked) || delivery.Unavailable(err) {
		t.Errorf("a file in the place of another: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := read(under, after); !delivery.Unavailable(err) {
		t.Errorf("a device that is away: %v", err)
	}
	month = month.AddDate(0, 1, 0)
	if _, err := under.Put(t.Context(), "documents/later", strings.NewReader("x")); !delivery.Unavailable(err) {
		t.Errorf("a month begins without the device: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "2027-01.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of a key that nobody can read: %v", err)
	}
}

// TestDeviceLost: a device that went is told as away, and comes back by itself.
func TestDeviceLost(t *testing.T) {
	tool(t, "lost", "--keygen", "--key-type", "AES:32", "--label", "kept", "--sensitive")
	k := open(t, "lost", "kept")
	sealed, err := k.Encrypt([]byte("a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	k.Forget() // as when the device lost all sessions
	if got, err := k.Decrypt(sealed, nil); err != nil || string(got) != "a" {
		t.Errorf("after its sessions went: %q, %v", got, err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Decrypt(sealed, nil); !errors.Is(err, token.ErrUnavailable) {
		t.Errorf("closed: %v", err)
	}
}
