package vault_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/bode-erds/bode/delivery/vault"
)

// finishes says whether a request is the one that makes an object appear.
func finishes(r *http.Request) bool {
	q := r.URL.Query()
	return r.Method == http.MethodPut && !q.Has("partNumber") || r.Method == http.MethodPost && q.Has("uploadId")
}

// sizes that go to S3 in one request, and in parts.
var oneAndMany = []int{1000, 17 << 20}

func TestLostAnswerIsNoFailure(t *testing.T) {
	t.Parallel()
	for _, size := range oneAndMany {
		onS3(t, func(t *testing.T, s store, f *fake) {
			var lost atomic.Bool
			f.breakWith(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if finishes(r) && lost.CompareAndSwap(false, true) {
					next.ServeHTTP(httptest.NewRecorder(), r) // carried out
					panic(http.ErrAbortHandler)               // and never answered
				}
				next.ServeHTTP(w, r)
			})
			content := random(size, 40)
			mustOpen(t, s, mustPut(t, s, "lost-answer", content), content)
			if !lost.Load() {
				t.Error("nothing was lost")
			}
			if got := s.all(t); len(got) != 1 {
				t.Errorf("lies there: %q", got)
			}
		})
	}
}

func TestAbandonedPutLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, size := range oneAndMany {
		onS3(t, func(t *testing.T, s store, f *fake) {
			ctx, cancel := context.WithCancel(t.Context())
			f.breakWith(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if finishes(r) {
					next.ServeHTTP(httptest.NewRecorder(), r) // carried out
					cancel()                                  // but the caller has gone
					panic(http.ErrAbortHandler)
				}
				next.ServeHTTP(w, r)
			})
			if _, err := s.Put(ctx, "abandoned", bytes.NewReader(random(size, 41))); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			f.breakWith(nil)
			nothing(t, s)
		})
	}
}

func TestRefusingServerLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]func(r *http.Request) bool{
		"first request": func(r *http.Request) bool { return true },
		"begin":         func(r *http.Request) bool { return r.URL.Query().Has("uploads") },
		"first part":    func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "1" },
		"third part":    func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "3" },
		"end":           finishes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onS3(t, func(t *testing.T, s store, f *fake) {
				f.breakWith(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
					if refused(r) {
						http.Error(w, "no", http.StatusForbidden)
						return
					}
					next.ServeHTTP(w, r)
				})
				_, err := s.Put(t.Context(), "refused", bytes.NewReader(random(20<<20, 42)))
				if err == nil || errors.Is(err, vault.ErrExists) {
					t.Errorf("got %v", err)
				}
				f.breakWith(nil)
				nothing(t, s)
			})
		})
	}
}

func TestBrokenConnectionIsNoAlteration(t *testing.T) {
	t.Parallel()
	onS3(t, func(t *testing.T, s store, f *fake) {
		content := random(3<<20, 43)
		stored := mustPut(t, s, "broken-off", content)
		full := len(s.read(t, "broken-off"))
		for _, n := range []int{0, 10, header, 1000, segment - 1, segment, segment + 1, 2 * segment, full - 1} {
			f.breakWith(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				answer := httptest.NewRecorder()
				next.ServeHTTP(answer, r)
				for k, v := range answer.Header() {
					w.Header()[k] = v
				}
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes()[:min(n, answer.Body.Len())])
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})
			got, err := open(t.Context(), s, stored)
			if errors.Is(err, vault.ErrAltered) || errors.Is(err, vault.ErrMissing) {
				t.Errorf("broken off after %d: %v", n, err)
			}
			// What comes on by a segment each time arrives.
			if whole := bytes.Equal(got, content); whole != (err == nil) || whole != (n >= segment-1) {
				t.Errorf("broken off after %d each time: %d octets, %v", n, len(got), err)
			}
		}
		f.breakWith(nil)
		mustOpen(t, s, stored, content)
	})
}

func TestFailingServerIsNoMissingObject(t *testing.T) {
	t.Parallel()
	onS3(t, func(t *testing.T, s store, f *fake) {
		stored := mustPut(t, s, "here", []byte("x"))
		f.breakWith(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			http.Error(w, "no", http.StatusForbidden)
		})
		if _, err := open(t.Context(), s, stored); err == nil || errors.Is(err, vault.ErrMissing) || errors.Is(err, vault.ErrAltered) {
			t.Errorf("Open: %v", err)
		}
		if err := s.Delete(t.Context(), "here"); err == nil {
			t.Error("Delete succeeded")
		}
	})
}

func TestCheckOfTheBucket(t *testing.T) {
	t.Parallel()
	backend := s3mem.New()
	if err := backend.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithV4Auth(map[string]string{"access": "secret-key"})).Server())
	t.Cleanup(server.Close)
	good := vault.S3Config{Endpoint: strings.TrimPrefix(server.URL, "http://"), Bucket: bucket,
		AccessKey: "access", SecretKey: "secret-key", Keys: newKeyring(t, newClock())}
	for name, change := range map[string]func(*vault.S3Config){
		"":               func(*vault.S3Config) {},
		"no such bucket": func(c *vault.S3Config) { c.Bucket = "another" },
		"wrong secret":   func(c *vault.S3Config) { c.SecretKey = "guess" },
		"wrong key":      func(c *vault.S3Config) { c.AccessKey = "nobody" },
	} {
		cfg := good
		change(&cfg)
		v, err := vault.NewS3(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Check(t.Context()); (err == nil) != (name == "") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := v.Put(t.Context(), "signed", bytes.NewReader(random(10<<20, 44))); (err == nil) != (name == "") {
			t.Errorf("%s: Put: %v", name, err)
		}
		if err := v.Delete(t.Context(), "signed"); (err == nil) != (name == "") {
			t.Errorf("%s: Delete: %v", name, err)
		}
	}
}
