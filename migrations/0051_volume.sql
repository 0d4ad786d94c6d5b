-- +goose Up

-- What costs at ten million deliveries what it costs at ten thousand. Every index
-- here is one that a statement of the service needs; those that none needs go.

-- Keys of messages live as long as their message, and are the most by far. What is
-- swept by age are the others.
DROP INDEX idempotency_age;
CREATE INDEX idempotency_age ON idempotency (created_at) WHERE kind <> 'message';

-- An index on last_at is written with every event. Lost work is found by when the
-- state last changed, which is no later, so that events which change nothing else
-- leave the indexes alone.
DROP INDEX delivery_unfinished;
DROP INDEX delivery_waits_for_paper;
DROP INDEX delivery_letter_begun;
CREATE INDEX delivery_unfinished ON delivery (moved_at) WHERE state IN ('submitted', 'accepted');
CREATE INDEX delivery_expired ON delivery (moved_at, id) WHERE state = 'expired' AND recipient ? 'address';
CREATE INDEX delivery_waits_for_paper ON delivery (moved_at)
    WHERE state = 'notified' AND (choices ? 'paper_at' OR email = 'failed' AND sms = 'failed');
CREATE INDEX delivery_letter_begun ON delivery (moved_at) WHERE letter_begun IS NOT NULL AND post IS NULL AND NOT test;

-- Open charges are looked through a part at a time, in the order of deliveries.
DROP INDEX charge_open;
CREATE INDEX charge_open ON charge (delivery_id) WHERE settled_at IS NULL;

-- No statement finds notices by account, or evidence by the day it was prepared.
DROP INDEX notice_by_account;
DROP INDEX evidence_unstamped;

-- A row says up to which event, in the order of ids, every piece of evidence is
-- sealed, so that no process looks there again. One row at most; it only rises.
CREATE TABLE evidence_sealed (
    one      boolean PRIMARY KEY DEFAULT true,
    up_to    uuid    NOT NULL,
    CONSTRAINT evidence_sealed_one_row CHECK (one)
);

-- Room on a page lets a row be written again beside itself, without its indexes.
ALTER TABLE delivery SET (fillfactor = 85);
ALTER TABLE notice SET (fillfactor = 85);
ALTER TABLE notify_attempt SET (fillfactor = 85);

-- A fifth of ten million dead rows is too many to wait for: what changes or goes
-- is cleaned by the thousand, whatever the table holds, and what only grows is
-- marked as visible soon, so that indexes alone answer.
ALTER TABLE delivery SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
ALTER TABLE deadline SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE notice SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE notify_attempt SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE evidence SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE message SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
ALTER TABLE erds_event SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
ALTER TABLE idempotency SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE document SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02);
