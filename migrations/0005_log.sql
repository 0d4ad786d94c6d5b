-- +goose Up

-- The public log: an append-only Merkle tree of 32-octet entries, in tiles of at
-- most 256 hashes. Level -1 holds the entries themselves. A tile only ever grows
-- at its end; no row is changed otherwise or removed, also not when evidence is:
-- an entry is the digest of a text with a random part and says nothing of anybody.
CREATE TABLE log_tile (
    level  smallint NOT NULL,
    idx    bigint   NOT NULL,
    hashes bytea    NOT NULL,
    PRIMARY KEY (level, idx),
    CONSTRAINT log_tile_place CHECK (level BETWEEN -1 AND 7 AND idx >= 0),
    CONSTRAINT log_tile_size CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0)
);

-- +goose StatementBegin
CREATE FUNCTION log_tile_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.level = OLD.level AND NEW.idx = OLD.idx
            AND substring(NEW.hashes FOR octet_length(OLD.hashes)) = OLD.hashes THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the log only grows: % refused', TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'log_tile_only_grows';
END $$;
-- +goose StatementEnd
CREATE TRIGGER log_tile_only_grows BEFORE UPDATE OR DELETE ON log_tile
    FOR EACH ROW EXECUTE FUNCTION log_tile_only_grows();
CREATE TRIGGER log_tile_no_truncate BEFORE TRUNCATE ON log_tile
    FOR EACH STATEMENT EXECUTE FUNCTION log_tile_only_grows();

-- What judges the certificates of seals and time-stamps without asking anybody.
-- Batches may share one. Written once.
CREATE TABLE evidence_validation (
    id      bytea       PRIMARY KEY,                -- SHA-256 of body
    made_at timestamptz NOT NULL,
    body    bytea       NOT NULL,                   -- certificates, CRLs and OCSP responses
    CONSTRAINT evidence_validation_id_is_of_body CHECK (id = sha256(body))
);

-- A batch: pieces of evidence that became part of the log together and share a
-- time-stamp. token is over the root of the hash tree whose leaves are the
-- digests of the XML files in their order and, last, that of the checkpoint.
-- Each column is written once; the last three later than the others.
CREATE TABLE evidence_batch (
    id           bigint      PRIMARY KEY,           -- 1, 2, 3, … without gaps
    closed_at    timestamptz NOT NULL,
    leaves       bytea       NOT NULL,              -- 32 octets each
    token        bytea       NOT NULL,              -- RFC 3161
    stamped_at   timestamptz NOT NULL,              -- the time in token
    renew_before timestamptz NOT NULL,              -- until then token proves something by itself
    log_size     bigint      NOT NULL,              -- of the log, with this batch
    checkpoint   text        NOT NULL,              -- signed note over that size
    cosignatures text        NOT NULL DEFAULT '',   -- signature lines of witnesses
    cosigned_at  timestamptz,                       -- when the witnesses had been asked
    validation_id bytea      REFERENCES evidence_validation (id), -- of all its pieces and of token
    CONSTRAINT evidence_batch_leaves CHECK (octet_length(leaves) % 32 = 0 AND octet_length(leaves) >= 64),
    CONSTRAINT evidence_batch_size_unique UNIQUE (log_size)
);
CREATE INDEX evidence_batch_uncosigned ON evidence_batch (id) WHERE cosigned_at IS NULL;
CREATE INDEX evidence_batch_unvalidated ON evidence_batch (id) WHERE validation_id IS NULL;

-- +goose StatementBegin
CREATE FUNCTION evidence_batch_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT max(log_size) INTO before FROM evidence_batch WHERE id = NEW.id - 1;
        IF (NEW.id = 1 OR before IS NOT NULL) AND NEW.log_size = coalesce(before, 0) + octet_length(NEW.leaves) / 32 - 1 THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'UPDATE' AND (OLD.cosigned_at IS NULL OR (NEW.cosigned_at, NEW.cosignatures) = (OLD.cosigned_at, OLD.cosignatures))
            AND (OLD.validation_id IS NULL OR NEW.validation_id IS NOT DISTINCT FROM OLD.validation_id) AND (NEW.id, NEW.closed_at, NEW.leaves, NEW.token, NEW.stamped_at,
            NEW.renew_before, NEW.log_size, NEW.checkpoint) = (OLD.id, OLD.closed_at, OLD.leaves, OLD.token, OLD.stamped_at,
            OLD.renew_before, OLD.log_size, OLD.checkpoint) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'batch %: % refused', coalesce(NEW.id, OLD.id), TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'evidence_batch_follows';
END $$;
-- +goose StatementEnd
CREATE TRIGGER evidence_batch_follows BEFORE INSERT OR UPDATE OR DELETE ON evidence_batch
    FOR EACH ROW EXECUTE FUNCTION evidence_batch_follows();

-- A renewal of the time-stamps of batches before they weaken (RFC 4998 §5.2):
-- token is over the root of the tree whose leaves are the digests of their newest
-- time-stamps. Written once.
CREATE TABLE evidence_renewal (
    id           bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    made_at      timestamptz NOT NULL,
    leaves       bytea       NOT NULL,
    token        bytea       NOT NULL,
    renew_before timestamptz NOT NULL,
    CONSTRAINT evidence_renewal_leaves CHECK (octet_length(leaves) % 32 = 0 AND octet_length(leaves) > 0)
);
CREATE TABLE evidence_batch_renewal (
    batch_id   bigint  NOT NULL REFERENCES evidence_batch (id),
    renewal_id bigint  NOT NULL REFERENCES evidence_renewal (id),
    pos        integer NOT NULL,                    -- of its leaf, from 0
    PRIMARY KEY (batch_id, renewal_id)
);

-- A piece of evidence goes through more steps than before:
-- prepared → signed → (stamped on its own) → in a batch → PDF made: sealed.
ALTER TABLE evidence
    ADD COLUMN own_stamp     boolean NOT NULL DEFAULT true,  -- by policy: its own time-stamp, or its batch's
    ADD COLUMN signed_xml    bytea,                          -- waits for its own time-stamp
    ADD COLUMN batch_id      bigint REFERENCES evidence_batch (id),
    ADD COLUMN batch_pos     integer,                        -- of its leaf, from 0
    ADD COLUMN log_index     bigint,                         -- of its entry in the log
    DROP CONSTRAINT evidence_sealed_whole,
    DROP CONSTRAINT evidence_digests_match,
    ADD CONSTRAINT evidence_sealed_whole CHECK (num_nulls(pdf, pdf_sha256, sealed_at) IN (0, 3) AND num_nulls(xml, xml_sha256) IN (0, 2)
        AND num_nulls(batch_id, batch_pos, log_index) IN (0, 3) AND (sealed_at IS NULL OR num_nulls(xml, stamped_at) = 0)),
    ADD CONSTRAINT evidence_digests_match CHECK ((xml IS NULL OR xml_sha256 = sha256(xml)) AND (pdf IS NULL OR pdf_sha256 = sha256(pdf))),
    ADD CONSTRAINT evidence_in_order CHECK ((signed_xml IS NULL OR (own_stamp AND xml IS NULL)) AND (batch_id IS NULL OR xml IS NOT NULL)
        AND (xml IS NULL OR stamped_at IS NOT NULL OR NOT own_stamp));
-- What was sealed before there was a log gets into it later.
ALTER TABLE evidence ADD CONSTRAINT evidence_sealed_is_logged CHECK (sealed_at IS NULL OR batch_id IS NOT NULL) NOT VALID;
ALTER TABLE evidence ALTER COLUMN xml SET STORAGE EXTERNAL;
CREATE INDEX evidence_unbatched ON evidence (id) WHERE xml IS NOT NULL AND batch_id IS NULL;
CREATE INDEX evidence_unstamped ON evidence (prepared_at) WHERE stamped_at IS NULL;
CREATE INDEX evidence_of_batch ON evidence (batch_id);

-- Each column is filled once, and nothing that is there changes; a signature that
-- waits makes place for the stamped form of itself.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION evidence_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
            AND (NEW.id, NEW.delivery_id, NEW.seq, NEW.account_id, NEW.nonce, NEW.prepared_xml, NEW.prepared_at, NEW.own_stamp)
              = (OLD.id, OLD.delivery_id, OLD.seq, OLD.account_id, OLD.nonce, OLD.prepared_xml, OLD.prepared_at, OLD.own_stamp)
            AND (OLD.signed_xml IS NULL OR OLD.signed_xml IS NOT DISTINCT FROM NEW.signed_xml OR (NEW.signed_xml IS NULL AND NEW.xml IS NOT NULL))
            AND (OLD.xml_sha256 IS NULL OR (NEW.xml_sha256 IS NOT DISTINCT FROM OLD.xml_sha256 AND NEW.signed_xml IS NULL))
            AND (OLD.pdf_sha256 IS NULL OR NEW.pdf_sha256 IS NOT DISTINCT FROM OLD.pdf_sha256)
            AND (OLD.stamped_at IS NULL OR NEW.stamped_at IS NOT DISTINCT FROM OLD.stamped_at)
            AND (OLD.sealed_at IS NULL OR NEW.sealed_at IS NOT DISTINCT FROM OLD.sealed_at)
            AND (OLD.batch_id IS NULL OR (NEW.batch_id, NEW.batch_pos, NEW.log_index) = (OLD.batch_id, OLD.batch_pos, OLD.log_index)) THEN
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

-- Renewals and validation data are written once as well.
-- +goose StatementBegin
CREATE FUNCTION written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is written once: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'written_once';
END $$;
-- +goose StatementEnd
CREATE TRIGGER evidence_renewal_written_once BEFORE UPDATE OR DELETE ON evidence_renewal
    FOR EACH ROW EXECUTE FUNCTION written_once();
CREATE TRIGGER evidence_batch_renewal_written_once BEFORE UPDATE OR DELETE ON evidence_batch_renewal
    FOR EACH ROW EXECUTE FUNCTION written_once();
CREATE TRIGGER evidence_validation_written_once BEFORE UPDATE OR DELETE ON evidence_validation
    FOR EACH ROW EXECUTE FUNCTION written_once();
