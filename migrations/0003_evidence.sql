-- +goose Up

-- The facts: append-only, hash-chained per delivery. body is the exact text
-- that was hashed. A row is never changed; it is removed only together with its
-- message when the retention of that message has ended.
CREATE TABLE erds_event (
    delivery_id uuid        NOT NULL REFERENCES delivery (id) DEFERRABLE INITIALLY DEFERRED,
    seq         integer     NOT NULL,
    id          uuid        NOT NULL,
    message_id  uuid        NOT NULL,
    account_id  uuid        NOT NULL,
    name        text        NOT NULL,
    at          timestamptz NOT NULL,
    body        text        NOT NULL,
    prev        bytea,                              -- hash of seq - 1; NULL on the first
    hash        bytea       NOT NULL,               -- SHA-256 of body
    tx          xid8        NOT NULL DEFAULT pg_current_xact_id(), -- orders the feed without gaps
    PRIMARY KEY (delivery_id, seq),
    CONSTRAINT erds_event_id_unique UNIQUE (id),
    CONSTRAINT erds_event_seq_positive CHECK (seq > 0),
    CONSTRAINT erds_event_first_has_no_prev CHECK ((seq = 1) = (prev IS NULL)),
    CONSTRAINT erds_event_hash_is_of_body CHECK (hash = sha256(convert_to(body, 'UTF8')))
);
CREATE INDEX erds_event_feed ON erds_event (account_id, tx, id);

ALTER TABLE delivery ADD CONSTRAINT delivery_last_event
    FOREIGN KEY (id, last_seq) REFERENCES erds_event (delivery_id, seq) DEFERRABLE INITIALLY DEFERRED;

-- +goose StatementBegin
CREATE FUNCTION erds_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM message WHERE id = OLD.message_id AND purged_at IS NOT NULL) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'erds_event is append-only: % refused', TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'erds_event_append_only';
END $$;
-- +goose StatementEnd
CREATE TRIGGER erds_event_append_only BEFORE UPDATE OR DELETE ON erds_event
    FOR EACH ROW EXECUTE FUNCTION erds_event_append_only();
CREATE TRIGGER erds_event_no_truncate BEFORE TRUNCATE ON erds_event
    FOR EACH STATEMENT EXECUTE FUNCTION erds_event_append_only();

-- At commit: the delivery has taken note of the event, and the event hangs on
-- the one before it.
-- +goose StatementBegin
CREATE FUNCTION erds_event_is_chained() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM delivery WHERE id = NEW.delivery_id AND last_seq >= NEW.seq) THEN
        RAISE EXCEPTION 'delivery %: event % without a move', NEW.delivery_id, NEW.seq
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'erds_event_has_move';
    END IF;
    IF NEW.seq > 1 AND NOT EXISTS (SELECT 1 FROM erds_event
            WHERE delivery_id = NEW.delivery_id AND seq = NEW.seq - 1 AND hash = NEW.prev) THEN
        RAISE EXCEPTION 'delivery %: event % does not hang on the one before', NEW.delivery_id, NEW.seq
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'erds_event_is_chained';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER erds_event_is_chained AFTER INSERT ON erds_event
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION erds_event_is_chained();

-- The document made of an event. prepared_xml is fixed before anything is
-- signed, so that a retry seals the same bytes; xml and pdf are written once.
CREATE TABLE evidence (
    id           uuid        PRIMARY KEY,           -- the event's id
    delivery_id  uuid        NOT NULL,
    seq          integer     NOT NULL,
    account_id   uuid        NOT NULL,
    nonce        bytea       NOT NULL,              -- 32 random octets inside the XML
    prepared_xml bytea       NOT NULL,
    prepared_at  timestamptz NOT NULL,
    xml          bytea,
    pdf          bytea,
    xml_sha256   bytea,
    pdf_sha256   bytea,
    stamped_at   timestamptz,
    sealed_at    timestamptz,
    CONSTRAINT evidence_event_unique UNIQUE (delivery_id, seq),
    CONSTRAINT evidence_of_event FOREIGN KEY (delivery_id, seq) REFERENCES erds_event (delivery_id, seq),
    CONSTRAINT evidence_nonce_length CHECK (octet_length(nonce) = 32),
    CONSTRAINT evidence_sealed_whole CHECK (num_nulls(xml, pdf, xml_sha256, pdf_sha256, stamped_at, sealed_at) IN (0, 6)),
    CONSTRAINT evidence_digests_match CHECK (sealed_at IS NULL OR (xml_sha256 = sha256(xml) AND pdf_sha256 = sha256(pdf)))
);
ALTER TABLE evidence ALTER COLUMN pdf SET STORAGE EXTERNAL;

-- +goose StatementBegin
CREATE FUNCTION evidence_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.sealed_at IS NULL AND NEW.prepared_xml = OLD.prepared_xml AND NEW.nonce = OLD.nonce
            AND NEW.id = OLD.id AND NEW.delivery_id = OLD.delivery_id AND NEW.seq = OLD.seq THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM erds_event e JOIN message m ON m.id = e.message_id
            WHERE e.delivery_id = OLD.delivery_id AND e.seq = OLD.seq AND m.purged_at IS NOT NULL) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'evidence is written once: % refused', TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'evidence_written_once';
END $$;
-- +goose StatementEnd
CREATE TRIGGER evidence_written_once BEFORE UPDATE OR DELETE ON evidence
    FOR EACH ROW EXECUTE FUNCTION evidence_written_once();
CREATE TRIGGER evidence_no_truncate BEFORE TRUNCATE ON evidence
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_written_once();
