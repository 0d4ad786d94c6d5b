package post

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
)

// call makes a call and reads its answer. Errors: as of ask, ErrAnswer.
func (b *Bpost) call(ctx context.Context, method, path, reference, barcode, kind string, body []byte, answer any) error {
	resp, err := b.ask(ctx, method, path, reference, barcode, kind, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return nil
}

// ask makes a call. Errors: fs.ErrNotExist, refusedError, ErrSignIn, ErrThrottled,
// what the network said.
func (b *Bpost) ask(ctx context.Context, method, path, reference, barcode, kind string, body []byte) (*http.Response, error) {
	path = strings.NewReplacer("{product}", b.cfg.Product, "{reference}", url.QueryEscape(reference),
		"{barcode}", url.PathEscape(barcode), "{kind}", kind).Replace(path)
	req, err := http.NewRequestWithContext(ctx, method, b.cfg.API+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	req.Header.Set("x-api-key", b.cfg.Key)
	req.Header.Set("x-api-version", "v1")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := b.cfg.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("post: %s: %w", b.cfg.API, withoutQuery(err))
	}
	code := resp.StatusCode
	if code/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	switch {
	case code == http.StatusNotFound && method == http.MethodGet:
		return nil, fmt.Errorf("post: %s: %w", b.cfg.API, fs.ErrNotExist)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return nil, fmt.Errorf("%w: %d", ErrSignIn, code)
	case code == http.StatusTooManyRequests:
		return nil, ErrThrottled
	case code == http.StatusBadRequest || code == http.StatusUnprocessableEntity:
		return nil, &refusedError{code, cleaned(cmp.Or(string(said), resp.Status))}
	}
	return nil, fmt.Errorf("post: %s says %d", b.cfg.API, code)
}

// Check says whether bpost lets us in.
func (b *Bpost) Check(ctx context.Context) error {
	_, err := b.search(ctx, "none")
	return err
}
