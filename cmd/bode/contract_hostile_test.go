package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hostile are bodies that no operation may take for what it asks for, made of a
// good one.
func hostile(good []byte) map[string][]byte {
	inner := bytes.TrimSuffix(bytes.TrimPrefix(bytes.TrimSpace(good), []byte("{")), []byte("}"))
	first, _, _ := bytes.Cut(inner, []byte(":"))
	more := func(s string) []byte {
		if len(inner) == 0 {
			return []byte("{" + s + "}")
		}
		return []byte("{" + s + "," + string(inner) + "}")
	}
	all := map[string][]byte{
		"nothing": {}, "half": good[:len(good)/2], "a bracket": []byte("{"), "text": []byte("subject=x"), "markup": []byte("<html>"),
		"a list": []byte("[]"), "a number": []byte("1"), "a word": []byte(`"x"`), "null": []byte("null"), "true": []byte("true"),
		"an unknown member": more(`"surprise":1`), "NaN": more(`"surprise":NaN`), "a huge number": more(`"surprise":1e400000`),
		"10 000 levels":  more(`"surprise":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)),
		"10 000 objects": []byte(strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)),
		"no UTF-8":       more("\"surprise\":\"\xff\xfe\""), "NUL": more("\"surprise\":\"\x00\""), "half a surrogate": more(`"surprise":"\ud800"`),
		"two values": append(bytes.Clone(good), good...), "a comment": append([]byte("/* x */"), good...), "a byte order mark": append([]byte("\xef\xbb\xbf"), good...),
		"too long": more(`"surprise":"` + strings.Repeat("a", 9<<20) + `"`), "many members": more(strings.Repeat(`"surprise":1,`, 300) + `"s":1`),
	}
	if len(first) > 2 {
		all["a member twice"] = more(string(first) + ":" + `"x"`)
	}
	return all
}

// TestHostileBodies sends to every operation that takes JSON what is none, what is
// too much, and what is something else than its header says. Each is refused with
// a problem that the contract has, and nothing is left behind.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	c := newStillTown(t)
	account := c.possessions(t)
	before := c.rows(t)
	tried := 0
	for path, item := range c.doc.Paths.Map() {
		target, _ := c.aimed(t, account, path)
		if target == "" {
			continue
		}
		for method, op := range item.Operations() {
			if op.RequestBody == nil || op.RequestBody.Value.Content["application/json"] == nil {
				continue
			}
			good, err := json.Marshal(op.RequestBody.Value.Content["application/json"].Example)
			if err != nil {
				t.Fatal(err)
			}
			for name, body := range hostile(good) {
				for _, chunked := range []bool{false, true} {
					tried++
					status, kind := c.send(t, method, target, "application/json", body, chunked)
					if status < 400 || status >= 500 || kind != "application/problem+json" {
						t.Errorf("%s %s: %s, chunked %v: %d %s", method, path, name, chunked, status, kind)
					}
				}
			}
			for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x", "application/xml",
				"application/json; charset", "application/jsonx", "\"", "application/json, text/plain"} {
				tried++
				if status, _ := c.send(t, method, target, kind, good, false); status < 400 || status >= 500 {
					t.Errorf("%s %s: as %q: %d", method, path, kind, status)
				}
			}
			c.lies(t, method, target, good)
		}
	}
	t.Logf("%d bodies", tried)
	if tried < 100 {
		t.Error("hardly any body was tried")
	}
	c.unchanged(t, before)
}

// send sends a body as somebody with a good key.
func (c *contractTown) send(t *testing.T, method, target, kind string, body []byte, chunked bool) (status int, answer string) {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	if chunked {
		r = struct{ io.Reader }{r}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.base+"/api/v1"+target, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.seeds.LiveKey)
	if kind != "" {
		req.Header["Content-Type"] = []string{kind}
	}
	for range 20 {
		resp, err := c.out.client.Do(req)
		if err != nil { // it answered and hung up before it read everything
			if len(body) > 1<<20 {
				return http.StatusRequestEntityTooLarge, "application/problem+json"
			}
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusTooManyRequests {
			return resp.StatusCode, resp.Header.Get("Content-Type")
		}
		pauseFor(t.Context(), resp.Header)
		if chunked {
			req.Body = io.NopCloser(bytes.NewReader(body))
		} else {
			req.Body, _ = req.GetBody()
		}
	}
	return http.StatusTooManyRequests, ""
}

// lies announces more than comes, and hangs up: what is half there is not done.
func (c *contractTown) lies(t *testing.T, method, target string, good []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s /api/v1%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, target, c.seeds.LiveKey, len(good)+10, good)
	conn.(*net.TCPConn).CloseWrite()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil { // it hung up
		return
	}
	resp.Body.Close()
	if resp.StatusCode < 400 || resp.StatusCode >= 500 {
		t.Errorf("%s %s: half a body: %d", method, target, resp.StatusCode)
	}
}

// pauseFor waits as an answer asks for.
func pauseFor(ctx context.Context, h http.Header) {
	seconds, _ := strconv.Atoi(h.Get("Retry-After"))
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(max(1, seconds)) * time.Second):
	}
}
