package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

const strangeTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// traced is tracing into memory.
func traced(share float64, trusted ...string) (*tracing, *tracetest.InMemoryExporter) {
	var nets []netip.Prefix
	for _, p := range trusted {
		nets = append(nets, netip.MustParsePrefix(p))
	}
	kept := tracetest.NewInMemoryExporter()
	return newTracing(sdktrace.NewSimpleSpanProcessor(kept), share, nets), kept
}

// TestStrangersChooseNoTrace: only a proxy of ours says which trace a request
// belongs to; what says nonsense is as if it said nothing.
func TestStrangersChooseNoTrace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, header string
		share        float64
		spans        int
		joined       bool
	}{
		"a stranger":                   {"192.0.2.1:9", strangeTrace, 1, 1, false},
		"a stranger, nothing traced":   {"192.0.2.1:9", strangeTrace, 0, 0, false},
		"no address":                   {"", strangeTrace, 0, 0, false},
		"no port":                      {"10.0.0.1", strangeTrace, 0, 0, false},
		"a proxy":                      {"10.0.0.1:9", strangeTrace, 0, 1, true},
		"a proxy, mapped":              {"[::ffff:10.0.0.1]:9", strangeTrace, 0, 1, true},
		"a proxy that does not sample": {"10.0.0.1:9", strings.TrimSuffix(strangeTrace, "1") + "0", 1, 0, false},
		"a proxy, nonsense":            {"10.0.0.1:9", "00-zz-b7ad6b7169203331-01", 1, 1, false},
		"a proxy, all zero":            {"10.0.0.1:9", "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01", 1, 1, false},
		"a proxy, version ff":          {"10.0.0.1:9", "ff" + strangeTrace[2:], 1, 1, false},
	} {
		tr, kept := traced(c.share, "10.0.0.0/8")
		r := httptest.NewRequest(http.MethodPost, "/c/secret-token?code=123456", strings.NewReader("body"))
		r.RemoteAddr = c.from
		r.Header.Set("traceparent", c.header)
		r.Header.Set("tracestate", "vendor=secret-state")
		tr.requests(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })).ServeHTTP(httptest.NewRecorder(), r)
		spans := kept.GetSpans()
		if len(spans) != c.spans {
			t.Errorf("%s: %d spans", name, len(spans))
			continue
		}
		if c.spans == 0 {
			continue
		}
		s := spans[0]
		if joined := s.SpanContext.TraceID().String() == strangeTrace[3:35]; joined != c.joined {
			t.Errorf("%s: in the trace that was sent: %v", name, joined)
		}
		if s.Name != "POST collect" || strings.Contains(s.SpanContext.TraceState().String(), "secret") {
			t.Errorf("%s: %q %q", name, s.Name, s.SpanContext.TraceState())
		}
		for _, a := range s.Attributes {
			if v := a.Value.String(); strings.Contains(v, "secret") || strings.Contains(v, "123456") {
				t.Errorf("%s: %s is %s", name, a.Key, v)
			}
		}
	}
}

// TestTracingOff: without an address nothing is made, and nothing breaks.
func TestTracingOff(t *testing.T) {
	t.Parallel()
	tr, err := traceConfig{Share: 1}.open(t.Context(), nil, discard())
	if tr != nil || err != nil {
		t.Fatalf("%v %v", tr, err)
	}
	h := http.NotFoundHandler()
	if tr.text(t.Context()) != "" || tr.middleware() != nil || tr.Close() != nil || tr.requests(h) == nil {
		t.Error("tracing that is off does something")
	}
}

func TestTraceSettingsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]traceConfig{
		"in clear":      {Endpoint: "http://collector.example:4318/v1/traces"},
		"no host":       {Endpoint: "https:///v1/traces"},
		"no scheme":     {Endpoint: "127.0.0.1:4318"},
		"token alone":   {Token: "/run/token"},
		"more than all": {Endpoint: "https://c.example", Share: 1.1},
		"less than no":  {Endpoint: "https://c.example", Share: -0.1},
		"somebody else": {Endpoint: "http://127.0.0.1.example/v1/traces"},
	} {
		refused := false
		c.validate(func(ok bool, _, _ string) { refused = refused || !ok })
		if !refused {
			t.Errorf("%s: taken", name)
		}
	}
	for _, ok := range []string{"https://collector.example/v1/traces", "http://127.0.0.1:4318/v1/traces", "http://[::1]:4318/v1/traces", "http://localhost:4318"} {
		traceConfig{Endpoint: ok, Share: 0.5}.validate(func(good bool, setting, why string) {
			if !good {
				t.Errorf("%s: --%s: %s", ok, setting, why)
			}
		})
	}
}

// TestLogNamesTrace: a line written for a traced request names the trace, any
// other line does not.
func TestLogNamesTrace(t *testing.T) {
	t.Parallel()
	tr, _ := traced(1)
	var out bytes.Buffer
	log := slog.New(tracedLog{slog.NewJSONHandler(&out, nil)}).With("part", "x").WithGroup("g")
	ctx, span := tr.tracer.Start(t.Context(), "request")
	log.InfoContext(t.Context(), "before")
	log.InfoContext(ctx, "during")
	never, _ := traced(0)
	unsampled, _ := never.tracer.Start(t.Context(), "request")
	log.InfoContext(unsampled, "not kept")
	span.End()
	for line := range strings.Lines(out.String()) {
		named := strings.Contains(line, span.SpanContext().TraceID().String()) && strings.Contains(line, "span_id")
		if named != strings.Contains(line, "during") {
			t.Errorf("%s", line)
		}
	}
}

// TestLogInUTC: lines of machines in different zones can be put in one order.
func TestLogInUTC(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	at := time.Date(2026, 7, 1, 14, 0, 0, 0, time.FixedZone("CEST", 2*60*60))
	if err := (tracedLog{slog.NewJSONHandler(&out, nil)}).Handle(t.Context(), slog.NewRecord(at, slog.LevelInfo, "x", 0)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"2026-07-01T12:00:00Z"`) {
		t.Errorf("%s", out.String())
	}
}

// TestTraceInJob: a job keeps what else its metadata says, and what is no object
// is left alone.
func TestTraceInJob(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": `{"traceparent":"x"}`, "{}": `{"traceparent":"x"}`, "null": `{"traceparent":"x"}`,
		`{"a":1,"traceparent":"old"}`: `{"a":1,"traceparent":"x"}`, "[1]": "", "{": ""} {
		got, err := withTrace([]byte(in), "x")
		if string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	tr, _ := traced(1)
	ctx := tr.parent(context.Background(), strangeTrace)
	if got := tr.text(ctx); got != strangeTrace {
		t.Errorf("%q", got)
	}
	if trace.SpanContextFromContext(tr.parent(context.Background(), "nonsense")).IsValid() {
		t.Error("nonsense is a trace")
	}
}

// receiver takes webhooks and keeps their headers.
type receiver struct {
	*httptest.Server
	got chan http.Header
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{got: make(chan http.Header, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		var ping struct{ Data struct{ Challenge string } }
		_ = json.Unmarshal(b, &ping)
		if ping.Data.Challenge == "" {
			r.got <- q.Header.Clone()
		}
		io.WriteString(w, ping.Data.Challenge)
	}))
	t.Cleanup(r.Close)
	return r
}
