package api_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/api"
)

// TestSlowBodies: a body that trickles in is cut off, whatever was announced, and
// leaves nothing.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.BodyTime = 200 * time.Millisecond })
	before := r.stored()
	for path, kind := range map[string]string{"/messages": "application/json", "/documents?filename=a": "text/plain"} {
		for _, length := range []string{"Content-Length: 100", "Content-Length: 60000"} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
			r.must(err)
			t.Cleanup(func() { conn.Close() })
			fmt.Fprintf(conn, "POST %s%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n%s\r\n\r\n", api.Prefix, path, r.test, kind, length)
			fmt.Fprint(conn, "{")
			r.must(conn.SetReadDeadline(time.Now().Add(time.Minute)))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Errorf("%s, %s: %v", path, length, err)
				continue
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s, %s: %d", path, length, resp.StatusCode)
			}
		}
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
	// What comes in time is not cut off while it is worked on.
	if m := r.submit(r.test, 1); m.ID == "" {
		t.Error("a message in time was refused")
	}
}
