// Package tsp gets time-stamps from time-stamping authorities over HTTP.
//
// A token is believed only when it answers our own request: same digest, same
// random nonce, an accepted policy, a trusted authority, and a time that agrees
// with our clock. Authorities are asked in order; the next one is asked when
// one cannot be reached or gives what we do not believe.
//
// Sources: RFC 3161 §2.4, §3.4; EN 319 421, EN 319 422.
package tsp

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/bode-erds/bode/evidence"
)

var (
	// ErrConfig says that a [Config] cannot be used.
	ErrConfig = errors.New("tsp: config")
	// ErrRefused says that an authority answered and gave no time-stamp.
	ErrRefused = errors.New("tsp: authority refused")
	// ErrAnswer says that an answer is no answer to our request.
	ErrAnswer = errors.New("tsp: answer not believed")
	// ErrClock says that a time-stamp and our clock disagree: stop issuing
	// until somebody found out which is wrong. No other authority is asked.
	ErrClock = errors.New("tsp: clock and time-stamp disagree")
)

// maxAnswer bounds an answer; real ones have 2 to 12 kB.
const maxAnswer = 64 << 10

// Authority is one time-stamping service.
type Authority struct {
	Name     string // for logs
	URL      string
	User     string // basic authentication when not empty
	Password string
}

// Config of a [Client].
type Config struct {
	// Authorities in the order of preference; two independent ones are wise.
	Authorities []Authority
	// Trust anchors in its TSA pool the authorities; its Policies, when set,
	// are the only ones accepted.
	Trust evidence.Trust
	// MaxSkew is how far a time-stamp and our clock may differ. Default 2 s.
	MaxSkew time.Duration
	// Timeout bounds one authority's answer. Default 10 s.
	Timeout time.Duration
	// HTTP does the requests. Default a client of its own that follows no redirect.
	HTTP *http.Client
	// Now is our clock. Default time.Now.
	Now func() time.Time
	// Log is told of every authority that failed. Default slog.Default.
	Log *slog.Logger
}

// Client implements [evidence.Stamper]. Safe for concurrent use.
type Client struct{ cfg Config }

// New refuses, with [ErrConfig], a configuration that could not stamp.
func New(cfg Config) (*Client, error) {
	if len(cfg.Authorities) == 0 {
		return nil, fmt.Errorf("%w: no authority", ErrConfig)
	}
	for _, a := range cfg.Authorities {
		req, err := http.NewRequest(http.MethodPost, a.URL, nil)
		if err != nil || req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
			return nil, fmt.Errorf("%w: authority %s has no usable URL", ErrConfig, a.Name)
		}
		if a.User != "" && req.URL.Scheme != "https" {
			return nil, fmt.Errorf("%w: authority %s: a password needs https", ErrConfig, a.Name)
		}
	}
	if cfg.Trust.TSA == nil {
		return nil, fmt.Errorf("%w: no authority is trusted", ErrConfig)
	}
	if cfg.MaxSkew == 0 {
		cfg.MaxSkew = 2 * time.Second
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Client{cfg}, nil
}

// Stamp asks one authority after the other for a token over imprint, a SHA-256
// digest, and returns the first it believes. It never asks twice, never reuses
// a token, and fails with the errors of all authorities. [ErrClock] ends the
// asking: a second authority must not hide that a clock is wrong.
func (c *Client) Stamp(ctx context.Context, imprint []byte) ([]byte, error) {
	var failed []error
	for _, a := range c.cfg.Authorities {
		token, err := c.ask(ctx, a, imprint)
		if err == nil {
			return token, nil
		}
		err = fmt.Errorf("authority %s: %w", a.Name, err)
		failed = append(failed, err)
		c.cfg.Log.WarnContext(ctx, "time-stamp failed", slog.String("authority", a.Name), slog.String("error", err.Error()))
		if ctx.Err() != nil || errors.Is(err, ErrClock) {
			break
		}
	}
	return nil, errors.Join(failed...)
}

func (c *Client) ask(ctx context.Context, a Authority, imprint []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	nonce := make([]byte, 16)
	rand.Read(nonce) // never fails
	query, err := request(imprint, nonce)
	if err != nil {
		return nil, err
	}
	before := c.cfg.Now()
	answer, err := c.post(ctx, a, query)
	if err != nil {
		return nil, err
	}
	token, err := parseResponse(answer)
	if err != nil {
		return nil, err
	}
	info, err := evidence.VerifyToken(token, imprint, c.cfg.Trust)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if !bytes.Equal(bytes.TrimLeft(info.Nonce, "\x00"), bytes.TrimLeft(nonce, "\x00")) {
		return nil, fmt.Errorf("%w: nonce is not ours", ErrAnswer)
	}
	// The time must lie between asking and now, give or take the skew and, as
	// many authorities state whole seconds only, what they cut off.
	after := c.cfg.Now()
	if info.Time.Before(before.Add(-c.cfg.MaxSkew).Truncate(time.Second)) || info.Time.After(after.Add(c.cfg.MaxSkew)) {
		return nil, fmt.Errorf("%w: it says %s, the clock %s", ErrClock, info.Time.Format(time.RFC3339), after.UTC().Format(time.RFC3339))
	}
	return token, nil
}

func (c *Client) post(ctx context.Context, a Authority, query []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	req.Header.Set("Accept", "application/timestamp-reply")
	if a.User != "" {
		req.SetBasicAuth(a.User, a.Password)
	}
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: HTTP status %d", ErrRefused, resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(answer) > maxAnswer {
		return nil, fmt.Errorf("%w: too long", ErrAnswer)
	}
	return answer, nil
}
