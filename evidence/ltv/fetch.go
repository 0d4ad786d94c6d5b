package ltv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Bounds on what is asked for.
const (
	timeout      = 10 * time.Second
	maxRedirects = 3
	maxAnswer    = 64 << 10 // to a request
	maxList      = 16 << 20
	maxKnown     = 256
	remember     = time.Hour
)

// entry is something that was believed.
type entry struct {
	body  []byte
	until time.Time
}

// get asks address, with a POST when there is a request, and gives what accept
// takes. It asks again only when it was told nothing yet, or accept does not take
// that any more. Accept says until when a thing counts; a zero time is no promise.
func (c *Collector) get(ctx context.Context, address string, request []byte, accept func([]byte) (time.Time, error)) ([]byte, error) {
	digest := sha256.Sum256(request)
	key := address + string(digest[:])
	c.mu.Lock()
	old, ok := c.known[key]
	c.mu.Unlock()
	if ok && c.now().Before(old.until) {
		if _, err := accept(old.body); err == nil {
			return old.body, nil
		}
	}
	body, err := c.fetch(ctx, address, request)
	if err != nil {
		return nil, err
	}
	until, err := accept(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	c.keep(key, entry{body, until})
	return body, nil
}

// keep remembers e, and forgets what is out of date.
func (c *Collector) keep(key string, e entry) {
	now := c.now()
	if hour := now.Add(remember); e.until.After(hour) {
		e.until = hour
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, old := range c.known {
		if !now.Before(old.until) || len(c.known) >= maxKnown {
			delete(c.known, k)
		}
	}
	c.known[key] = e
}

func (c *Collector) fetch(ctx context.Context, address string, request []byte) ([]byte, error) {
	method, most := http.MethodGet, maxList
	if request != nil {
		method, most = http.MethodPost, maxAnswer
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	if err := web(r.URL); err != nil {
		return nil, err
	}
	if request != nil {
		r.Header.Set("Content-Type", "application/ocsp-request")
	}
	reply, err := c.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: HTTP %d", address, reply.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(reply.Body, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	if len(body) > most {
		return nil, fmt.Errorf("%s: more than %d octets", address, most)
	}
	return body, nil
}

func redirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	return web(r.URL)
}

// web refuses addresses that are not of the web.
func web(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%s is no address to ask", u.Redacted())
	}
	return nil
}
