package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRemovals (R23): what a sender may see of messages that are no longer kept, of
// its own and of the key's kind, in pages.
func TestRemovals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var want []string
	for range 3 {
		want = append([]string{r.submit(r.test, 2).ID}, want...)
	}
	live := r.submit(r.live, 1)
	for _, id := range append([]string{live.ID}, want...) {
		key := r.test
		if id == live.ID {
			key = r.live
		}
		if got := r.do(ask{method: http.MethodPost, path: "/messages/" + id + "/cancel", key: key}); got.status != http.StatusOK {
			t.Fatalf("cancel: %d %s", got.status, got.body)
		}
	}
	r.clock.pass(3 * 366 * 24 * time.Hour)
	kept := r.submit(r.test, 1)
	if n, err := r.service.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Fatalf("%d removed: %v", n, err)
	}
	// Tests go by their own clock, and these at one instant: their order is that of
	// their numbers.
	if got := r.do(ask{method: http.MethodPost, path: "/test-clock/advance", body: `{"by":"PT1S"}`}); got.status != http.StatusOK {
		t.Fatalf("clock: %d %s %s", got.status, got.body, r.log)
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 1 {
		t.Fatalf("%d messages are left, want 1 (%s)", n, kept.ID)
	}
	type removals struct {
		Data []struct {
			Message    string    `json:"message_id"`
			DueAt      time.Time `json:"due_at"`
			RemovedAt  time.Time `json:"removed_at"`
			Deliveries int       `json:"deliveries"`
			Keys       int       `json:"keys_forgotten"`
			Heads      string    `json:"heads_sha256"`
		}
		Next string
	}
	page := func(key, query string) (p removals) {
		t.Helper()
		got := r.do(ask{path: "/removals" + query, key: key})
		if got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", query, got.status, got.body)
		}
		r.must(json.Unmarshal(got.body, &p))
		return p
	}
	var got []string
	for next := "?limit=2"; next != ""; {
		p := page(r.test, next)
		for _, x := range p.Data {
			got = append(got, x.Message)
			if x.Deliveries != 2 || x.Keys < 1 || len(x.Heads) != 64 || x.RemovedAt.Before(x.DueAt) {
				t.Errorf("%+v", x)
			}
		}
		if next = ""; p.Next != "" {
			next = "?limit=2&cursor=" + p.Next
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("removed, newest first: %v, want %v", got, want)
	}
	if p := page(r.live, ""); len(p.Data) != 1 || p.Data[0].Message != live.ID {
		t.Errorf("of the live key: %+v", p)
	}
	if p := page(r.otherTest, ""); len(p.Data) != 0 {
		t.Errorf("of another account: %+v", p)
	}
	for _, cursor := range []string{"x", "eA", "MjAyNi0xMS0yMlQwMDowMDowMFo", strings.Repeat("A", 150)} {
		if got := r.do(ask{path: "/removals?cursor=" + cursor}); got.status != http.StatusBadRequest || got.problem.Code != "cursor_malformed" {
			t.Errorf("%s: %d %s", cursor, got.status, got.body)
		}
	}
}
