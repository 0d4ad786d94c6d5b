package api_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery/api"
)

// zeros is n octets.
func zeros(n int64) io.Reader { return io.LimitReader(endless{}, n) }

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

const (
	large = 256 << 20
	flat  = 48 << 20 // what memory may grow by, client, server and vault together
)

// grown is by how much the memory taken from the system grew while f ran.
func grown(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.Sys) - int64(before.Sys)
}

// TestStreams is not parallel: it measures the memory of the whole process.
func TestStreams(t *testing.T) {
	r := newRig(t)
	var d struct {
		ID   string
		Size int64
	}
	up := grown(func() {
		a := r.do(ask{method: "POST", path: "/documents?filename=zeros.bin", body: zeros(large), mediaType: "application/octet-stream"})
		r.must(json.Unmarshal(a.body, &d))
	})
	if d.Size != large {
		t.Errorf("%d octets stored", d.Size)
	}
	m := r.submit(r.test, 1, at("documents", []any{d.ID}))
	r.posted(m.Deliveries[0].ID, zeros(large))
	r.dossiers.content = zeros(large)
	for _, kind := range []string{"letter", "dossier"} {
		var n int64
		down := grown(func() {
			resp, err := http.DefaultClient.Do(r.request(ask{path: "/deliveries/" + m.Deliveries[0].ID + "/" + kind}))
			r.must(err)
			defer resp.Body.Close()
			n, err = io.Copy(io.Discard, resp.Body)
			r.must(err)
		})
		if n != large || down > flat {
			t.Errorf("%s: %d octets, memory grew by %d", kind, n, down)
		}
		t.Logf("%s: 256 MiB, memory grew by %d KiB", kind, down>>10)
	}
	if up > flat {
		t.Errorf("upload: memory grew by %d", up)
	}
	t.Logf("upload: 256 MiB, memory grew by %d KiB", up>>10)
}

// TestDownloadFails: before the first octet a failure is a problem, after it the
// line is cut, so that nobody takes half a file for the whole.
func TestDownloadFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.submit(r.test, 1)
	path := "/deliveries/" + m.Deliveries[0].ID
	r.dossiers.err = errors.New("secret reason")
	if a := r.do(ask{path: path + "/dossier"}); a.status != http.StatusInternalServerError || a.problem.Code != "internal" ||
		!strings.HasPrefix(a.problem.Instance, "urn:bode-erds:incident:") || strings.Contains(string(a.body), "secret") || a.header.Get("Content-Disposition") != "" {
		t.Errorf("before: %d %s", a.status, a.body)
	}
	r.dossiers.content = zeros(1 << 20)
	resp, err := http.DefaultClient.Do(r.request(ask{path: path + "/dossier"}))
	r.must(err)
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.Body.Close(); err == nil {
		t.Error("half a dossier looks like a whole one")
	}
	if a := r.do(ask{path: path + "/letter"}); a.status != http.StatusNotFound || a.problem.Code != "not_found" {
		t.Errorf("no letter: %d %s", a.status, a.body)
	}
	r.posted(m.Deliveries[0].ID, strings.NewReader("%PDF"))
	r.exec(`UPDATE letter SET wrapped_key = NULL`)
	if a := r.do(ask{path: path + "/letter"}); a.status != http.StatusGone || a.problem.Code != "retention_ended" {
		t.Errorf("shredded letter: %d %s", a.status, a.body)
	}
	if a := r.do(ask{path: "/evidence/" + r.event(m) + ".pdf"}); a.status != http.StatusConflict || a.problem.Code != "evidence_pending" || a.header.Get("Retry-After") != "1" {
		t.Errorf("evidence in the making: %d %s", a.status, a.body)
	}
}

// TestUploadsAtOnce: one key's slow uploads take only so many places, and give
// them back.
func TestUploadsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.Uploads = 2 })
	type slow struct {
		w    *io.PipeWriter
		done chan int
	}
	var open []slow
	for range 2 {
		body, w := io.Pipe()
		s := slow{w, make(chan int, 1)}
		req := r.request(ask{method: "POST", path: "/documents?filename=a", body: io.Reader(body)})
		go func() {
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				s.done <- 0
				return
			}
			resp.Body.Close()
			s.done <- resp.StatusCode
		}()
		_, err := w.Write(make([]byte, 16<<20)) // more than any buffer between us: the handler reads
		r.must(err)
		open = append(open, s)
	}
	for range 3 {
		if a := r.do(ask{method: "POST", path: "/documents?filename=a", body: "x"}); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
			t.Errorf("a third: %d", a.status)
		}
	}
	if a := r.do(ask{method: "POST", path: "/documents?filename=a", body: "x", key: r.otherTest}); a.status != http.StatusCreated {
		t.Errorf("another key: %d", a.status)
	}
	for _, s := range open {
		r.must(s.w.Close())
		if status := <-s.done; status != http.StatusCreated {
			t.Errorf("slow upload: %d", status)
		}
	}
	for range 3 {
		if a := r.do(ask{method: "POST", path: "/documents?filename=a", body: "x"}); a.status != http.StatusCreated {
			t.Errorf("after: %d", a.status)
		}
	}
}
