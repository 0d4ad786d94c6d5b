package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/api"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify/webhook"
)

// hooked is a rig whose service pushes, to loopback.
func hooked(t *testing.T) *rig {
	r := newRig(t)
	sender, err := webhook.New(webhook.Config{Loopback: true, Timeout: 5 * time.Second})
	r.must(err)
	r.service.Hooks = sender
	return r
}

type hookView struct {
	ID, State, Reason, Secret, URL string
	Types                          []string
	Keys                           []struct{ Public string }
}

func (r *rig) hook(a answer) (w hookView) {
	r.t.Helper()
	r.must(json.Unmarshal(a.body, &w))
	return w
}

// TestWebhooks goes through the life of one.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	r := hooked(t)
	var came []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		came = append(came, string(b))
		w.Write(b) // repeats the challenge
	}))
	t.Cleanup(receiver.Close)
	post := func(path string, body any, key string) answer {
		return r.do(ask{method: "POST", path: path, body: body, header: map[string]string{"Idempotency-Key": key}})
	}
	made := post("/webhooks", map[string]any{"url": receiver.URL, "description": "ERP", "types": []any{"delivery.submitted.v1"}}, "a")
	w := r.hook(made)
	if made.status != http.StatusCreated || w.State != "pending" || !strings.HasPrefix(w.Secret, "whsec_") || len(w.Keys) != 1 {
		t.Fatalf("%d %s", made.status, made.body)
	}
	again := post("/webhooks", map[string]any{"url": receiver.URL, "description": "ERP", "types": []any{"delivery.submitted.v1"}}, "a")
	if string(again.body) != string(made.body) || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %d %s", again.status, again.body)
	}
	at := "/webhooks/" + w.ID
	if got := r.hook(r.do(ask{path: at})); got.Secret != "" || got.ID != w.ID {
		t.Errorf("read: %+v", got)
	}
	try := post(at+"/test", nil, "t")
	if !strings.Contains(string(try.body), `"delivered":true`) || r.hook(r.do(ask{path: at})).State != "enabled" {
		t.Errorf("test: %d %s", try.status, try.body)
	}
	if same := post(at+"/test", nil, "t"); string(same.body) != string(try.body) || len(came) != 1 {
		t.Errorf("test again: %s after %d pushes", same.body, len(came))
	}
	r.submit(r.test, 2)
	r.submit(r.live, 1) // not of this key's kind
	r.push()
	if len(came) != 3 {
		t.Errorf("%d pushes", len(came))
	}
	if log := r.do(ask{path: at + "/attempts?limit=2"}); strings.Count(string(log.body), `"delivery.submitted.v1"`) != 2 || !strings.Contains(string(log.body), `"next"`) {
		t.Errorf("log %s", log.body)
	}
	if a := post(at+"/attempts/2/resend", nil, "s"); a.status != http.StatusOK {
		t.Errorf("resend: %d %s", a.status, a.body)
	}
	if a := post(at+"/resend", map[string]any{}, "all"); a.status != http.StatusOK {
		t.Errorf("resend all: %d %s", a.status, a.body)
	}
	r.push()
	if len(came) < 5 {
		t.Errorf("%d pushes after sending again", len(came))
	}
	rotated := r.hook(post(at+"/rotate", map[string]any{"overlap": "PT1H"}, "r"))
	if rotated.Secret == "" || rotated.Secret == w.Secret || len(rotated.Keys) != 2 {
		t.Errorf("rotated %+v", rotated)
	}
	if off := r.hook(r.do(ask{method: "PATCH", path: at, body: `{"enabled":false,"types":["all"]}`})); off.State != "disabled" || off.Reason != "asked" || off.Types[0] != "all" {
		t.Errorf("%+v", off)
	}
	if a := post(at+"/resend", map[string]any{}, "no"); a.problem.Code != "webhook_disabled" {
		t.Errorf("sent again while disabled: %d %s", a.status, a.body)
	}
	if a := r.do(ask{method: "DELETE", path: at}); a.status != http.StatusNoContent {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
	if a := r.do(ask{path: at}); a.status != http.StatusNotFound {
		t.Errorf("deleted: %d", a.status)
	}
	if n := r.count(`SELECT count(*) FROM access_log WHERE action LIKE 'webhook_%'`); n != 4 {
		t.Errorf("%d lines in the log, want 4", n)
	}
}

// push sends everything that is due.
func (r *rig) push() {
	r.t.Helper()
	r.caughtUp()
	_, err := r.service.DispatchWebhooks(r.ctx())
	r.must(err)
	for some := true; some; {
		some, err = r.service.SendWebhook(r.ctx())
		r.must(err)
	}
}

// caughtUp waits until every event is before the horizon of the feed:
// transactions of other tests on the same server hold it back.
func (r *rig) caughtUp() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for r.count(`SELECT count(*) FROM erds_event WHERE tx >= pg_snapshot_xmin(pg_current_snapshot())`) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.t.Fatal("the feed does not catch up")
		}
	}
}

func TestWebhooksRefuse(t *testing.T) {
	t.Parallel()
	r := hooked(t)
	made := r.hook(r.do(ask{method: "POST", path: "/webhooks", body: `{"url":"https://example.com/x"}`}))
	at := "/webhooks/" + made.ID
	for name, c := range map[string]struct {
		ask
		status int
		code   string
	}{
		"a metadata address":   {ask{method: "POST", path: "/webhooks", body: `{"url":"https://169.254.169.254/"}`}, 422, "/url webhook_url"},
		"in clear":             {ask{method: "POST", path: "/webhooks", body: `{"url":"http://example.com/"}`}, 422, "/url webhook_url"},
		"a type of nobody":     {ask{method: "POST", path: "/webhooks", body: `{"url":"https://example.com/","types":["x"]}`}, 422, "/types/0 unsupported"},
		"an unknown field":     {ask{method: "POST", path: "/webhooks", body: `{"url":"https://example.com/","secret":"x"}`}, 422, "/secret unknown_field"},
		"no address":           {ask{method: "POST", path: "/webhooks", body: `{}`}, 422, "/url required"},
		"enabled unproven":     {ask{method: "PATCH", path: at, body: `{"enabled":true}`}, 409, "webhook_unproven"},
		"a long overlap":       {ask{method: "POST", path: at + "/rotate", body: `{"overlap":"P8D"}`}, 422, "/overlap duration"},
		"a bad cursor":         {ask{method: "POST", path: at + "/resend", body: `{"after":"x"}`}, 400, "cursor_malformed"},
		"while it is pending":  {ask{method: "POST", path: at + "/attempts/7/resend"}, 409, "webhook_disabled"},
		"attempt of words":     {ask{method: "POST", path: at + "/attempts/x/resend"}, 404, "not_found"},
		"page of words":        {ask{path: at + "/attempts?cursor=eA"}, 400, "cursor_malformed"},
		"another's":            {ask{path: at, key: r.otherTest}, 404, "not_found"},
		"with a live key":      {ask{path: at, key: r.live}, 404, "not_found"},
		"another's, to rotate": {ask{method: "POST", path: at + "/rotate", body: `{}`, key: r.otherTest}, 404, "not_found"},
		"another's, to test":   {ask{method: "POST", path: at + "/test", key: r.otherTest}, 404, "not_found"},
		"another's, to remove": {ask{method: "DELETE", path: at, key: r.otherTest}, 404, "not_found"},
		"another's log":        {ask{path: at + "/attempts", key: r.otherTest}, 404, "not_found"},
		"another's, to change": {ask{method: "PATCH", path: at, body: `{"enabled":false}`, key: r.otherTest}, 404, "not_found"},
	} {
		a := r.do(c.ask)
		if got := a.problem; a.status != c.status || got.Code != c.code && got.fault() != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	r.service.Hooks = nil
	if a := r.do(ask{method: "POST", path: "/webhooks", body: `{"url":"https://example.com/"}`}); a.problem.Code != "webhooks_unavailable" {
		t.Errorf("where nothing is pushed: %d %s", a.status, a.body)
	}
}

// TestFeedTypes: the feed can be narrowed, says where a delivery is, and when to
// ask again.
func TestFeedTypes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.submit(r.test, 3)
	r.do(ask{method: "POST", path: "/messages/" + m.ID + "/cancel"})
	r.caughtUp()
	var p struct {
		Data []struct {
			Type, State, Status string
			Removed             bool
		}
		After string
		Retry int `json:"retry_after"`
	}
	read := func(query string) {
		t.Helper()
		p.Data = nil
		a := r.do(ask{path: "/events?" + query})
		r.must(json.Unmarshal(a.body, &p))
	}
	read("types=delivery.cancelled.v1&limit=2")
	if len(p.Data) != 2 || p.Data[0].Type != "delivery.cancelled.v1" || p.Data[0].State != "cancelled" || p.Data[0].Status != "cancelled" || p.Retry != 0 {
		t.Errorf("%+v", p)
	}
	read("types=delivery.cancelled.v1&limit=2&after=" + p.After)
	if len(p.Data) != 1 || p.Retry == 0 {
		t.Errorf("%+v", p)
	}
	read("types=delivery.cancelled.v1&after=" + p.After)
	if len(p.Data) != 0 {
		t.Errorf("%+v", p)
	}
	read("types=default,delivery.submitted.v1")
	if len(p.Data) != 6 {
		t.Errorf("%d events", len(p.Data))
	}
	if a := r.do(ask{path: "/events?types=delivery.invented.v1"}); a.status != 422 || a.problem.fault() != "/types event_type" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestVerifications: open to everybody, bounded, and never an error for a
// document that is not good.
func TestVerifications(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.Verifier = looks{} })
	send := func(body string) answer {
		return r.do(ask{method: "POST", path: "/verifications?filename=../a.xml", key: "none", body: body, mediaType: "application/xml"})
	}
	for body, want := range map[string]string{"good": `"valid":true`, "bad": `"valid":false`} {
		if a := send(body); a.status != http.StatusOK || !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	for body, want := range map[string]string{"": "document_empty", "unreadable": "document_unreadable", strings.Repeat("x", 64<<20+1): "verification_too_large"} {
		if a := send(body); a.problem.Code != want {
			t.Errorf("%.20s: %d %.300s", body, a.status, a.body)
		}
	}
	for range 5 {
		send("good")
	}
	if a := send("good"); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("the eleventh: %d %s", a.status, a.body)
	}
	r.clock.pass(2 * time.Second)
	if a := send("good"); a.status != http.StatusOK {
		t.Errorf("later: %d %s", a.status, a.body)
	}
	if a := newRig(t).do(ask{method: "POST", path: "/verifications", key: "none", body: "good", mediaType: "application/xml"}); a.problem.Code != "verifications_unavailable" {
		t.Errorf("without a verifier: %d %s", a.status, a.body)
	}
}

// looks is a verifier that believes what it reads.
type looks struct{}

func (looks) Verify(_ context.Context, name string, r io.Reader) (evidence.Report, error) {
	if strings.Contains(name, "/") {
		return evidence.Report{}, errors.New("a path")
	}
	b, err := io.ReadAll(r)
	if err == nil && string(b) == "unreadable" {
		err = errors.New("no document")
	}
	return evidence.Report{Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: string(b) == "good"}}}, err
}
