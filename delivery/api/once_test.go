package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/api"
)

// TestOnce: the same key and body give the first answer; anything else under
// the key is refused, whatever it is.
func TestOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := map[string]string{"Idempotency-Key": "k-1"}
	send := func(a ask) answer { a.method, a.header = "POST", key; return r.do(a) }
	body := submission(2)
	first := send(ask{path: "/messages", body: body})
	if first.status != http.StatusCreated || first.header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("first: %d %s", first.status, first.body)
	}
	before := r.stored()
	text, err := json.MarshalIndent(body, "", "   ")
	r.must(err)
	for name, b := range map[string]any{"same": body, "other white space": string(text)} {
		again := send(ask{path: "/messages", body: b})
		if again.status != http.StatusCreated || string(again.body) != string(first.body) || again.header.Get("Idempotency-Replayed") != "true" ||
			again.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("%s: %d %s", name, again.status, again.body)
		}
	}
	var m submitted
	r.must(json.Unmarshal(first.body, &m))
	for name, a := range map[string]ask{
		"other body":    {path: "/messages", body: submission(2, at("subject", "anders"))},
		"document":      {path: "/documents?filename=a.pdf", body: "x", mediaType: "application/pdf"},
		"cancel":        {path: "/messages/" + m.ID + "/cancel"},
		"clock":         {path: "/test-clock/advance", body: `{"by":"P1D"}`},
		"with live key": {path: "/messages", body: body, key: r.live},
	} {
		if got := send(a); got.status != http.StatusConflict || got.problem.Code != "idempotency_key_reused" || got.header.Get("Retry-After") != "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
	// Another account's keys are its own.
	if got := send(ask{path: "/messages", body: body, key: r.otherTest}); got.status != http.StatusCreated || got.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("another account: %d %s", got.status, got.body)
	}
}

// TestOnceElsewhere: documents, withdrawals and the clock are replayed too; the
// clock goes on meanwhile.
func TestOnceElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.submit(r.test, 1)
	for i, a := range []ask{
		{path: "/documents?filename=a.pdf", body: "x", mediaType: "application/pdf"},
		{path: "/test-clock/advance", body: `{"by":"P1D"}`},
		{path: "/messages/" + m.ID + "/cancel"},
	} {
		a.method, a.header = "POST", map[string]string{"Idempotency-Key": fmt.Sprint("e", i)}
		first := r.do(a)
		before := r.stored()
		again := r.do(a)
		if first.status >= 300 || first.header.Get("Idempotency-Replayed") != "" || again.status != first.status ||
			string(again.body) != string(first.body) && i != 1 || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: %d %s\nagain: %d %s", a.path, first.status, first.body, again.status, again.body)
		}
		if after := r.stored(); after != before {
			t.Errorf("%s again left behind:\n%s\nbefore:\n%s", a.path, after, before)
		}
	}
	for name, a := range map[string]ask{
		"document, other content": {path: "/documents?filename=a.pdf", body: "y", mediaType: "application/pdf", header: map[string]string{"Idempotency-Key": "e0"}},
		"document, other name":    {path: "/documents?filename=b.pdf", body: "x", mediaType: "application/pdf", header: map[string]string{"Idempotency-Key": "e0"}},
		"clock, other step":       {path: "/test-clock/advance", body: `{"by":"P2D"}`, header: map[string]string{"Idempotency-Key": "e1"}},
	} {
		before := r.stored()
		a.method = "POST"
		if got := r.do(a); got.status != http.StatusConflict || got.problem.Code != "idempotency_key_reused" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if after := r.stored(); after != before {
			t.Errorf("%s left behind:\n%s\nbefore:\n%s", name, after, before)
		}
	}
}

// TestOnceOutlived: the key of a document that was swept uploads it afresh.
func TestOnceOutlived(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	up := ask{method: "POST", path: "/documents?filename=a.pdf", body: "x", mediaType: "application/pdf", header: map[string]string{"Idempotency-Key": "o"}}
	first := r.do(up)
	r.clock.pass(25 * time.Hour)
	_, err := r.service.Retain(r.ctx(), 10)
	r.must(err)
	if n := r.count(`SELECT count(*) FROM document`); n != 0 {
		t.Fatalf("%d documents after the sweep", n)
	}
	second, third := r.do(up), r.do(up)
	if second.status != http.StatusCreated || second.header.Get("Idempotency-Replayed") != "" || string(second.body) == string(first.body) {
		t.Errorf("afresh: %d %s", second.status, second.body)
	}
	if string(third.body) != string(second.body) || third.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %d %s", third.status, third.body)
	}
}

// TestOnceInParallel: eight at the same time are one message.
func TestOnceInParallel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	doc := r.upload(r.test, "%PDF-1.7")
	answers := make([]answer, 8)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = r.do(ask{method: "POST", path: "/messages", body: submission(1, at("documents", []any{doc})),
				header: map[string]string{"Idempotency-Key": "race"}})
		})
	}
	all.Wait()
	fresh := 0
	for _, a := range answers {
		if a.status != http.StatusCreated || string(a.body) != string(answers[0].body) {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a.header.Get("Idempotency-Replayed") == "" {
			fresh++
		}
	}
	if n := r.count(`SELECT count(*) FROM message`); fresh != 1 || n != 1 {
		t.Errorf("%d fresh answers, %d messages", fresh, n)
	}
}

// TestCancel: what is decided stays, and saying it twice says so.
func TestCancel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.submit(r.test, 2)
	a := r.do(ask{method: "POST", path: "/messages/" + m.ID + "/cancel"})
	var got struct {
		Status string
		States map[string]int
	}
	if r.must(json.Unmarshal(a.body, &got)); a.status != http.StatusOK || got.Status != "done" || got.States["cancelled"] != 2 {
		t.Errorf("%d %s", a.status, a.body)
	}
	before := r.stored()
	for range 2 {
		if a := r.do(ask{method: "POST", path: "/messages/" + m.ID + "/cancel"}); a.status != http.StatusConflict || a.problem.Code != "already_decided" {
			t.Errorf("again: %d %s", a.status, a.body)
		}
	}
	for path, want := range map[string]int{"/messages/x/cancel": 404, "/messages/" + someID + "/cancel": 404} {
		if a := r.do(ask{method: "POST", path: path}); a.status != want {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := r.do(ask{method: "POST", path: "/messages/" + r.submit(r.test, 1).ID + "/cancel", header: map[string]string{"Idempotency-Key": ""}}); a.problem.Code != "idempotency_key_malformed" {
		t.Errorf("empty key: %d %s", a.status, a.body)
	}
	if n := r.count(`SELECT count(*) FROM delivery WHERE state = 'cancelled'`); n != 2 {
		t.Errorf("%d cancelled\n%s", n, before)
	}
}

// TestClock: the test clock goes forward only, in bounds, for test keys.
func TestClock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.stored()
	for _, by := range []string{"", "P", "PT", "P1", "1D", "P1Y", "P1M", "-P1D", "P-1D", "P1DT", "P1.5D", "p1d", "P1D ", "PT1S1M", "P1201D", "P9999W", "P99999D", "P1D\x00"} {
		if a := r.do(ask{method: "POST", path: "/test-clock/advance", body: map[string]any{"by": by}}); a.status != http.StatusUnprocessableEntity || a.problem.fault() != "/by duration" {
			t.Errorf("%q: %d %s", by, a.status, a.body)
		}
	}
	for body, want := range map[string]string{`{}`: "/by required", `{"by":1}`: "/by type", `{"by":"P1D","to":"x"}`: "/to unknown_field", `[]`: " type"} {
		if a := r.do(ask{method: "POST", path: "/test-clock/advance", body: body}); a.status != http.StatusUnprocessableEntity || a.problem.fault() != want {
			t.Errorf("%s: %d %s, want %s", body, a.status, a.body, want)
		}
	}
	if a := r.do(ask{method: "POST", path: "/test-clock/advance", key: r.live, body: `{"by":"P1D"}`}); a.status != http.StatusForbidden || a.problem.Code != "test_key_only" {
		t.Errorf("live key: %d %s", a.status, a.body)
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
	for by, want := range map[string]string{"P1W2DT3H4M5S": "2026-11-29T12:04:05.000000Z"} {
		if a := r.do(ask{method: "POST", path: "/test-clock/advance", body: map[string]any{"by": by}}); a.status != http.StatusOK || string(a.body) != `{"now":"`+want+"\"}\n" {
			t.Errorf("%s: %d %s", by, a.status, a.body)
		}
	}
	for range 4 {
		r.do(ask{method: "POST", path: "/test-clock/advance", body: `{"by":"P1200D"}`})
	}
	if a := r.do(ask{method: "POST", path: "/test-clock/advance", body: `{"by":"P1200D"}`}); a.problem.fault() != "/by duration" {
		t.Errorf("beyond all bounds: %d %s", a.status, a.body)
	}
}

// TestRate: a key that asks too much waits, others do not.
func TestRate(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.Rate, c.Burst = 0.5, 3 })
	for range 3 {
		if a := r.do(ask{path: "/messages"}); a.status != http.StatusOK {
			t.Fatalf("%d", a.status)
		}
	}
	before := r.stored()
	for _, a := range []ask{{path: "/messages"}, {method: "POST", path: "/messages", body: submission(1)}, {method: "POST", path: "/documents?filename=a", body: "x"}} {
		if a := r.do(a); a.status != http.StatusTooManyRequests || a.problem.Code != "too_many_requests" || a.header.Get("Retry-After") != "2" {
			t.Errorf("%d %s, Retry-After %q", a.status, a.problem.Code, a.header.Get("Retry-After"))
		}
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
	for name, a := range map[string]ask{"other key": {path: "/messages", key: r.live}, "contract": {path: "/openapi.json"}} {
		if a := r.do(a); a.status != http.StatusOK {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	r.clock.pass(2 * time.Second)
	if one, two := r.do(ask{path: "/messages"}), r.do(ask{path: "/messages"}); one.status != 200 || two.status != 429 {
		t.Errorf("after 2 s: %d, %d", one.status, two.status)
	}
	r.clock.pass(time.Hour) // forgotten: the bucket is full
	if a := r.do(ask{path: "/messages"}); a.status != 200 {
		t.Errorf("after an hour: %d", a.status)
	}
	for _, bad := range []func(*api.Config){func(c *api.Config) { c.Rate = -1 }, func(c *api.Config) { c.Burst = -1 },
		func(c *api.Config) { c.Uploads = -1 }, func(c *api.Config) { c.MaxDocument = 1<<30 + 1 }} {
		cfg := api.Config{Deliveries: r.service, Identity: r.people, Evidence: r.book, Dossiers: r.dossiers}
		if bad(&cfg); !refused(cfg) {
			t.Errorf("accepted %+v", cfg)
		}
	}
}

func refused(cfg api.Config) bool { _, err := api.New(cfg); return err != nil }
