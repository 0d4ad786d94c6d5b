-- +goose Up

-- A row is which trace an event belongs to, so that what is pushed of it days later
-- can name it. Telemetry: written beside the event where traces are on, read by
-- pushes, gone after four days; nothing rests on it, and it may outlive its event.
CREATE TABLE event_trace (
    delivery_id uuid        NOT NULL,
    seq         integer     NOT NULL,
    traceparent text        NOT NULL,               -- W3C Trace Context §3.2
    at          timestamptz NOT NULL,
    CONSTRAINT event_trace_pkey PRIMARY KEY (delivery_id, seq),
    CONSTRAINT event_trace_is_one CHECK (traceparent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
);
CREATE INDEX event_trace_age ON event_trace (at);
