package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxAnswer bounds a JSON answer; files are streamed and not bounded.
const maxAnswer = 64 << 20

// File is a download. The caller closes it. A download that breaks off ends with
// an error of Read, never with io.EOF.
type File struct {
	io.ReadCloser
	MediaType string
	Size      int64 // -1: not known before the end
}

// send makes a call and decodes its answer.
func send[T any](ctx context.Context, c *Client, call *call) (T, error) {
	var answer T
	err := c.do(ctx, call, &answer)
	return answer, err
}

// do makes a call and decodes its answer into out, if not nil.
func (c *Client) do(ctx context.Context, call *call, out any) error {
	resp, err := c.roundTrips(ctx, call)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("client: %s %s: answer: %w", call.method, call.path, err)
	}
	return nil
}

// file makes a call and returns its answer as it comes.
func (c *Client) file(ctx context.Context, call *call) (File, error) {
	resp, err := c.roundTrips(ctx, call)
	if err != nil {
		return File{}, err
	}
	return File{ReadCloser: resp.Body, MediaType: resp.Header.Get("Content-Type"), Size: resp.ContentLength}, nil
}

// roundTrips tries until it has an answer that more patience does not improve.
// The Idempotency-Key stays the same, so that what was done already is not done
// twice. An answer that is no success is an *Error.
func (c *Client) roundTrips(ctx context.Context, call *call) (*http.Response, error) {
	if call.err != nil {
		return nil, call.err
	}
	from := call.where()
	for attempt := 1; ; attempt++ {
		resp, wait, err := c.try(ctx, call, attempt)
		if err == nil {
			return resp, nil
		}
		if wait < 0 || wait > c.MaxWait || attempt >= c.Attempts || !call.rewind(from) {
			return nil, err
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, context.Cause(ctx)
		case <-t.C:
		}
	}
}

// try makes one attempt. wait is how long to wait before another one; negative
// when another one would end the same.
func (c *Client) try(ctx context.Context, call *call, attempt int) (_ *http.Response, wait time.Duration, err error) {
	bearer, err := c.bearer(ctx)
	if err != nil {
		return nil, -1, fmt.Errorf("client: token: %w", err)
	}
	r, err := call.request(ctx, c, bearer)
	if err != nil {
		return nil, -1, err
	}
	if call.body != nil {
		r.Body = io.NopCloser(call.body) // another attempt needs it open
	}
	backoff := time.Second << (attempt - 1)
	resp, err := c.HTTP.Do(r)
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, -1, context.Cause(ctx)
	case err != nil:
		return nil, backoff, fmt.Errorf("client: %w", err)
	case resp.StatusCode < 300:
		return resp, 0, nil
	}
	defer resp.Body.Close()
	problem := readError(resp)
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return nil, max(problem.RetryAfter, backoff/2), problem
	case http.StatusBadGateway, http.StatusGatewayTimeout: // of something between us
		return nil, backoff, problem
	}
	return nil, -1, problem
}

// retryAfter reads seconds or an instant. RFC 9110 §10.2.3
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n >= 0 && n < 1<<20 {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(v)
	now, err2 := http.ParseTime(h.Get("Date")) // theirs: our clock may be wrong
	if err != nil || err2 != nil {
		return 0
	}
	return max(0, at.Sub(now))
}
