-- +goose Up

-- The trace of an event goes where the events of its delivery go, and is written
-- with it: a first event is there before its delivery.
ALTER POLICY wall ON event_trace
    USING (EXISTS (SELECT FROM erds_event e WHERE e.delivery_id = event_trace.delivery_id))
    WITH CHECK (EXISTS (SELECT FROM erds_event e WHERE e.delivery_id = event_trace.delivery_id));
