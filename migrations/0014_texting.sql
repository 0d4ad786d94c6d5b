-- +goose Up

-- What providers of text messages say later, and how far we have read it.

-- Receipts name a message by the provider's id of it.
CREATE INDEX notify_attempt_by_peer ON notify_attempt (peer_id) WHERE peer_id <> '';

-- A report of a provider that came before what it is about was stored: its
-- attempt is not known by this id yet, or not told yet. Inserted before the
-- provider is told that we have it, removed when the report is taken, or after
-- three days. It never changes.
CREATE TABLE notify_receipt (
    source      text        NOT NULL,                -- of the report
    id          text        NOT NULL,                -- of the report, unique within the source
    peer_id     text        NOT NULL DEFAULT '',     -- as notify_attempt has it; empty: the report names its notice
    report      jsonb       NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (source, id),
    CONSTRAINT notify_receipt_source_plain CHECK (source ~ '^[a-z0-9-]{1,32}$'),
    CONSTRAINT notify_receipt_id_bounded CHECK (octet_length(id) BETWEEN 1 AND 200),
    CONSTRAINT notify_receipt_peer_bounded CHECK (octet_length(peer_id) <= 500),
    CONSTRAINT notify_receipt_report_bounded CHECK (octet_length(report::text) <= 65536)
);
CREATE INDEX notify_receipt_by_age ON notify_receipt (received_at);

-- How far the events of a provider were read. Moved on, by compare-and-set, after
-- what lies before it was taken.
CREATE TABLE notify_cursor (
    source   text        PRIMARY KEY,
    position text        NOT NULL,                   -- the provider's own token
    moved_at timestamptz NOT NULL,
    CONSTRAINT notify_cursor_source_plain CHECK (source ~ '^[a-z0-9-]{1,32}$'),
    CONSTRAINT notify_cursor_position_bounded CHECK (octet_length(position) BETWEEN 1 AND 1000)
);
