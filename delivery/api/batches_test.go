package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

type line struct {
	Index, Status int
	ID            string
	Replayed      bool
	Problem       struct{ Code string }
}

// results reads the lines of an answer.
func (r *rig) results(a answer) (out []line) {
	r.t.Helper()
	for text := range strings.Lines(string(a.body)) {
		var l line
		r.must(json.Unmarshal([]byte(text), &l))
		out = append(out, l)
	}
	return out
}

// TestBatch submits many messages in one call: each has its own outcome, and the
// same call again finds the same messages.
func TestBatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var body strings.Builder
	for i := range 150 {
		m := submission(1, at("subject", fmt.Sprint("nr ", i)))
		if i == 70 {
			m = submission(1, at("subject", ""))
		}
		b, err := json.Marshal(m)
		r.must(err)
		fmt.Fprintf(&body, "%s\n", b)
	}
	body.WriteString("{not json}\n")
	send := func(key string) answer {
		return r.do(ask{method: "POST", path: "/batches", body: body.String(), mediaType: "application/x-ndjson", header: map[string]string{"Idempotency-Key": key}})
	}
	first := send("b")
	list := r.results(first)
	if first.status != http.StatusOK || len(list) != 151 || list[70].Status != 422 || list[70].Problem.Code != "invalid" || list[150].Problem.Code != "malformed_json" {
		t.Fatalf("%d: %d lines: %.500s", first.status, len(list), first.body)
	}
	again := r.results(send("b"))
	for i := range list {
		if again[i].ID != list[i].ID || again[i].Status != list[i].Status || (list[i].Status == 201) != again[i].Replayed {
			t.Errorf("%d: %+v and again %+v", i, list[i], again[i])
		}
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 149 {
		t.Errorf("%d messages", n)
	}
	id := first.header.Get("Batch-Id")
	if got := r.do(ask{path: "/batches/" + id}); got.status != http.StatusOK || !strings.Contains(string(got.body), `"sent":149,"failed":2`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, key := range []string{r.otherTest, r.live} {
		for _, path := range []string{"/batches/" + id, "/batches/" + id + "/items"} {
			if got := r.do(ask{path: path, key: key}); got.status != http.StatusNotFound {
				t.Errorf("%s: %d", path, got.status)
			}
		}
	}
}

// TestBatchHostileNames: names that a database or a page cannot hold as they are do
// not keep the outcome of the others from being written down.
func TestBatchHostileNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lines := []string{`{"a\u0000b":1.5}`, `{"subject":"x","c\u0000":{"\udead":1.5}}`, `{"\u0000":1}`, `{"d":1,"d":2}`}
	got := r.do(ask{method: "POST", path: "/batches", body: strings.Join(lines, "\n"), mediaType: "application/x-ndjson", header: map[string]string{"Idempotency-Key": "k"}})
	for _, one := range r.results(got) {
		if one.Status < 400 || one.Status > 499 {
			t.Errorf("%d: %+v", one.Index, one)
		}
	}
	items := r.do(ask{path: "/batches/" + got.header.Get("Batch-Id") + "/items"})
	if n := strings.Count(string(items.body), `"failed"`); got.status != http.StatusOK || n != len(lines) || !strings.Contains(string(items.body), "/a\uFFFDb") {
		t.Errorf("%d, %d written down: %s", got.status, n, items.body)
	}
}

func TestBatchRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := map[string]string{"Idempotency-Key": "k"}
	for name, c := range map[string]struct {
		a    ask
		code string
	}{
		"no key":       {ask{body: "{}", mediaType: "application/x-ndjson"}, "idempotency_key_required"},
		"empty":        {ask{body: "\n\n", mediaType: "application/x-ndjson", header: key}, "batch_empty"},
		"empty array":  {ask{body: "[]", mediaType: "application/json", header: key}, "batch_empty"},
		"no array":     {ask{body: "{}", mediaType: "application/json", header: key}, "malformed_json"},
		"cut":          {ask{body: "[", mediaType: "application/json", header: key}, "malformed_json"},
		"another type": {ask{body: "a;b", mediaType: "text/csv", header: key}, "unsupported_media_type"},
	} {
		c.a.method, c.a.path = "POST", "/batches"
		if got := r.do(c.a); got.problem.Code != c.code {
			t.Errorf("%s: %d %s, want %s", name, got.status, got.body, c.code)
		}
	}
	if n := r.count(`SELECT count(*) FROM bulk`); n != 0 {
		t.Errorf("%d batches are left", n)
	}
}
