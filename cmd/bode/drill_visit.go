package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// visitors are clients that repeat nothing: each request that fails is counted.
// Safe for concurrent use.
type visitors struct {
	acked   *acknowledged
	clients sync.WaitGroup

	mu                 sync.Mutex
	done, slow, failed int   // guarded by mu
	first              error // the first that failed; guarded by mu until clients are done
}

// visitAll lets n clients submit and read until ctx ends, and one upload slowly. What
// has begun then is finished. However quick the machine, they ask no more than an
// instance allows a key, 50 times a second: each turn is two or three requests.
func visitAll(ctx context.Context, base string, keys []string, n int) *visitors {
	v := &visitors{acked: &acknowledged{at: map[string]time.Time{}}}
	rest := context.WithoutCancel(ctx)
	turn := time.Duration(n) * 60 * time.Millisecond / time.Duration(len(keys))
	for c := range n {
		v.clients.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				key := keys[(c+i*n)%len(keys)]
				reference := fmt.Sprintf("VISIT-%d-%d", c, i)
				_, err := submitOne(rest, base, key, reference, i%8 == 7)
				if v.count(err) {
					v.acked.add(reference)
				}
				v.count(getOne(rest, base+"/api/v1/messages?limit=5", key))
				_ = pause(ctx, turn)
			}
		})
	}
	v.clients.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			var d struct{ ID string }
			body := &trickle{left: 12, chunk: strings.Repeat("Langzaam. ", 1000)}
			err := postTo(rest, base+"/api/v1/documents?filename=langzaam.txt", keys[i%len(keys)], "text/plain", "", body, &d)
			if v.count(err) {
				v.mu.Lock()
				v.slow++
				v.mu.Unlock()
			}
		}
	})
	return v
}

// count counts one request and reports whether it was answered as it should be.
func (v *visitors) count(err error) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.done++
		return true
	}
	v.failed++
	if v.first == nil {
		v.first = err
	}
	return false
}

func (v *visitors) answered() int { v.mu.Lock(); defer v.mu.Unlock(); return v.done }
func (v *visitors) uploads() int  { v.mu.Lock(); defer v.mu.Unlock(); return v.slow }
func (v *visitors) failures() int { v.mu.Lock(); defer v.mu.Unlock(); return v.failed }

func getOne(ctx context.Context, address, key string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("answer %s", resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

// trickle gives a piece every half second: a request that lasts longer than the
// lead of an instance, and less than its grace.
type trickle struct {
	left  int
	chunk string
}

func (t *trickle) Read(p []byte) (int, error) {
	if t.left == 0 {
		return 0, io.EOF
	}
	t.left--
	time.Sleep(500 * time.Millisecond)
	return copy(p, t.chunk), nil
}
