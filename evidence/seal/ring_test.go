package seal_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/seal"
)

// folder is a folder of keys in files, with a clock.
type folder struct {
	dir    string
	tried  atomic.Int64
	opened atomic.Int64
	closed atomic.Int64
	fail   atomic.Pointer[error] // what opening gives instead of a key

	mu  sync.Mutex
	now time.Time
}

func newFolder(t testing.TB) *folder {
	t.Helper()
	return &folder{dir: t.TempDir(), now: date(2026, 11, 1)}
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func (f *folder) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *folder) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// counted counts how often it is closed.
type counted struct {
	seal.Key
	f *folder
}

func (c counted) Close() error {
	c.f.closed.Add(1)
	return c.Key.Close()
}

func (f *folder) config() seal.RingConfig {
	return seal.RingConfig{Dir: f.dir, AllowFileKey: true, Now: f.clock, Open: func(c seal.Config) (seal.Key, error) {
		f.tried.Add(1)
		if err := f.fail.Load(); err != nil {
			return nil, *err
		}
		k, err := seal.New(c)
		if err != nil {
			return nil, err
		}
		f.opened.Add(1)
		return counted{k, f}, nil
	}}
}

func (f *folder) open(t testing.TB) *seal.Ring {
	t.Helper()
	r, err := seal.OpenRing(f.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if f.opened.Load() != f.closed.Load() {
			t.Errorf("%d keys opened, %d closed", f.opened.Load(), f.closed.Load())
		}
	})
	return r
}

// put writes a key and its certificate for a time and gives the certificate.
func (f *folder) put(t testing.TB, name string, from, to time.Time) *x509.Certificate {
	t.Helper()
	key := ec(t, p256)
	chain := newAuthority(t).certify(t, key.Public(), func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to })
	for file, b := range map[string][]byte{"key": keyPEM(t, key), "pem": encode(chain...)} {
		if err := os.WriteFile(filepath.Join(f.dir, name+"."+file), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(seal.Config{KeyFile: filepath.Join(f.dir, name+".key"), CertFile: filepath.Join(f.dir, name+".pem")})
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, name, string(b))
	return chain[0]
}

func (f *folder) write(t testing.TB, name, text string) {
	t.Helper()
	tmp := filepath.Join(f.dir, name+".new")
	if err := errors.Join(os.WriteFile(tmp, []byte(text), 0o600), os.Rename(tmp, filepath.Join(f.dir, name+".json"))); err != nil {
		t.Fatal(err)
	}
}

func (f *folder) remove(t testing.TB, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(f.dir, name+".json")); err != nil {
		t.Fatal(err)
	}
}

func TestRingChooses(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	old := f.put(t, "a", date(2025, 1, 1), date(2027, 1, 1))
	next := f.put(t, "b", date(2026, 12, 1), date(2028, 12, 1))
	twin := f.put(t, "c", date(2026, 12, 1), date(2028, 12, 1))
	long := f.put(t, "d", date(2034, 1, 1), date(2040, 1, 1))
	r := f.open(t)
	for _, c := range []struct {
		at   time.Time
		want *x509.Certificate // nil: none
	}{
		{date(2024, 12, 31), nil},
		{date(2025, 1, 1).Add(-time.Nanosecond), nil},
		{date(2025, 1, 1), old},
		{date(2026, 12, 1).Add(-time.Nanosecond), old},
		{date(2026, 12, 1), twin},
		{date(2028, 11, 30).Add(-time.Nanosecond), twin},
		{date(2028, 11, 30), nil}, // within the margin of 24 hours
		{date(2028, 12, 1), nil},
		{date(2035, 12, 31), long},
		{date(2036, 1, 1), nil}, // the certificate is good, the algorithm is not
	} {
		k, err := r.Key(c.at)
		if c.want == nil {
			if !errors.Is(err, seal.ErrNoKey) || k != nil {
				t.Errorf("%v: %v", c.at, err)
			}
			continue
		}
		if err != nil || !k.Certificates()[0].Equal(c.want) {
			t.Errorf("%v: %v, wrong key", c.at, err)
		}
	}
	if got := r.Certificates(); len(got) != 8 || !got[2].Equal(next) {
		t.Errorf("%d certificates", len(got))
	}
}

func TestRingWantsSuccessor(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.put(t, "a", date(2025, 1, 1), date(2027, 1, 1))
	r := f.open(t)
	for at, want := range map[time.Time]error{
		date(2026, 12, 1):                  nil,
		date(2026, 12, 2):                  seal.ErrSuccessor, // 30 days before the end
		date(2026, 12, 31).Add(-time.Hour): seal.ErrSuccessor,
		date(2026, 12, 31):                 seal.ErrNoKey,
		date(2024, 1, 1):                   seal.ErrNoKey,
	} {
		if err := r.Health(t.Context(), at); want == nil && err != nil || !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", at, err, want)
		}
	}
	// One that begins too late is no successor, nor one that ends too early.
	f.put(t, "late", date(2027, 1, 1), date(2029, 1, 1))
	f.put(t, "short", date(2026, 12, 20), date(2026, 12, 30))
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if err := r.Health(t.Context(), date(2026, 12, 10)); !errors.Is(err, seal.ErrSuccessor) {
		t.Errorf("got %v", err)
	}
	f.put(t, "next", date(2026, 12, 31), date(2029, 1, 1))
	if err := errors.Join(r.Reload(), r.Health(t.Context(), date(2026, 12, 10))); err != nil {
		t.Error(err)
	}
}

func TestRingReloads(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	at := date(2026, 12, 10)
	first := f.put(t, "a", date(2026, 1, 1), date(2027, 1, 1))
	r := f.open(t)
	uses := func(want *x509.Certificate) {
		t.Helper()
		k, err := r.Key(at)
		if err != nil || !k.Certificates()[0].Equal(want) {
			t.Errorf("wrong key, %v", err)
		}
	}
	// Nothing changed: nothing is opened.
	if err := r.Reload(); err != nil || f.opened.Load() != 1 {
		t.Errorf("%v, %d opened", err, f.opened.Load())
	}
	// The next key takes over; the old one is still whole in the hands of others.
	held, err := r.Key(at)
	if err != nil {
		t.Fatal(err)
	}
	second := f.put(t, "b", date(2026, 11, 1), date(2028, 1, 1))
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	uses(second)
	f.remove(t, "a")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	f.pass(9 * time.Minute)
	if err := r.Reload(); err != nil || f.closed.Load() != 0 {
		t.Errorf("%v, %d closed within the grace", err, f.closed.Load())
	}
	if err := holds(held, first); err != nil {
		t.Error(err)
	}
	f.pass(time.Minute)
	if err := r.Reload(); err != nil || f.closed.Load() != 1 {
		t.Errorf("%v, %d closed after the grace", err, f.closed.Load())
	}
	// A new certificate under the old name.
	third := f.put(t, "b", date(2026, 11, 2), date(2028, 1, 1))
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	uses(third)
	// What is broken leaves what was there, and is told.
	for name, text := range map[string]string{
		"half a file": `{"key_file":`, "unknown field": `{"key":"x"}`, "two values": `{}{}`, "nothing": `{}`,
		"a file that is gone": `{"key_file":"/nonexistent","cert_file":"/nonexistent"}`,
		"allows itself":       `{"AllowFileKey":true}`,
		"no time span":        `{"token":{"timeout":"long"}}`,
		"too long":            strings.Repeat(" ", 1<<20) + `{}`,
	} {
		f.write(t, "b", text)
		if err := r.Reload(); !errors.Is(err, seal.ErrConfig) || !strings.HasPrefix(err.Error(), "b: ") {
			t.Errorf("%s: %v", name, err)
		}
		if err := r.Health(t.Context(), at); !errors.Is(err, seal.ErrConfig) {
			t.Errorf("%s: health: %v", name, err)
		}
		uses(third)
	}
	// An empty folder takes nothing away.
	f.remove(t, "b")
	if err := r.Reload(); !errors.Is(err, seal.ErrConfig) {
		t.Errorf("empty folder: %v", err)
	}
	uses(third)
}

// holds lets k sign and verifies with the certificate that it shows.
func holds(k evidence.SealKey, want *x509.Certificate) error {
	sum := sha256.Sum256([]byte("x"))
	sig, err := k.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return err
	}
	c := k.Certificates()[0]
	if want != nil && !c.Equal(want) {
		return errors.New("another certificate")
	}
	return c.CheckSignature(x509.ECDSAWithSHA256, []byte("x"), sig)
}

// TestRingRollsOver seals from many sides while keys come and go: no document
// goes without, and none gets the certificate of another key.
func TestRingRollsOver(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.put(t, "key-0", date(2026, 1, 1), date(2028, 1, 1))
	r := f.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				k, err := r.Key(date(2026, 12, 10))
				if err == nil {
					err = holds(k, nil)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 5 {
		f.put(t, fmt.Sprint("key-", i+1), date(2026, 1, 2+i), date(2028, 1, 1))
		if err := r.Reload(); err != nil {
			t.Error(err)
		}
		f.remove(t, fmt.Sprint("key-", i))
		if err := r.Reload(); err != nil {
			t.Error(err)
		}
		f.pass(time.Minute)
	}
	cancel()
	all.Wait()
}

// TestRingSparesPIN tries a refused PIN again only when something changed.
func TestRingSparesPIN(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.put(t, "a", date(2026, 1, 1), date(2028, 1, 1))
	r := f.open(t)
	f.put(t, "b", date(2026, 2, 1), date(2028, 1, 1))
	for fault, again := range map[error]int64{seal.ErrPIN: 1, seal.ErrUnavailable: 3} {
		f.fail.Store(&fault)
		before := f.tried.Load()
		f.put(t, "b", date(2026, 2, 1), date(2028, 1, 1))
		for range 3 {
			if err := r.Reload(); !errors.Is(err, fault) {
				t.Errorf("%v: got %v", fault, err)
			}
		}
		if n := f.tried.Load() - before; n != again {
			t.Errorf("%v: tried %d times, want %d", fault, n, again)
		}
		if err := r.Health(t.Context(), date(2026, 12, 10)); !errors.Is(err, fault) {
			t.Errorf("health: %v", err)
		}
	}
}

// TestRingDescriptions reads every field that a file may have, and writes it back.
func TestRingDescriptions(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	secret := write(t, "secret", []byte("x"))
	slot := 7
	want := map[string]seal.Config{
		"token": {CertFile: secret, Token: &seal.TokenConfig{Module: "/m.so", Label: "l", Serial: "s", Slot: &slot, PINFile: secret,
			KeyLabel: "k", KeyID: "0a", MaxSessions: 4, Timeout: seal.Duration(time.Minute)}},
		"remote": {Remote: &seal.RemoteConfig{URL: "https://rssp.example", TokenURL: "https://rssp.example/t", ClientID: "c",
			SecretFile: secret, Scope: "s", CredentialID: "id", AuthFiles: map[string]string{"PIN": secret}, RootsFile: secret,
			Wait: seal.Duration(time.Millisecond), MaxBatch: 9, MaxCalls: 2, Timeout: seal.Duration(time.Second)}},
	}
	for name, c := range want {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		f.write(t, name, string(b))
	}
	got := map[string]string{}
	cfg := f.config()
	cfg.Open = func(c seal.Config) (seal.Key, error) {
		b, err := json.Marshal(c)
		got[string(b)] = ""
		return nil, errors.Join(seal.ErrUnavailable, err)
	}
	if _, err := seal.OpenRing(cfg); !errors.Is(err, seal.ErrUnavailable) {
		t.Fatal(err)
	}
	for name, c := range want {
		b, err := json.Marshal(c)
		if _, ok := got[string(b)]; err != nil || !ok {
			t.Errorf("%s: %s was read as something else", name, b)
		}
	}
}

func TestRingRefused(t *testing.T) {
	t.Parallel()
	good := newFolder(t)
	good.put(t, "a", date(2026, 1, 1), date(2028, 1, 1))
	closed := newFolder(t)
	closed.put(t, "a", date(2026, 1, 1), date(2028, 1, 1))
	for name, c := range map[string]struct {
		f      *folder
		change func(*seal.RingConfig)
		want   error
	}{
		"no folder":       {good, func(c *seal.RingConfig) { c.Dir = "" }, seal.ErrConfig},
		"empty folder":    {newFolder(t), nil, seal.ErrConfig},
		"folder gone":     {good, func(c *seal.RingConfig) { c.Dir += "/gone" }, seal.ErrConfig},
		"no file keys":    {good, func(c *seal.RingConfig) { c.AllowFileKey = false }, seal.ErrFileKey},
		"negative margin": {good, func(c *seal.RingConfig) { c.Margin = -1 }, seal.ErrConfig},
		"short overlap":   {good, func(c *seal.RingConfig) { c.Overlap = time.Hour }, seal.ErrConfig},
	} {
		cfg := c.f.config()
		if c.change != nil {
			c.change(&cfg)
		}
		if r, err := seal.OpenRing(cfg); !errors.Is(err, c.want) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := seal.OpenRing(closed.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Key(date(2026, 12, 10)); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("closed: %v", err)
	}
	if err := r.Reload(); !errors.Is(err, seal.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
