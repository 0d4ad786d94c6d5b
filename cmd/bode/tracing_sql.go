package main

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// sqlTracer makes a span of each transaction that belongs to a traced request or
// job, from BEGIN to the answer to COMMIT. Statements are counted, never shown.
type sqlTracer struct{ *tracing }

var (
	_ pgx.QueryTracer = sqlTracer{}
	_ pgx.BatchTracer = sqlTracer{}
)

// transaction is the span of what is open on a connection, which one goroutine
// uses at a time.
type transaction struct {
	span       trace.Span
	statements int
}

const transactionKey = "bode.transaction"

type endsKey struct{}

// seen notes a statement, and reports whether it ends the transaction.
func (t sqlTracer) seen(ctx context.Context, conn *pgx.Conn, sql string) (ends bool) {
	open, _ := conn.PgConn().CustomData()[transactionKey].(*transaction)
	switch word, _, _ := strings.Cut(sql, " "); strings.ToLower(word) {
	case "begin":
		if !trace.SpanFromContext(ctx).IsRecording() {
			return false
		}
		_, span := t.tracer.Start(ctx, "transaction", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("db.system.name", "postgresql")))
		conn.PgConn().CustomData()[transactionKey] = &transaction{span: span}
	case "commit", "rollback": // of a savepoint is "rollback to"
		ends = open != nil && !strings.HasPrefix(strings.ToLower(sql), "rollback to")
	default:
		if open != nil {
			open.statements++
		}
	}
	return ends
}

// end ends the span of a connection. Of an error only its code is told: its text
// quotes values.
func (t sqlTracer) end(conn *pgx.Conn, err error) {
	open, _ := conn.PgConn().CustomData()[transactionKey].(*transaction)
	if open == nil {
		return
	}
	delete(conn.PgConn().CustomData(), transactionKey)
	open.span.SetAttributes(attribute.Int("bode.statements", open.statements))
	if err != nil {
		open.span.SetStatus(codes.Error, "")
		if e, ok := errors.AsType[*pgconn.PgError](err); ok {
			open.span.SetAttributes(attribute.String("db.response.status_code", e.Code))
		}
	}
	open.span.End()
}

// TraceQueryStart implements [pgx.QueryTracer].
func (t sqlTracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if t.seen(ctx, conn, q.SQL) {
		return context.WithValue(ctx, endsKey{}, true)
	}
	return ctx
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (t sqlTracer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, q pgx.TraceQueryEndData) {
	if ctx.Value(endsKey{}) != nil {
		t.end(conn, q.Err)
	}
}

// TraceBatchStart implements [pgx.BatchTracer].
func (t sqlTracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	ends := false
	for _, q := range b.Batch.QueuedQueries {
		ends = t.seen(ctx, conn, q.SQL) || ends
	}
	if ends {
		return context.WithValue(ctx, endsKey{}, true)
	}
	return ctx
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (sqlTracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements [pgx.BatchTracer].
func (t sqlTracer) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, b pgx.TraceBatchEndData) {
	if ctx.Value(endsKey{}) != nil {
		t.end(conn, b.Err)
	}
}
