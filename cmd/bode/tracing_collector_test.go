package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spanCollector is what receives traces, by the protocol's own definition.
type spanCollector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
	raw   strings.Builder // everything, as text
	auth  []string
}

func newSpanCollector(t *testing.T) *spanCollector {
	c := &spanCollector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var in collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(b, &in)
		}
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s: %v", r.URL.Path, r.Header.Get("Content-Type"), err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.auth = append(c.auth, r.Header.Get("Authorization"))
		for _, rs := range in.ResourceSpans {
			c.raw.WriteString(rs.String() + "\n")
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		b, _ = proto.Marshal(&collector.ExportTraceServiceResponse{})
		w.Write(b)
	}))
	t.Cleanup(c.Close)
	return c
}

// named are the spans of a trace with a name.
func (c *spanCollector) named(traceID, name string) (found []*otlp.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.Name == name && (traceID == "" || hex.EncodeToString(s.TraceId) == traceID) {
			found = append(found, s)
		}
	}
	return found
}

var anyUUID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// TestTracesEndToEnd: one request can be followed through its transaction, its
// jobs and the push it led to, at a receiver of another make; the log says which
// trace it was; and nothing that was exported names anybody or anything.
func TestTracesEndToEnd(t *testing.T) {
	t.Parallel()
	to, hook := newSpanCollector(t), newReceiver(t)
	e := newEstate(t)
	e.settings["BODE_TRACE_ENDPOINT"] = to.URL + "/v1/traces"
	e.settings["BODE_TRACE_SHARE"] = "1"
	e.settings["BODE_TRACE_TOKEN"] = writeFile(t, e.path("trace-token"), "collector secret\n")
	e.settings["BODE_WEBHOOKS_LOOPBACK"] = "true"
	e.run(t, nil, "migrate").expect(t, "migrate", 0)
	account := e.run(t, nil, opening(writeFile(t, e.path("password"), goodPassword))...).field(t, "account")
	key := strings.TrimSpace(e.run(t, nil, "account", "key", account, "--mode", "test", "--name", "ERP", "--scopes", "read,send,evidence,webhooks").out)
	p := e.start(t, e.listen, "serve")
	sender := &player{outsider: outsider{info: info{BaseURL: "http://" + p.addr, CatcherURL: e.catcher.URL(), TestKey: key}, client: &http.Client{Timeout: time.Minute}},
		files: map[string][]byte{"canary.bin": []byte("canary")}}
	var w struct{ ID string }
	if err := sender.call(t.Context(), http.MethodPost, "/webhooks", map[string]any{"url": hook.URL + "/hook-secret"}, &w); err != nil {
		t.Fatal(err)
	}
	if err := sender.call(t.Context(), http.MethodPost, "/webhooks/"+w.ID+"/test", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := sender.register(t.Context()); err != nil {
		t.Fatal(err)
	}
	var pushed http.Header
	select {
	case pushed = <-hook.got:
	case <-time.After(patience):
		t.Fatal("no push came")
	}
	parts := strings.Split(pushed.Get("traceparent"), "-")
	if len(parts) != 4 {
		t.Fatalf("the push names no trace: %q", pushed)
	}
	traceID := parts[1]
	if err := eventually(t.Context(), func() (bool, error) {
		return len(to.named(traceID, "webhook")) > 0 && len(to.named(traceID, "job evidence_seal")) > 0 && strings.Contains(p.log.String(), `"trace_id":"`+traceID), nil
	}); err != nil {
		t.Errorf("no push, no evidence or no line of the log in trace %s: %v\n%s", traceID, err, to.raw.String())
	}
	p.stop(t, stopWithin)
	requests := to.named(traceID, "POST api")
	if len(requests) != 1 || len(to.named(traceID, "transaction")) == 0 || len(to.named(traceID, "job evidence_seal")) == 0 {
		t.Fatalf("trace %s is not whole: %d requests", traceID, len(requests))
	}
	for _, s := range to.named(traceID, "job evidence_seal") {
		if len(s.ParentSpanId) == 0 || s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("%v", s)
		}
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	if slices.ContainsFunc(to.auth, func(a string) bool { return a != "Bearer collector secret" }) {
		t.Errorf("the collector was shown %q", to.auth)
	}
	said := to.raw.String()
	c := cast[0]
	for _, secret := range []string{key, account, w.ID, sender.message, sender.number, c.given, c.family, c.email, c.mobile, "hook-secret", "canary", "/messages", "SELECT", "INSERT", "Test", "127.0.0.1", "collector secret"} {
		if strings.Contains(said, secret) {
			t.Errorf("traces say %q", secret)
		}
	}
	if id := anyUUID.FindString(said); id != "" {
		t.Errorf("traces name %s", id)
	}
}
