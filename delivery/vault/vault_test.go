package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
)

// Sizes of plaintext at which the format or the transport turns a page.
var edges = []int{
	0, 1, 4040, 4041, 64<<10 - 1, 64 << 10, 64<<10 + 1,
	1048519, 1048520, 1048521, // the first segment is full
	1114039, 1114040, 1114041, // the last that goes to S3 in one request
	2097079, 2097080, 2097081, // two segments
	8388439, 8388440, 8388441, // one part of S3 is full
	20 << 20,
}

func TestWhatWasPutIsOpened(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		for _, n := range edges {
			name := fmt.Sprintf("messages/019a/part-%d", n)
			content := random(n, 1)
			stored := mustPut(t, s, name, content)
			mustOpen(t, s, stored, content)
			if err := s.Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			mustFail(t, s, stored, vault.ErrMissing)
		}
		nothing(t, s)
	})
}

func TestPutOfSmallReads(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		content := random(100_000, 2)
		stored, err := s.Put(t.Context(), "small-reads", iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(content))))
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(t.Context(), stored)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := iotest.TestReader(r, content); err != nil {
			t.Error(err)
		}
	})
}

func TestTakenNameIsRefused(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		for _, n := range []int{10, 3 << 20} {
			name := fmt.Sprintf("taken-%d", n)
			first := random(n, 3)
			stored := mustPut(t, s, name, first)
			if _, err := s.Put(t.Context(), name, bytes.NewReader(random(n, 4))); !errors.Is(err, vault.ErrExists) {
				t.Errorf("second Put: %v", err)
			}
			mustOpen(t, s, stored, first)
		}
		if got := s.all(t); len(got) != 2 {
			t.Errorf("lies there: %q", got)
		}
	})
}

func TestBadNames(t *testing.T) {
	t.Parallel()
	bad := []string{"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "../a", "A", "é", "a b", "a_b", "a.b", "a\x00b",
		"a\\b", "a%2fb", "a\n", "~a", "a:b", strings.Repeat("a", 201), "1/2/3/4/5/6/7/8/9"}
	onBoth(t, func(t *testing.T, s store) {
		for _, name := range bad {
			if _, err := s.Put(t.Context(), name, strings.NewReader("x")); !errors.Is(err, vault.ErrName) {
				t.Errorf("Put %q: %v", name, err)
			}
			if _, err := s.Open(t.Context(), delivery.Stored{Name: name, KeyID: "2026-11", Key: []byte{1}}); !errors.Is(err, vault.ErrName) {
				t.Errorf("Open %q: %v", name, err)
			}
			if err := s.Delete(t.Context(), name); !errors.Is(err, vault.ErrName) {
				t.Errorf("Delete %q: %v", name, err)
			}
		}
		nothing(t, s)
		for _, name := range []string{"a", "-", "0", strings.Repeat("a", 200), "1/2/3/4/5/6/7/8", "019a/0-b/c-"} {
			mustOpen(t, s, mustPut(t, s, name, []byte(name)), []byte(name))
		}
	})
}

func TestFailingReaderLeavesNothing(t *testing.T) {
	t.Parallel()
	own := errors.New("the upload broke off")
	onBoth(t, func(t *testing.T, s store) {
		for _, n := range edges {
			for _, cause := range []error{own, io.ErrUnexpectedEOF, fmt.Errorf("limit: %w", io.ErrUnexpectedEOF)} {
				r := io.MultiReader(bytes.NewReader(random(n, 5)), iotest.ErrReader(cause))
				if _, err := s.Put(t.Context(), "broken", r); !errors.Is(err, cause) {
					t.Errorf("%d octets, then %v: got %v", n, cause, err)
				}
				nothing(t, s)
			}
		}
		mustPut(t, s, "broken", []byte("the name is still free"))
	})
}

// cancelling ends a context in the middle of what it reads.
type cancelling struct {
	io.Reader
	after  int
	cancel context.CancelFunc
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.after -= n; c.after <= 0 {
		c.cancel()
	}
	return n, err
}

func TestCancelledPutLeavesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		for _, after := range []int{0, 1 << 20, 9 << 20} {
			ctx, cancel := context.WithCancel(t.Context())
			r := &cancelling{Reader: bytes.NewReader(random(12<<20, 6)), after: after, cancel: cancel}
			if _, err := s.Put(ctx, "cancelled", r); !errors.Is(err, context.Canceled) {
				t.Errorf("after %d octets: %v", after, err)
			}
			nothing(t, s)
		}
	})
}

func TestCancelledReadIsNoAlteration(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		stored := mustPut(t, s, "long", random(5<<20, 7))
		ctx, cancel := context.WithCancel(t.Context())
		r, err := s.Open(ctx, stored)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) || errors.Is(err, vault.ErrAltered) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReadAfterClose(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		r, err := s.Open(t.Context(), mustPut(t, s, "closed", random(3<<20, 8)))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := r.Read(make([]byte, 10)); n != 0 || err == nil || errors.Is(err, io.EOF) {
			t.Errorf("got %d, %v", n, err)
		}
	})
}

func TestConcurrentPuts(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				name, content := fmt.Sprintf("own/%d", i), random(1000*i, byte(i))
				mustOpenErr(t, s, name, content)
			})
		}
		wg.Wait()
		if got := s.all(t); len(got) != 24 {
			t.Errorf("%d objects, want 24", len(got))
		}
	})
}

func mustOpenErr(t *testing.T, s store, name string, content []byte) {
	stored, err := s.Put(t.Context(), name, bytes.NewReader(content))
	if err != nil {
		t.Errorf("Put %s: %v", name, err)
		return
	}
	if got, err := open(t.Context(), s, stored); err != nil || !bytes.Equal(got, content) {
		t.Errorf("Open %s: %v", name, err)
	}
}

// meeting lets several readers end only when all have begun, so that their Puts
// overlap for certain.
type meeting struct {
	io.Reader
	wait func()
	once sync.Once
}

func (m *meeting) Read(p []byte) (int, error) {
	m.once.Do(m.wait)
	return m.Reader.Read(p)
}

func TestOneNameIsPutOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		for _, size := range []int{5000, 9 << 20} {
			const racers = 4
			var begun, wg sync.WaitGroup
			begun.Add(racers)
			var won atomic.Int32
			name := fmt.Sprintf("race-%d", size)
			for i := range racers {
				wg.Go(func() {
					content := random(size, byte(i))
					r := &meeting{Reader: bytes.NewReader(content), wait: func() { begun.Done(); begun.Wait() }}
					stored, err := s.Put(t.Context(), name, r)
					switch {
					case err == nil:
						won.Add(1)
						if got, err := open(t.Context(), s, stored); err != nil || !bytes.Equal(got, content) {
							t.Errorf("the winner cannot open: %v", err)
						}
					case !errors.Is(err, vault.ErrExists):
						t.Errorf("the loser got %v", err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Errorf("%d octets: %d won", size, won.Load())
			}
		}
		if got := s.all(t); len(got) != 2 {
			t.Errorf("lies there: %q", got)
		}
	})
}
