package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// kept is a draft as an answer tells it.
type kept struct {
	ID, State string
	Message   json.RawMessage
	SendAt    string `json:"send_at"`
	Errors    []struct{ Pointer, Code string }
}

func (a answer) draft(t *testing.T) (k kept) {
	t.Helper()
	if err := json.Unmarshal(a.body, &k); err != nil {
		t.Fatalf("%v: %.300s", err, a.body)
	}
	return k
}

func TestDrafts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do(ask{method: http.MethodPost, path: "/drafts", body: `{"subject":"Half","recipients":[{"name":{"given":"An"}}]}`, header: map[string]string{"Idempotency-Key": "d1"}})
	d := a.draft(t)
	if a.status != http.StatusCreated || d.State != "open" || len(d.Errors) == 0 || a.header.Get("Location") != "/api/v1/drafts/"+d.ID {
		t.Fatalf("%d %s", a.status, a.body)
	}
	again := r.do(ask{method: http.MethodPost, path: "/drafts", body: `{"subject":"Half","recipients":[{"name":{"given":"An"}}]}`, header: map[string]string{"Idempotency-Key": "d1"}})
	if again.draft(t).ID != d.ID || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %s", again.body)
	}
	if x := r.do(ask{method: http.MethodPost, path: "/drafts", body: `{}`, header: map[string]string{"Idempotency-Key": "d1"}}); x.problem.Code != "idempotency_key_reused" {
		t.Errorf("another body: %s", x.body)
	}
	if x := r.do(ask{method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", body: `{}`}); x.status != http.StatusUnprocessableEntity {
		t.Errorf("half a message: %d %s", x.status, x.body)
	}
	if x := r.do(ask{method: http.MethodPut, path: "/drafts/" + d.ID, body: submission(2)}); x.status != http.StatusOK || len(x.draft(t).Errors) != 0 {
		t.Errorf("replaced: %d %s", x.status, x.body)
	}
	// What is read can be sent back.
	if x := r.do(ask{method: http.MethodPut, path: "/drafts/" + d.ID, body: string(r.do(ask{path: "/drafts/" + d.ID}).draft(t).Message)}); x.status != http.StatusOK {
		t.Errorf("sent back: %d %s", x.status, x.body)
	}
	sent := r.do(ask{method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", body: `{}`})
	if sent.status != http.StatusCreated || !strings.HasPrefix(sent.header.Get("Location"), "/api/v1/messages/") {
		t.Fatalf("submitted: %d %s", sent.status, sent.body)
	}
	twice := r.do(ask{method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", body: `{}`})
	if twice.status != http.StatusCreated || twice.header.Get("Location") != sent.header.Get("Location") || twice.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("twice: %d %s", twice.status, twice.body)
	}
	if x := r.do(ask{path: "/drafts/" + d.ID}); x.status != http.StatusNotFound {
		t.Errorf("still there: %d", x.status)
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestDraftsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.do(ask{method: http.MethodPost, path: "/drafts", body: submission(1)}).draft(t)
	_, otherTest, _ := r.newAccount("Andere nv", "0403170702")
	for _, key := range []string{otherTest, r.live} { // another account, another kind
		for _, a := range []ask{{path: "/drafts/" + d.ID}, {method: http.MethodPut, path: "/drafts/" + d.ID, body: `{}`}, {method: http.MethodDelete, path: "/drafts/" + d.ID},
			{method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", body: `{}`}, {method: http.MethodPost, path: "/drafts/" + d.ID + "/take-back"}} {
			a.key = key
			if x := r.do(a); x.status != http.StatusNotFound {
				t.Errorf("%s %s: %d", a.method, a.path, x.status)
			}
		}
		if x := r.do(ask{path: "/drafts", key: key}); strings.Contains(string(x.body), d.ID) {
			t.Error("in the list of others")
		}
	}
	for _, id := range []string{"x", uuid.NewString()} {
		for _, a := range []ask{{path: "/drafts/" + id}, {method: http.MethodPost, path: "/drafts/" + id + "/submit", body: `{}`}, {method: http.MethodDelete, path: "/drafts/" + id}} {
			if x := r.do(a); x.status != http.StatusNotFound {
				t.Errorf("%s %s: %d", a.method, a.path, x.status)
			}
		}
	}
	for body, want := range map[string]string{
		`{"subjct":"x"}`:      "/subjct unknown_field",
		`{"subject":1}`:       "/subject type",
		`{"documents":["x"]}`: "/documents/0",
		`{"documents":["` + uuid.NewString() + `"]}`: "/documents/0 document_unknown",
		`{"recipients":[{"nam":{}}]}`:                "/recipients/0/nam unknown_field",
	} {
		if x := r.do(ask{method: http.MethodPost, path: "/drafts", body: body}); x.status != http.StatusUnprocessableEntity || !strings.HasPrefix(x.problem.fault(), want) {
			t.Errorf("%s: %d %s", body, x.status, x.problem.fault())
		}
	}
	now := r.clock.now()
	for body, want := range map[string]string{
		`{"send_at":"` + now.Format(time.RFC3339) + `"}`:                  "/send_at not_future",
		`{"send_at":"` + now.AddDate(2, 0, 0).Format(time.RFC3339) + `"}`: "/send_at too_far",
		`{"send_at":"tomorrow"}`:                                          "/send_at",
		`{"send_at":"2026-12-01"}`:                                        "/send_at",
		`{"hand_over":"yes"}`:                                             "/hand_over type",
		`{"when":"now"}`:                                                  "/when unknown_field",
	} {
		if x := r.do(ask{method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", body: body}); x.status != http.StatusUnprocessableEntity || !strings.HasPrefix(x.problem.fault(), want) {
			t.Errorf("%s: %d %s", body, x.status, x.problem.fault())
		}
	}
	if x := r.do(ask{path: "/drafts?state=gone"}); x.status != http.StatusUnprocessableEntity {
		t.Errorf("state: %d", x.status)
	}
	if x := r.do(ask{path: "/drafts?cursor=x"}); x.status != http.StatusBadRequest {
		t.Errorf("cursor: %d", x.status)
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Errorf("%d messages", n)
	}
}

func TestDraftsWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.do(ask{method: http.MethodPost, path: "/drafts", body: submission(1)}).draft(t)
	body := fmt.Sprintf(`{"send_at":%q}`, r.clock.now().Add(240*time.Hour).Format(time.RFC3339))
	key := map[string]string{"Idempotency-Key": "later"}
	x := r.do(ask{method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", body: body, header: key})
	if x.status != http.StatusAccepted || x.draft(t).State != "scheduled" {
		t.Fatalf("%d %s", x.status, x.body)
	}
	if x = r.do(ask{method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", body: body, header: key}); x.status != http.StatusAccepted || x.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %d %s", x.status, x.body)
	}
	if x = r.do(ask{method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", body: `{}`, header: key}); x.problem.Code != "idempotency_key_reused" {
		t.Errorf("another body: %s", x.body)
	}
	for _, a := range []ask{{method: http.MethodPut, path: "/drafts/" + d.ID, body: `{}`}, {method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", body: `{}`}} {
		if x := r.do(a); x.problem.Code != "not_open" {
			t.Errorf("%s %s: %s", a.method, a.path, x.body)
		}
	}
	if x = r.do(ask{method: http.MethodPost, path: "/drafts/" + d.ID + "/take-back"}); x.status != http.StatusOK || x.draft(t).State != "open" || x.draft(t).SendAt != "" {
		t.Errorf("taken back: %d %s", x.status, x.body)
	}
	r.do(ask{method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", body: body})
	if x = r.do(ask{method: http.MethodPost, path: "/test-clock/advance", body: `{"by":"P11D"}`}); x.status != http.StatusOK {
		t.Fatalf("%d %s", x.status, x.body)
	}
	if n := r.count(`SELECT count(*) FROM message WHERE test`); n != 1 {
		t.Errorf("%d messages after eleven days", n)
	}
	// Handed over, it waits for a person; with a second person it always does.
	for _, body := range []string{`{"hand_over":true}`, `{}`} {
		d = r.do(ask{method: http.MethodPost, path: "/drafts", key: r.live, body: submission(1)}).draft(t)
		if x = r.do(ask{method: http.MethodPost, path: "/drafts/" + d.ID + "/submit", key: r.live, body: body}); x.status != http.StatusAccepted || x.draft(t).State != "waiting" {
			t.Errorf("%s: %d %s", body, x.status, x.body)
		}
		r.exec(`INSERT INTO release_rule (account_id, second_person) SELECT account_id, true FROM draft LIMIT 1 ON CONFLICT (account_id) DO UPDATE SET second_person = true`)
	}
	if x = r.do(ask{method: http.MethodPost, path: "/messages", key: r.live, body: submission(1)}); x.problem.Code != "release_required" {
		t.Errorf("alone: %d %s", x.status, x.body)
	}
	if x = r.do(ask{method: http.MethodDelete, path: "/drafts/" + d.ID, key: r.live}); x.status != http.StatusNoContent {
		t.Errorf("deleted: %d %s", x.status, x.body)
	}
	if n := r.count(`SELECT count(*) FROM message WHERE NOT test`); n != 0 {
		t.Errorf("%d messages nobody released", n)
	}
}

func TestDraftPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var want []string
	for range 5 {
		want = append(want, r.do(ask{method: http.MethodPost, path: "/drafts", body: `{}`}).draft(t).ID)
	}
	slices.Reverse(want)
	if got := r.pages("/drafts?limit=2", 3); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
