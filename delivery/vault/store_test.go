package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
)

var (
	_ delivery.Vault = (*vault.Dir)(nil)
	_ delivery.Vault = (*vault.S3)(nil)
)

// clock is a settable time.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// store is a vault under test, with a back door to what it stores.
type store struct {
	delivery.Vault
	keys  *vault.Keyring
	clock *clock
	read  func(t testing.TB, name string) []byte
	write func(t testing.TB, name string, b []byte)
	all   func(t testing.TB) []string // everything that lies there, drafts too
	sweep func(context.Context, time.Time, func(string) bool) (int, error)
}

func newKeyring(t testing.TB, c *clock) *vault.Keyring {
	t.Helper()
	keys, err := vault.OpenKeyring(filepath.Join(t.TempDir(), "keys"), c.now)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// newDir makes a directory store; named says to use drafts with names.
func newDir(t testing.TB, named bool) store {
	t.Helper()
	c := newClock()
	keys := newKeyring(t, c)
	root := filepath.Join(t.TempDir(), "content")
	v, err := vault.NewDir(vault.DirConfig{Dir: root, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if named {
		v.NameDrafts()
	}
	return store{Vault: v, keys: keys, clock: c, sweep: v.Sweep,
		read: func(t testing.TB, name string) []byte {
			t.Helper()
			b, err := os.ReadFile(v.FileOf(name))
			if err != nil {
				t.Fatal(err)
			}
			return b
		},
		write: func(t testing.TB, name string, b []byte) {
			t.Helper()
			if err := os.WriteFile(v.FileOf(name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		all: func(t testing.TB) []string { return files(t, root) },
	}
}

// files lists the regular files below root.
func files(t testing.TB, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

const bucket = "content"

// fake is an S3 server within this process, or what stands before a real one. In
// front of it is a handler that a test may replace to break things.
type fake struct {
	backend  *s3mem.Backend // nil: a real one
	core     *minio.Core    // straight to it
	bucket   string
	next     http.Handler
	endpoint string
	writes   sync.Mutex // its check of If-None-Match and its write are not one step

	mu    sync.Mutex
	front func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The one within this process takes the empty delimiter of a flat listing for a
	// delimiter, and then lists nothing.
	if q := r.URL.Query(); f.backend != nil && q.Has("delimiter") && q.Get("delimiter") == "" {
		q.Del("delimiter")
		r.URL.RawQuery = q.Encode()
	}
	if f.backend != nil && r.Header.Get("If-None-Match") != "" {
		f.writes.Lock()
		defer f.writes.Unlock()
	}
	f.mu.Lock()
	front := f.front
	f.mu.Unlock()
	if front != nil {
		front(w, r, f.next)
		return
	}
	f.next.ServeHTTP(w, r)
}

func (f *fake) breakWith(front func(http.ResponseWriter, *http.Request, http.Handler)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.front = front
}

func newS3(t testing.TB) (store, *fake) {
	t.Helper()
	f := &fake{backend: s3mem.New(), bucket: bucket}
	if err := f.backend.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	f.next = gofakes3.New(f.backend).Server()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.endpoint = strings.TrimPrefix(server.URL, "http://")
	core, err := minio.NewCore(f.endpoint, &minio.Options{Creds: credentials.NewStaticV4("access", "secret-key", "")})
	if err != nil {
		t.Fatal(err)
	}
	f.core = core
	// It cannot list uploads before there was one.
	id, err := core.NewMultipartUpload(t.Context(), bucket, "first", minio.PutObjectOptions{})
	if err == nil {
		err = core.AbortMultipartUpload(t.Context(), bucket, "first", id)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := newClock()
	keys := newKeyring(t, c)
	v, err := vault.NewS3(vault.S3Config{
		Endpoint: f.endpoint, Bucket: bucket,
		AccessKey: "access", SecretKey: "secret-key", Keys: keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store{Vault: v, keys: keys, clock: c, sweep: v.Sweep,
		read: func(t testing.TB, name string) []byte {
			t.Helper()
			o, err := f.backend.GetObject(t.Context(), bucket, name, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Contents.Close()
			b, err := io.ReadAll(o.Contents)
			if err != nil {
				t.Fatal(err)
			}
			return b
		},
		write: func(t testing.TB, name string, b []byte) {
			t.Helper()
			_, err := core.Client.PutObject(t.Context(), bucket, name, bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
		},
		all: func(t testing.TB) []string {
			t.Helper()
			list, err := f.backend.ListBucket(t.Context(), bucket, &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, o := range list.Contents {
				found = append(found, o.Key)
			}
			for u := range core.ListIncompleteUploads(t.Context(), bucket, "", true) {
				if u.Err != nil {
					t.Fatal(u.Err)
				}
				found = append(found, "unfinished upload of "+u.Key)
			}
			return found
		},
	}, f
}

// onBoth runs a test against every store.
func onBoth(t *testing.T, test func(t *testing.T, s store)) {
	t.Helper()
	t.Run("directory", func(t *testing.T) { t.Parallel(); test(t, newDir(t, false)) })
	t.Run("directory, named drafts", func(t *testing.T) { t.Parallel(); test(t, newDir(t, true)) })
	onS3(t, func(t *testing.T, s store, _ *fake) { test(t, s) })
}

// onS3 runs a test against the server within the test process, and a real one.
func onS3(t *testing.T, test func(t *testing.T, s store, f *fake)) {
	t.Helper()
	t.Run("S3", func(t *testing.T) { t.Parallel(); s, f := newS3(t); test(t, s, f) })
	t.Run("S3 server", func(t *testing.T) { t.Parallel(); s, f := newGatewayS3(t); test(t, s, f) })
}

// random returns n octets that differ from one seed to the next.
func random(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func mustPut(t testing.TB, v delivery.Vault, name string, content []byte) delivery.Stored {
	t.Helper()
	s, err := v.Put(t.Context(), name, bytes.NewReader(content))
	if err != nil {
		t.Fatalf("Put %s: %v", name, err)
	}
	if sum := sha256.Sum256(content); s.Name != name || s.Size != int64(len(content)) || !bytes.Equal(s.SHA256, sum[:]) {
		t.Fatalf("Put %s: name %q, size %d, digest %x", name, s.Name, s.Size, s.SHA256)
	}
	return s
}

// open reads everything, also past an error, and returns the first one.
func open(ctx context.Context, v delivery.Vault, s delivery.Stored) ([]byte, error) {
	r, err := v.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if n, again := r.Read(make([]byte, 1)); n != 0 || (err != nil && !errors.Is(again, err)) {
		return b, errors.New("the error did not stay")
	}
	return b, err
}

func mustOpen(t testing.TB, v delivery.Vault, s delivery.Stored, want []byte) {
	t.Helper()
	got, err := open(t.Context(), v, s)
	if err != nil {
		t.Fatalf("Open %s: %v", s.Name, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("Open %s: %d octets, not the %d that were put", s.Name, len(got), len(want))
	}
}

func mustFail(t testing.TB, v delivery.Vault, s delivery.Stored, want error) {
	t.Helper()
	if _, err := open(t.Context(), v, s); !errors.Is(err, want) {
		t.Errorf("Open %s: got %v, want %v", s.Name, err, want)
	}
}

// nothing fails unless the store is empty.
func nothing(t testing.TB, s store) {
	t.Helper()
	if left := s.all(t); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}
