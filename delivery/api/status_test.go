package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// TestStatus: anybody reads what works and what did not, and nobody else's more
// than that.
func TestStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	status := func() (v struct {
		Status string
		Parts  []struct {
			Part, Status string
			Share        float64
			Down         int `json:"down_seconds"`
		}
	}) {
		t.Helper()
		a := r.do(ask{path: "/status", key: "none"})
		if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		r.must(json.Unmarshal(a.body, &v))
		return v
	}
	if v := status(); v.Status != "unknown" || len(v.Parts) != 0 {
		t.Errorf("before anybody looked: %+v", v)
	}
	for _, working := range []bool{true, false, true, false, true} {
		r.must(r.service.Watched(r.ctx(), delivery.Look{Part: "pages", Working: working}))
		if v := status(); v.Status != map[bool]string{true: "works", false: "fails"}[working] {
			t.Errorf("working %v: %+v", working, v)
		}
		r.clock.pass(time.Minute)
	}
	if v := status(); v.Parts[0].Down != 120 || v.Parts[0].Share <= 0 || v.Parts[0].Share >= 1 {
		t.Errorf("%+v", v.Parts)
	}
	r.clock.pass(2 * delivery.Gap)
	if v := status(); v.Status != "unknown" || v.Parts[0].Status != "unknown" {
		t.Errorf("nobody looks: %+v", v)
	}
	page := r.do(ask{path: "/status/outages?limit=1", key: "none"})
	var first, second struct {
		Data []struct{ ID string }
		Next string
	}
	r.must(json.Unmarshal(page.body, &first))
	r.must(json.Unmarshal(r.do(ask{path: "/status/outages?limit=1&cursor=" + first.Next, key: "none"}).body, &second))
	if len(first.Data) != 1 || len(second.Data) != 1 || first.Data[0].ID == second.Data[0].ID {
		t.Errorf("%s: %+v, then %+v", page.body, first, second)
	}
	for path, code := range map[string]string{"/status/outages?cursor=x": "cursor_malformed", "/status/outages?limit=0": "limit_malformed",
		"/status/outages?cursor=" + strings.Repeat("M", 48): "cursor_malformed"} {
		if a := r.do(ask{path: path, key: "none"}); a.problem.Code != code {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := r.do(ask{method: "POST", path: "/status", key: "none"}); a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", a.status)
	}
}
