//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// mirror serves an archive whose programs only know their version.
func mirror(t *testing.T, digest func([]byte) string) (url string, hits *atomic.Int64) {
	t.Helper()
	txz, err := os.ReadFile("testdata/fake.txz")
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	f, err := w.Create("postgres-any.txz")
	if err == nil {
		_, err = f.Write(txz)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	hits = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			_, _ = w.Write([]byte(digest(jar.Bytes())))
			return
		}
		_, _ = w.Write(jar.Bytes())
	}))
	t.Cleanup(srv.Close)
	return srv.URL, hits
}

func rightDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestFetchKeepsWhatItUnpacked(t *testing.T) {
	t.Parallel()
	url, hits := mirror(t, rightDigest)
	cfg := FetchConfig{CacheDir: t.TempDir(), Repository: url}
	first, err := Fetch(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	asked := hits.Load()
	second, err := Fetch(t.Context(), cfg)
	if err != nil || second != first || first.Major != fetchedMajor {
		t.Errorf("first %+v, second %+v, %v", first, second, err)
	}
	if hits.Load() != asked {
		t.Error("the second call downloaded again")
	}
	noWork(t, cfg.CacheDir)
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	wrong, _ := mirror(t, func([]byte) string { return strings.Repeat("0", 64) })
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			_, _ = w.Write([]byte(rightDigest([]byte("not an archive"))))
			return
		}
		_, _ = w.Write([]byte("not an archive"))
	}))
	t.Cleanup(garbage.Close)
	for name, url := range map[string]string{
		"another digest": wrong, "nothing there": empty.URL,
		"garbage": garbage.URL, "nobody answers": "http://127.0.0.1:1",
	} {
		cache := t.TempDir()
		_, err := Fetch(t.Context(), FetchConfig{CacheDir: cache, Repository: url})
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
		noWork(t, cache)
	}
}

func TestFetchStopsWaitingWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		cancel()
		<-release
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(release) })
	_, err := Fetch(ctx, FetchConfig{CacheDir: place(t), Repository: srv.URL})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// noWork checks that no half-unpacked directory stays behind.
func noWork(t *testing.T, cache string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(cache, "unpack-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
