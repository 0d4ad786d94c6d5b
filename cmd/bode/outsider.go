package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/bode-erds/bode/notify/notifytest"
)

// outsider talks to a running service as an integrator would: over HTTP, with
// an API key, knowing nothing but the addresses of --info.
type outsider struct {
	info   info
	client *http.Client
}

// call sends one API request and reads a JSON answer into out, if not nil.
func (o outsider) call(ctx context.Context, method, path string, body, out any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	resp, err := o.do(ctx, method, path, "application/json", nil, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// do sends one API request; an answer that is not a success is an error. When
// it is asked to slow down it does, as long as the body can be sent again.
func (o outsider) do(ctx context.Context, method, path, contentType string, header map[string]string, body io.Reader) (*http.Response, error) {
	again, _ := body.(io.Seeker)
	for {
		resp, err := o.try(ctx, method, path, contentType, header, body)
		var status statusError
		if !errors.As(err, &status) || status.status != http.StatusTooManyRequests || body != nil && again == nil {
			return resp, err
		}
		if again != nil {
			if _, err := again.Seek(0, io.SeekStart); err != nil {
				return nil, err
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(status.wait):
		}
	}
}

func (o outsider) try(ctx context.Context, method, path, contentType string, header map[string]string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, o.info.BaseURL+"/api/v1"+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+o.info.TestKey)
	r.Header.Set("Accept-Language", "en")
	if body != nil {
		r.Header.Set("Content-Type", contentType)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	resp, err := o.client.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		resp.Body.Close()
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return nil, statusError{resp.StatusCode, time.Duration(max(1, seconds)) * time.Second, fmt.Sprintf("%s %s: %s: %s", method, path, resp.Status, text)}
	}
	return resp, nil
}

// statusError is an answer that is not a success.
type statusError struct {
	status int
	wait   time.Duration // asked for before another try
	text   string
}

func (e statusError) Error() string { return e.text }

// upload sends a document and its digest and returns its id.
func (o outsider) upload(ctx context.Context, filename, mediaType string, content []byte) (string, error) {
	sum := sha256.Sum256(content)
	resp, err := o.do(ctx, http.MethodPost, "/documents?filename="+url.QueryEscape(filename), mediaType, map[string]string{
		"Repr-Digest":     "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":",
		"Idempotency-Key": "play-" + filename,
	}, bytes.NewReader(content))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var d struct{ ID string }
	return d.ID, json.NewDecoder(resp.Body).Decode(&d)
}

// download saves what an address gives; evidence that is still being made is
// waited for.
func (o outsider) download(ctx context.Context, path, file string) error {
	return eventually(ctx, func() (bool, error) {
		resp, err := o.do(ctx, http.MethodGet, path, "", nil, nil)
		var status statusError
		if errors.As(err, &status) && (status.status == http.StatusConflict || status.status == http.StatusTooEarly) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		f, err := os.Create(file)
		if err != nil {
			return false, err
		}
		_, err = io.Copy(f, resp.Body)
		return true, errors.Join(err, f.Close())
	})
}

// mail waits for a message to an address or number that match accepts, and
// returns the newest.
func (o outsider) mail(ctx context.Context, to string, match func(notifytest.Message) bool) (m notifytest.Message, err error) {
	err = eventually(ctx, func() (bool, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, o.info.CatcherURL+"/messages.json?to="+url.QueryEscape(to), nil)
		if err != nil {
			return false, err
		}
		resp, err := o.client.Do(r)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		var all []notifytest.Message
		if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
			return false, err
		}
		for i := len(all) - 1; i >= 0; i-- {
			if match(all[i]) {
				m = all[i]
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		err = fmt.Errorf("message to %s: %w", to, err)
	}
	return m, err
}

// patience is how long an outsider waits for anything.
const patience = 45 * time.Second

// eventually asks until the answer is yes, for as long as patience lasts.
func eventually(ctx context.Context, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: waited %s in vain", errHeld, patience)
		case <-tick.C:
		}
	}
}
