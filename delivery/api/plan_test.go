package api_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

type planned struct {
	Policy struct {
		ServeBy  string `json:"serve_by"`
		TermRule string `json:"term_rule"`
	}
	Plan struct {
		Steps []struct {
			Kind, At, Day string
			Done          bool
		}
		LastPaper string `json:"last_paper"`
		TermRule  string `json:"term_rule"`
		Late      bool
	}
}

// TestPlan: a date to meet is asked for, kept with the message, and planned for.
func TestPlan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.submit(r.test, 1, at("policy/serve_by", "2026-12-03"))
	var sent, d planned
	r.must(json.Unmarshal(r.do(ask{path: "/messages/" + m.ID}).body, &sent))
	if sent.Policy.ServeBy != "2026-12-03" || sent.Policy.TermRule != "be-53bis-2@1" {
		t.Errorf("policy %+v", sent.Policy)
	}
	r.must(json.Unmarshal(r.do(ask{path: "/deliveries/" + m.Deliveries[0].ID}).body, &d))
	if p := d.Plan; p.LastPaper != "2026-11-30T09:00:00.000000Z" || p.TermRule != "be-53bis-2@1" || p.Late {
		t.Errorf("plan %+v", p)
	}
	days := map[string]string{}
	for _, s := range d.Plan.Steps {
		days[s.Kind] = s.Day
		whole := s.Kind == "posted" || s.Kind == "served" || s.Kind == "serve_by" || s.Kind == "removed"
		if (s.At == "") != whole || s.Done {
			t.Errorf("step %+v", s)
		}
		if at, err := time.Parse(time.RFC3339, s.At); !whole && (err != nil || at.In(r.service.Zone).Format(time.DateOnly) != s.Day) {
			t.Errorf("step %+v: %v", s, err)
		}
	}
	for kind, want := range map[string]string{"notify": "2026-11-20", "end": "2026-11-30", "hand_over": "2026-11-30", "posted": "2026-11-30",
		"served": "2026-12-03", "serve_by": "2026-12-03"} {
		if days[kind] != want {
			t.Errorf("%s on %s, want %s", kind, days[kind], want)
		}
	}
	before := r.stored()
	for _, x := range []struct{ field, value, want, earliest string }{
		{"serve_by", "2026-11-25", "/policy/serve_by too_early", "2026-11-26"},
		{"serve_by", "2026-02-29", "/policy/serve_by date", ""},
		{"serve_by", "soon", "/policy/serve_by date", ""},
		{"serve_by", "2026-12-03T00:00:00Z", "/policy/serve_by date", ""},
		{"term_rule", "be-53bis-3", "/policy/term_rule unsupported", ""},
		{"term_rule", "be-53bis-2@7", "/policy/term_rule unsupported", ""},
		{"term_rule", "53bis 2°", "/policy/term_rule unsupported", ""},
		{"last_paper", "2030-01-01T00:00:00Z", "/policy/last_paper unknown_field", ""},
	} {
		a := r.do(ask{method: "POST", path: "/messages", body: submission(1, at("policy/"+x.field, x.value))})
		if a.status != http.StatusUnprocessableEntity || a.problem.fault() != x.want {
			t.Errorf("%s %s: %d %v, want %s", x.field, x.value, a.status, a.problem.Errors, x.want)
		}
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

// TestPlanAgain: a line that broke is no reason to refuse what was accepted, when
// its date cannot be met any more.
func TestPlanAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	q := ask{method: "POST", path: "/messages", body: submission(1, at("policy/serve_by", "2026-11-27")), header: map[string]string{"Idempotency-Key": "lease-7"}}
	first := r.do(q)
	r.clock.pass(6 * 24 * time.Hour)
	again := r.do(q)
	var was, is submitted
	r.must(json.Unmarshal(first.body, &was))
	r.must(json.Unmarshal(again.body, &is))
	if again.status != http.StatusCreated || is.ID != was.ID || is.ID == "" {
		t.Errorf("again: %d %s, want %s", again.status, again.body, was.ID)
	}
	q.header = map[string]string{"Idempotency-Key": "lease-8"}
	if a := r.do(q); a.status != http.StatusUnprocessableEntity || a.problem.fault() != "/policy/serve_by too_early" {
		t.Errorf("another: %d %s", a.status, a.body)
	}
}
