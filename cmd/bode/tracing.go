package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// traceConfig is where traces go. Off unless an address is given.
type traceConfig struct {
	Endpoint string  `help:"Address of an OpenTelemetry collector that takes traces (OTLP over HTTP, …/v1/traces); https, or loopback. Empty: no traces." env:"BODE_TRACE_ENDPOINT" placeholder:"http://127.0.0.1:4318/v1/traces"`
	Token    string  `help:"File with the bearer token that the collector wants; empty: none." type:"path" env:"BODE_TRACE_TOKEN"`
	Share    float64 `help:"Share of requests that is traced, 0 to 1." default:"0.1" env:"BODE_TRACE_SHARE"`
}

func (c traceConfig) validate(need func(bool, string, string)) {
	if c.Endpoint == "" {
		need(c.Token == "", "trace-token", "is of no use without --trace-endpoint")
		return
	}
	u, err := url.Parse(c.Endpoint)
	need(err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && onLoopback(u.Hostname())), "trace-endpoint",
		"traces tell who asked what when: https, or http to loopback")
	need(c.Share >= 0 && c.Share <= 1, "trace-share", "is a share: 0 to 1")
}

func onLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// tracing makes spans of requests, jobs, transactions and pushes. A nil *tracing
// is one that is off. No attribute ever holds a path, an address, an id, a name or
// an error's text: whoever runs the collector is nobody's processor.
type tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	trusted  []netip.Prefix
	carrier  propagation.TraceContext
}

// open starts the exporter; nil without an address. Spans wait in a bounded queue
// and are dropped when the collector does not take them: nothing waits for it.
func (c traceConfig) open(ctx context.Context, trusted []netip.Prefix, log *slog.Logger) (*tracing, error) {
	if c.Endpoint == "" {
		return nil, nil
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(c.Endpoint), otlptracehttp.WithTimeout(10 * time.Second)}
	token, err := readSecret(c.Token)
	if err != nil {
		return nil, fmt.Errorf("--trace-token: %w", err)
	}
	if token != "" {
		options = append(options, otlptracehttp.WithHeaders(map[string]string{"Authorization": "Bearer " + token}))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { // its text may repeat the collector's answer
		log.Warn("traces are not exported", "endpoint", origin(c.Endpoint))
	}))
	return newTracing(sdktrace.NewBatchSpanProcessor(exporter), c.Share, trusted), nil
}

func newTracing(to sdktrace.SpanProcessor, share float64, trusted []netip.Prefix) *tracing {
	p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(to),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "bode"), attribute.String("service.version", buildVersion()))))
	return &tracing{provider: p, tracer: p.Tracer("bode"), trusted: trusted}
}

// buildVersion is the module's version as it was built.
func buildVersion() string {
	if b, ok := debug.ReadBuildInfo(); ok {
		return b.Main.Version
	}
	return "unknown"
}

// Close sends what waits, for 5 s at most.
func (t *tracing) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(t.provider.ForceFlush(ctx), t.provider.Shutdown(ctx))
}

// parent is ctx with the trace that text, a traceparent, names; ctx itself when it
// names none. W3C Trace Context §3.2
func (t *tracing) parent(ctx context.Context, text string) context.Context {
	return t.carrier.Extract(ctx, propagation.MapCarrier{"traceparent": text})
}

// text is the traceparent of the span of ctx; empty: there is none, or nobody
// keeps it.
func (t *tracing) text(ctx context.Context) string {
	if t == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	m := propagation.MapCarrier{}
	t.carrier.Inject(ctx, m)
	return m["traceparent"]
}

// requests makes a span of each request. A stranger does not choose which requests
// are traced, nor the trace they belong to: only what our own proxies say counts.
// W3C Trace Context §7.1
func (t *tracing) requests(h http.Handler) http.Handler {
	if t == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if t.believes(r.RemoteAddr) {
			ctx = t.parent(ctx, r.Header.Get("traceparent"))
		}
		face, method := faceOf(r.URL.Path), methodLabel(r.Method)
		ctx, span := t.tracer.Start(ctx, method+" "+face, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("http.request.method", method), attribute.String("bode.face", face)))
		defer span.End()
		answer := &answer{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(answer, r.WithContext(ctx))
		span.SetAttributes(attribute.Int("http.response.status_code", answer.status))
		if answer.status >= 500 {
			span.SetStatus(codes.Error, "")
		}
	})
}

func (t *tracing) believes(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range t.trusted {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// environment of OpenTelemetry's own that would lead traces elsewhere, or add to
// what they say, behind the back of our settings.
func strayTraceSettings() (names []string) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
			names = append(names, name)
		}
	}
	return names
}
