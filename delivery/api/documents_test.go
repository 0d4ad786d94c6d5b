package api_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/api"
)

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// TestRefusesDocument: a refused upload leaves neither row nor object.
func TestRefusesDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.MaxDocument = 1000 })
	before := r.stored()
	const good = "/documents?filename=a.pdf"
	name := func(s string) ask { return ask{path: "/documents?filename=" + url.QueryEscape(s), body: "x"} }
	head := func(k, v string) ask { return ask{path: good, body: "x", header: map[string]string{k: v}} }
	for _, x := range []struct {
		name   string
		a      ask
		status int
		want   string // code, and the first fault
	}{
		{"no name", ask{path: "/documents", body: "x"}, 422, "invalid /filename required"},
		{"blank name", name("  "), 422, "invalid /filename required"},
		{"path", name("../../etc/passwd"), 422, "invalid /filename filename"},
		{"absolute", name("/etc/passwd"), 422, "invalid /filename filename"},
		{"Windows path", name(`C:\a.pdf`), 422, "invalid /filename filename"},
		{"this directory", name("."), 422, "invalid /filename filename"},
		{"parent directory", name(".."), 422, "invalid /filename filename"},
		{"NUL", name("a.pdf\x00.exe"), 422, "invalid /filename control_character"},
		{"header", name("a.pdf\r\nX-A: b"), 422, "invalid /filename control_character"},
		{"turned round", name("akte\u202efdp.exe"), 422, "invalid /filename control_character"},
		{"isolated", name("a\u2067b.pdf"), 422, "invalid /filename control_character"},
		{"line separator", name("a\u2028b.pdf"), 422, "invalid /filename control_character"},
		{"not UTF-8", name("a\xff.pdf"), 422, "invalid /filename not_utf8"},
		{"long", name(strings.Repeat("a", 197) + ".pdf"), 422, "invalid /filename length"},
		{"bad escape", ask{path: "/documents?filename=%zz", body: "x"}, 422, "invalid /filename required"},
		{"type", ask{path: good, body: "x", mediaType: "pdf"}, 422, "invalid /content_type media_type"},
		{"type with a break", ask{path: good, body: "x", mediaType: "a/b; c=\x01"}, 400, "-"},
		{"long type", ask{path: good, body: "x", mediaType: "a/" + strings.Repeat("b", 200)}, 422, "invalid /content_type media_type"},
		{"digest of something else", head("Repr-Digest", digest("y")), 422, "digest_mismatch "},
		{"digest in hex", head("Repr-Digest", "sha-256="+strings.Repeat("a", 64)), 400, "digest_malformed "},
		{"short digest", head("Repr-Digest", "sha-256=:YQ==:"), 400, "digest_malformed "},
		{"no colon", head("Repr-Digest", strings.TrimSuffix(digest("x"), ":")), 400, "digest_malformed "},
		{"one good, one bad", head("Repr-Digest", "sha-256=:x:, "+digest("x")), 400, "digest_malformed "},
		{"compressed", head("Content-Encoding", "gzip"), 415, "content_encoding_unsupported "},
		{"empty key", head("Idempotency-Key", ""), 400, "idempotency_key_malformed "},
		{"long key", head("Idempotency-Key", strings.Repeat("k", 256)), 400, "idempotency_key_malformed "},
		{"key not ASCII", head("Idempotency-Key", "clé"), 400, "idempotency_key_malformed "},
		{"announced too long", ask{path: good, body: strings.Repeat("x", 1001)}, 413, "document_too_large "},
		{"found too long", ask{path: good, body: io.MultiReader(strings.NewReader(strings.Repeat("x", 1001)))}, 413, "document_too_large "},
	} {
		if x.want == "-" {
			continue // the client refuses to send it
		}
		x.a.method = http.MethodPost
		if x.a.mediaType == "" {
			x.a.mediaType = "application/pdf"
		}
		a := r.do(x.a)
		if got := a.problem.Code + " " + a.problem.fault(); a.status != x.status || got != x.want {
			t.Errorf("%s: %d %q, want %d %q", x.name, a.status, got, x.status, x.want)
		}
		if after := r.stored(); after != before {
			t.Fatalf("%s: left behind:\n%s\nbefore:\n%s", x.name, after, before)
		}
	}
}

// TestStoresDocument: what is odd but right is taken, to the last octet allowed.
func TestStoresDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.MaxDocument = 1000 })
	for _, x := range []struct{ name, content, digest, mediaType string }{
		{"akte.pdf", "x", digest("x"), "application/pdf"},
		{"Été – 合同 'kopie' (2).pdf", strings.Repeat("x", 1000), "", "application/pdf"},
		{"leeg.txt", "", digest(""), "text/plain; charset=utf-8"},
		{"a;b\"c.pdf", "y", "sha-512=:xx:, " + digest("y"), ""},
		{strings.Repeat("a", 200), "z", "md5=:xx:", "application/octet-stream"},
	} {
		a := r.do(ask{method: "POST", path: "/documents?filename=" + url.QueryEscape(x.name), body: io.MultiReader(strings.NewReader(x.content)),
			mediaType: x.mediaType, header: map[string]string{"Repr-Digest": x.digest}})
		var d struct {
			ID, Filename, SHA256 string
			Size                 int
		}
		if err := json.Unmarshal(a.body, &d); err != nil || a.status != http.StatusCreated {
			t.Errorf("%s: %d %s", x.name, a.status, a.body)
			continue
		}
		if want := fmt.Sprintf("%x", sha256.Sum256([]byte(x.content))); d.Filename != x.name || d.SHA256 != want || d.Size != len(x.content) {
			t.Errorf("%s: %+v", x.name, d)
		}
		if loc := a.header.Get("Location"); loc != api.Prefix+"/documents/"+d.ID {
			t.Errorf("Location %q", loc)
		}
		if again := r.do(ask{path: "/documents/" + d.ID}); string(again.body) != string(a.body) {
			t.Errorf("read again: %s, want %s", again.body, a.body)
		}
	}
}

// TestRefusesHugeDocument: what is announced beyond 1 GiB is refused before a
// single octet was sent.
func TestRefusesHugeDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.stored()
	c := r.dial(fmt.Sprintf("POST %s/documents?filename=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n",
		api.Prefix, r.test, int64(delivery.MaxDocument)+1))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	r.must(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
		t.Errorf("%d, close %v", resp.StatusCode, resp.Close)
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
}

// TestInterruptedDocument: a line that breaks in the middle leaves nothing,
// whether or not somebody still listens for the answer.
func TestInterruptedDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.stored()
	for _, x := range []struct{ name, body string }{
		{"short of its length", "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 5000)},
		{"between chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
		{"in a chunk", "Transfer-Encoding: chunked\r\n\r\nff\r\nhello"},
		{"bad chunk", "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello"},
	} {
		head := fmt.Sprintf("POST %s/documents?filename=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n", api.Prefix, r.test)
		c := r.dial(head + x.body)
		r.must(c.(*net.TCPConn).CloseWrite())
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		r.must(err)
		var p problem
		r.must(json.NewDecoder(resp.Body).Decode(&p))
		if resp.Body.Close(); resp.StatusCode != http.StatusBadRequest || p.Code != "body_interrupted" {
			t.Errorf("%s: %d %s", x.name, resp.StatusCode, p.Code)
		}
		if after := r.stored(); after != before {
			t.Errorf("%s: left behind:\n%s\nbefore:\n%s", x.name, after, before)
		}
		r.must(r.dial(head + x.body).Close()) // gone altogether
	}
	// A JSON body, too.
	c := r.dial(fmt.Sprintf("POST %s/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"subject\":", api.Prefix, r.test))
	r.must(c.(*net.TCPConn).CloseWrite())
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	r.must(err)
	if resp.Body.Close(); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("JSON: %d", resp.StatusCode)
	}
	r.eventually("no upload is open", func() bool { return r.stored() == before })
}

// dial sends raw octets.
func (r *rig) dial(text string) net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	r.must(err)
	r.t.Cleanup(func() { _ = c.Close() })
	_, err = c.Write([]byte(text))
	r.must(err)
	return c
}

// eventually waits for what another goroutine does, at most 10 s.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			r.t.Fatalf("not in time: %s", what)
		}
	}
}
