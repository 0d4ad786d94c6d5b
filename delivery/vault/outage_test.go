package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/delivery/vault/vaulttest"
)

// TestFailuresAreHonest breaks each kind of request of a Put in both ways: carried
// out or not, answered with an error or not at all; once, or until the end. What
// Put acknowledged can be opened; what it did not is gone after the sweep, and its
// name is free.
func TestFailuresAreHonest(t *testing.T) {
	t.Parallel()
	requests := map[string]func(*http.Request) bool{
		"looking":  func(r *http.Request) bool { return r.Method == http.MethodHead },
		"begin":    func(r *http.Request) bool { return r.URL.Query().Has("uploads") },
		"2nd part": func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "2" },
		"end":      finishes,
	}
	for name, hit := range requests {
		for _, done := range []bool{true, false} {
			for _, answered := range []bool{true, false} {
				for _, times := range []int32{1, 1 << 20} {
					t.Run(fmt.Sprintf("%s, done %v, answered %v, %d times", name, done, answered, times), func(t *testing.T) {
						t.Parallel()
						s, f := newGatewayS3(t)
						var n atomic.Int32
						f.breakWith(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
							if !hit(r) || n.Add(1) > times {
								next.ServeHTTP(w, r)
								return
							}
							if done {
								next.ServeHTTP(httptest.NewRecorder(), r)
							} else {
								_, _ = io.Copy(io.Discard, r.Body)
							}
							if !answered {
								panic(http.ErrAbortHandler)
							}
							http.Error(w, "no", http.StatusNotImplemented) // which the client does not repeat
						})
						honest(t, s, f, random(9<<20, 45))
						if n.Load() == 0 {
							t.Error("nothing was broken")
						}
					})
				}
			}
		}
	}
}

// honest puts through what is broken, mends it, and looks.
func honest(t *testing.T, s store, f *fake, content []byte) {
	t.Helper()
	stored, err := s.Put(t.Context(), "honest", bytes.NewReader(content))
	f.breakWith(nil)
	if err == nil {
		mustOpen(t, s, stored, content)
		return
	}
	if errors.Is(err, vault.ErrExists) {
		t.Errorf("the name was free, yet: %v", err)
	}
	mustSweep(t, s)
	mustOpen(t, s, mustPut(t, s, "honest", content), content)
}

// mustSweep removes what no row names: here everything.
func mustSweep(t *testing.T, s store) {
	t.Helper()
	if _, err := s.sweep(t.Context(), time.Now().Add(time.Hour), func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	nothing(t, s)
}

// TestServerKilledMidway kills the server while an upload in parts is under way.
// When it is back at once the upload may end well; when it stays away, Put fails.
// In both cases what was stored before is there, and nothing is half there.
func TestServerKilledMidway(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]bool{"back at once": true, "stays away": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, err := vaulttest.Start(vaulttest.Config{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = g.Kill() })
			s, _ := storeOn(t, g)
			before, content := random(3<<20, 46), random(20<<20, 47)
			kept := mustPut(t, s, "before", before)
			stored, err := s.Put(t.Context(), "midway", io.MultiReader(bytes.NewReader(content[:12<<20]), &once{do: func() error {
				if err := g.Kill(); err != nil || !back {
					return err
				}
				return g.Restart()
			}}, bytes.NewReader(content[12<<20:])))
			if !back {
				if err == nil {
					t.Error("stored by a server that is not there")
				}
				if err := g.Restart(); err != nil {
					t.Fatal(err)
				}
			}
			if err == nil {
				mustOpen(t, s, stored, content)
			}
			t.Logf("Put: %v", err)
			mustOpen(t, s, kept, before)
			aftermath(t, s, kept)
			mustOpen(t, s, mustPut(t, s, "after", content), content)
		})
	}
}

// aftermath sweeps what was never acknowledged.
func aftermath(t *testing.T, s store, kept delivery.Stored) {
	t.Helper()
	if _, err := s.sweep(t.Context(), time.Now().Add(time.Hour), func(name string) bool { return name == kept.Name }); err != nil {
		t.Fatal(err)
	}
	if left := s.all(t); len(left) != 1 || left[0] != kept.Name {
		t.Errorf("left: %q", left)
	}
}

// once does something when it is read, and is empty.
type once struct{ do func() error }

func (o *once) Read([]byte) (int, error) {
	if err := o.do(); err != nil {
		return 0, err
	}
	return 0, io.EOF
}
