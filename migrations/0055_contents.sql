-- +goose Up

-- The contents of a message may go before what proves it: that they did is written
-- once, never under a hold, and stays when the message itself is removed.
ALTER TABLE message ADD COLUMN contents_gone_at timestamptz;
ALTER TABLE message ADD CONSTRAINT message_contents_gone_after CHECK (contents_gone_at >= submitted_at);
CREATE INDEX message_contents_due ON message (submitted_at) WHERE contents_gone_at IS NULL AND purged_at IS NULL AND NOT held AND NOT test;
CREATE INDEX message_held ON message (id) WHERE held;
ALTER TABLE erasure ADD COLUMN contents_at timestamptz;
ALTER TABLE erasure ADD CONSTRAINT erasure_contents_first CHECK (contents_at <= erased_at);

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION message_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - '{retain_until,held,purged_at,contents_gone_at}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{retain_until,held,purged_at,contents_gone_at}'::text[]
            OR OLD.purged_at IS NOT NULL AND NEW.purged_at IS DISTINCT FROM OLD.purged_at
            OR OLD.contents_gone_at IS NOT NULL AND NEW.contents_gone_at IS DISTINCT FROM OLD.contents_gone_at THEN
        RAISE EXCEPTION 'message %: written once', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'message_written_once';
    END IF;
    IF NEW.held AND NEW.contents_gone_at IS DISTINCT FROM OLD.contents_gone_at THEN
        RAISE EXCEPTION 'message %: contents under a hold', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'message_contents_not_held';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- A version of a template is written once; only which key wraps its data key may
-- change, when a key-encryption key is replaced.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION template_version_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - '{key_id,wrapped_key}'::text[] IS NOT DISTINCT FROM to_jsonb(OLD) - '{key_id,wrapped_key}'::text[]
            AND NEW.key_id <> OLD.key_id AND NEW.wrapped_key <> OLD.wrapped_key THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'template %: a version is written once', OLD.template_id
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'template_version_written_once';
END $$;
-- +goose StatementEnd
