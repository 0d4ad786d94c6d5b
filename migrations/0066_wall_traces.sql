-- +goose Up

-- The trace of an event goes where its delivery goes: behind the wall of migration 46.
SELECT wall('event_trace', 'EXISTS (SELECT FROM delivery d WHERE d.id = event_trace.delivery_id)');
