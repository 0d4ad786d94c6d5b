package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/bode-erds/bode/delivery"
)

// jobMiddleware lets a job know which request asked for it, and makes a span of
// each of its runs.
type jobMiddleware struct {
	river.MiddlewareDefaults
	*tracing
}

var (
	_ rivertype.JobInsertMiddleware = (*jobMiddleware)(nil)
	_ rivertype.WorkerMiddleware    = (*jobMiddleware)(nil)
)

func (t *tracing) middleware() []rivertype.Middleware {
	if t == nil {
		return nil
	}
	return []rivertype.Middleware{&jobMiddleware{tracing: t}}
}

const traceKey = "traceparent"

// InsertMany implements [rivertype.JobInsertMiddleware].
func (m *jobMiddleware) InsertMany(ctx context.Context, jobs []*rivertype.JobInsertParams, do func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	if text := m.text(ctx); text != "" {
		for _, j := range jobs {
			if b, err := withTrace(j.Metadata, text); err == nil {
				j.Metadata = b
			}
		}
	}
	return do(ctx)
}

// withTrace adds a traceparent to the metadata of a job.
func withTrace(metadata []byte, text string) ([]byte, error) {
	all := map[string]json.RawMessage{}
	if len(metadata) > 0 {
		if err := json.Unmarshal(metadata, &all); err != nil {
			return nil, err
		}
	}
	if all == nil { // it was null
		all = map[string]json.RawMessage{}
	}
	all[traceKey], _ = json.Marshal(text) // a string
	return json.Marshal(all)
}

// Work implements [rivertype.WorkerMiddleware].
func (m *jobMiddleware) Work(ctx context.Context, job *rivertype.JobRow, do func(context.Context) error) error {
	var meta struct {
		Traceparent string `json:"traceparent"`
	}
	_ = json.Unmarshal(job.Metadata, &meta) // what does not read names no trace
	ctx, span := m.tracer.Start(m.parent(ctx, meta.Traceparent), "job "+job.Kind, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("bode.job", job.Kind), attribute.Int("bode.attempt", job.Attempt)))
	defer span.End()
	err := do(ctx)
	if err != nil {
		span.SetStatus(codes.Error, "") // its text may hold what a peer said
	}
	return err
}

// tracedHooks makes a span of each push, in the trace of its event.
type tracedHooks struct {
	delivery.Hooks
	*tracing
	pool *pgxpool.Pool
}

const sqlTraceOf = `
SELECT t.traceparent FROM erds_event e JOIN event_trace t ON t.delivery_id = e.delivery_id AND t.seq = e.seq WHERE e.id = $1`

// Send implements [delivery.Hooks]: the receiver gets the trace of the push.
func (h tracedHooks) Send(ctx context.Context, c delivery.HookCall) delivery.HookAnswer {
	var text string
	if err := h.pool.QueryRow(ctx, sqlTraceOf, c.ID).Scan(&text); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		text = "" // the push matters, its trace does not
	}
	ctx, span := h.tracer.Start(h.parent(ctx, text), "webhook", trace.WithSpanKind(trace.SpanKindProducer))
	defer span.End()
	c.Trace = h.text(ctx)
	a := h.Hooks.Send(ctx, c)
	span.SetAttributes(attribute.Int("http.response.status_code", a.Status), attribute.String("bode.fault", a.Fault))
	if a.Fault != "" {
		span.SetStatus(codes.Error, "")
	}
	return a
}

// hooks is what sends pushes.
func (a *app) hooks() delivery.Hooks {
	if a.out.tracing == nil || a.out.hooks == nil {
		return a.out.hooks
	}
	return tracedHooks{a.out.hooks, a.out.tracing, a.pool}
}

// forgetTraces removes what no push will ask for any more, at most a part of it, and
// returns how many: pushes are given up after three days.
func (a *app) forgetTraces(ctx context.Context) (int, error) {
	tag, err := a.pool.Exec(ctx, `DELETE FROM event_trace WHERE (delivery_id, seq) IN (
		SELECT delivery_id, seq FROM event_trace WHERE at < clock_timestamp() - interval '4 days' ORDER BY at LIMIT 10000)`)
	return int(tag.RowsAffected()), err
}
