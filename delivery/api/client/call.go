package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// call is one request before it is sent: it can be made again for each attempt.
type call struct {
	method, path string
	query        url.Values
	fields       http.Header
	body         io.Reader // nil: none
	err          error
}

// newCall fills the parameters of a path in, in their order.
func newCall(method, path string, values ...any) *call {
	c := &call{method: method, query: url.Values{}, fields: http.Header{}}
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		// A parameter may be a whole step or its beginning, as in {id}.pdf.
		before, rest, found := strings.Cut(step, "{")
		if _, after, closed := strings.Cut(rest, "}"); found && closed && len(values) > 0 {
			text := fmt.Sprint(values[0])
			if text == "" || text == "." || text == ".." { // would be another address
				c.err = fmt.Errorf("client: %s %s: %q is no identifier", method, path, text)
			}
			step, values = before+url.PathEscape(text)+after, values[1:]
		}
		c.path += "/" + step
	}
	if method == http.MethodPost {
		c.fields.Set("Idempotency-Key", rand.Text())
	}
	return c
}

// ask adds a parameter of the query; of a list, each entry.
func (c *call) ask(name string, value any) {
	if list, ok := value.([]string); ok {
		for _, v := range list {
			c.query.Add(name, v)
		}
		return
	}
	c.query.Set(name, text(value))
}

func (c *call) header(name string, value any) { c.fields.Set(name, text(value)) }

// text is a value as it stands in an address or a header.
func text(value any) string {
	if t, ok := value.(interface{ MarshalText() ([]byte, error) }); ok { // an instant
		if b, err := t.MarshalText(); err == nil {
			return string(b)
		}
	}
	return fmt.Sprint(value)
}

func (c *call) json(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		c.err = fmt.Errorf("client: body: %w", err)
	}
	c.stream("application/json", bytes.NewReader(b))
}

func (c *call) stream(contentType string, body io.Reader) {
	c.fields.Set("Content-Type", contentType)
	c.body = body
}

// request makes the request of one attempt.
func (c *call) request(ctx context.Context, to *Client, bearer string) (*http.Request, error) {
	target := to.base + c.path
	if len(c.query) > 0 {
		target += "?" + c.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, c.method, target, c.body)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	r.Header = c.fields.Clone()
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("Accept-Language", to.Language)
	r.Header.Set("User-Agent", to.Agent)
	return r, nil
}

// rewind goes back to the beginning of the body. It reports whether that is
// possible: what was a stream and is gone cannot be sent again.
func (c *call) rewind(from int64) bool {
	if c.body == nil {
		return true
	}
	s, ok := c.body.(io.Seeker)
	if !ok {
		return false
	}
	_, err := s.Seek(from, io.SeekStart)
	return err == nil
}

// where is how far the body was read before the first attempt.
func (c *call) where() int64 {
	if s, ok := c.body.(io.Seeker); ok {
		if at, err := s.Seek(0, io.SeekCurrent); err == nil {
			return at
		}
	}
	return 0
}
