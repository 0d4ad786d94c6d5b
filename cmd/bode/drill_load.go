package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// acknowledged are the messages that clients were told are registered, and when
// they were told. Safe for concurrent use.
type acknowledged struct {
	mu      sync.Mutex
	at      map[string]time.Time // by reference; guarded by mu
	clients sync.WaitGroup
}

// submitUntil lets n clients submit until stopped is closed, one message in eight
// with a document. What is refused is not tried again: its client goes on with the
// next after a pause.
func submitUntil(ctx context.Context, stopped <-chan struct{}, s *subject, n int) *acknowledged {
	a := &acknowledged{at: map[string]time.Time{}}
	for c := range n {
		a.clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stopped:
					return
				case <-ctx.Done():
					return
				default:
				}
				reference := fmt.Sprintf("DRILL-%d-%d", c, i)
				if _, err := submitOne(ctx, s.BaseURL, s.Keys[(c+i*n)%len(s.Keys)], reference, i%8 == 7); err != nil {
					_ = pause(ctx, 100*time.Millisecond)
					continue
				}
				a.add(reference)
			}
		})
	}
	return a
}

// submitOne submits a message, with its reference as the key for doing it once,
// and returns its number once it is acknowledged.
func submitOne(ctx context.Context, base, key, reference string, document bool) (number string, err error) {
	body := strings.Replace(fmt.Sprintf(benchBody, 1, 1), `"reference":"AV-1"`, `"reference":"`+reference+`"`, 1)
	if document {
		var d struct{ ID string }
		if err := postTo(ctx, base+"/api/v1/documents?filename=bijlage.txt", key, "text/plain", "", strings.NewReader("Bijlage van "+reference), &d); err != nil {
			return "", err
		}
		body = strings.TrimSuffix(body, "}") + `,"documents":["` + d.ID + `"]}`
	}
	var m struct{ Number string }
	err = postTo(ctx, base+"/api/v1/messages", key, "application/json", reference, strings.NewReader(body), &m)
	return m.Number, err
}

func postTo(ctx context.Context, address, key, media, once string, body io.Reader, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", media)
	if once != "" {
		r.Header.Set("Idempotency-Key", once)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("answer %s", resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

func (a *acknowledged) add(reference string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[reference] = time.Now()
}

func (a *acknowledged) wait() { a.clients.Wait() }

// count is how many were acknowledged until a moment; the zero moment is the end.
func (a *acknowledged) count(until time.Time) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range a.at {
		if until.IsZero() || !at.After(until) {
			n++
		}
	}
	return n
}

// missing counts those acknowledged until a moment that are not among there.
func (a *acknowledged) missing(there []string, until time.Time) (n int) {
	have := make(map[string]bool, len(there))
	for _, r := range there {
		have[r] = true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for reference, at := range a.at {
		if !have[reference] && (until.IsZero() || !at.After(until)) {
			n++
		}
	}
	return n
}

// stubborn are clients that repeat what was not answered until it is.
type stubborn struct {
	clients sync.WaitGroup

	mu                   sync.Mutex
	numbers              map[string]string // by reference; guarded by mu
	failed, again, wrong int               // guarded by mu
}

// submitStubbornly lets n clients submit until ctx ends. What has begun is
// finished; one in ten is asked once more after its answer, and must get the same.
func submitStubbornly(ctx context.Context, base string, keys []string, n int) *stubborn {
	s := &stubborn{numbers: map[string]string{}}
	for c := range n {
		s.clients.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				reference, key := fmt.Sprintf("SOAK-%d-%d", c, i), keys[c%len(keys)]
				number := s.insist(ctx, base, key, reference)
				if number != "" && i%10 == 9 {
					s.compare(number, s.insist(ctx, base, key, reference))
				}
			}
		})
	}
	return s
}

// insist submits until there is an answer, at most five minutes past the end of
// ctx.
func (s *stubborn) insist(ctx context.Context, base, key, reference string) string {
	patience := 5 * time.Minute
	for began := time.Now(); time.Since(began) < patience; {
		number, err := submitOne(context.WithoutCancel(ctx), base, key, reference, false)
		s.mu.Lock()
		if err == nil {
			s.numbers[reference] = number
			s.mu.Unlock()
			return number
		}
		s.failed++
		s.mu.Unlock()
		_ = pause(context.WithoutCancel(ctx), 100*time.Millisecond)
	}
	return ""
}

func (s *stubborn) compare(first, second string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again++
	if first != second {
		s.wrong++
	}
}
