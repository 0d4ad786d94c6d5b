package main

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// tracedLog adds to each line the trace it belongs to, where there is one, so that
// a line leads to its request; and gives its time in UTC.
type tracedLog struct{ slog.Handler }

func (h tracedLog) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC() // lines of two machines can be put in one order
	if c := trace.SpanContextFromContext(ctx); c.IsSampled() {
		r.AddAttrs(slog.String("trace_id", c.TraceID().String()), slog.String("span_id", c.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h tracedLog) WithAttrs(a []slog.Attr) slog.Handler { return tracedLog{h.Handler.WithAttrs(a)} }

func (h tracedLog) WithGroup(name string) slog.Handler { return tracedLog{h.Handler.WithGroup(name)} }
