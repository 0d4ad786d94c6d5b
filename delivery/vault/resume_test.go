package vault_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/delivery/vault/vaulttest"
)

// cutOnce breaks the first download off after n octets, does something, and lets
// the others through. It says what the later ones asked for.
func cutOnce(f *fake, n int, meanwhile func()) (ranges func() []string) {
	var mu sync.Mutex
	var asked []string // guarded by mu
	var cut atomic.Bool
	f.breakWith(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		if !cut.CompareAndSwap(false, true) {
			mu.Lock()
			asked = append(asked, r.Header.Get("Range"))
			mu.Unlock()
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		meanwhile()
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()[:n])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return asked
	}
}

// TestDownloadGoesOn holds that a download which broke off goes on where it was,
// and does not begin anew.
func TestDownloadGoesOn(t *testing.T) {
	t.Parallel()
	onS3(t, func(t *testing.T, s store, f *fake) {
		content := random(3<<20, 48)
		stored := mustPut(t, s, "goes-on", content)
		ranges := cutOnce(f, 1_500_000, func() {})
		mustOpen(t, s, stored, content)
		if got := ranges(); len(got) != 1 || got[0] != "bytes=1500000-" {
			t.Errorf("asked for %q", got)
		}
	})
}

// TestDownloadOfAnother holds that the rest of another object is not taken for the
// rest of this one.
func TestDownloadOfAnother(t *testing.T) {
	t.Parallel()
	onS3(t, func(t *testing.T, s store, f *fake) {
		stored := mustPut(t, s, "changes", random(3<<20, 49))
		cutOnce(f, 1_500_000, func() { s.write(t, "changes", random(3<<20+8000, 50)) })
		if got, err := open(t.Context(), s, stored); err == nil || errors.Is(err, vault.ErrAltered) {
			t.Errorf("%d octets, %v", len(got), err)
		}
	})
}

// TestDownloadOverARestart kills the server in the middle of a download and starts
// it again: whoever downloads does not notice.
func TestDownloadOverARestart(t *testing.T) {
	t.Parallel()
	g, err := vaulttest.Start(vaulttest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Kill() })
	s, _ := storeOn(t, g)
	content := random(24<<20, 51) // more than what lies in buffers between two ends
	stored := mustPut(t, s, "restart", content)
	r, err := s.Open(t.Context(), stored)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head := make([]byte, 2<<20)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.Kill(), g.Restart()); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || len(head)+len(rest) != len(content) {
		t.Errorf("%d octets of %d: %v", len(head)+len(rest), len(content), err)
	}
}
