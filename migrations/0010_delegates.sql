-- +goose Up

-- Who receives for a recipient. Times are UTC and come from the application's
-- clock.

-- A row is somebody who may receive one delivery for its recipient: whom the
-- identified recipient named for this item (mandate_id null; one at a time), or
-- an account holder who acts under a mandate of the recipient, a company or a
-- person (one row for each mandate, which is looked at again whenever somebody
-- acts). It has a link of its own, and codes go to its own addresses. A row only
-- ever ends, by withdrawn_at, and goes with its delivery (R21).
CREATE TABLE delegate (
    id              uuid        PRIMARY KEY,
    delivery_id     uuid        NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    given           text        NOT NULL,
    family          text        NOT NULL,
    email           text        NOT NULL,
    mobile          text        NOT NULL,
    language        text        NOT NULL,
    birth_date      text        NOT NULL DEFAULT '',
    national_digest text        NOT NULL DEFAULT '', -- of the account holder's identification
    person_id       uuid,                            -- account holder; null when named for this item
    mandate_id      uuid,
    link_hash       bytea       NOT NULL,            -- SHA-256 of the token of its link
    link_nonce      bytea       NOT NULL,            -- the token is a keyed digest of this
    named_at        timestamptz NOT NULL,
    record          text        NOT NULL,            -- identification of who named, or of the account holder
    withdrawn_at    timestamptz,
    CONSTRAINT delegate_link_unique UNIQUE (link_hash),
    CONSTRAINT delegate_link_hash CHECK (octet_length(link_hash) = 32),
    CONSTRAINT delegate_named CHECK (given <> '' AND family <> '' AND record <> ''),
    CONSTRAINT delegate_under_mandate CHECK ((mandate_id IS NULL) = (person_id IS NULL)),
    CONSTRAINT delegate_withdrawn_after_named CHECK (withdrawn_at >= named_at)
);
CREATE UNIQUE INDEX delegate_one_named ON delegate (delivery_id) WHERE withdrawn_at IS NULL AND mandate_id IS NULL;
CREATE UNIQUE INDEX delegate_one_each ON delegate (delivery_id, mandate_id) WHERE withdrawn_at IS NULL AND mandate_id IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION delegate_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.withdrawn_at IS NOT NULL OR to_jsonb(NEW) - 'withdrawn_at' IS DISTINCT FROM to_jsonb(OLD) - 'withdrawn_at' THEN
        RAISE EXCEPTION 'delegate % only ever ends', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'delegate_only_ends';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER delegate_only_ends BEFORE UPDATE ON delegate FOR EACH ROW EXECUTE FUNCTION delegate_only_ends();

-- A session belongs to the link that it began with: the recipient's own, or that
-- of a delegate.
ALTER TABLE collect_session ADD COLUMN delegate_id uuid REFERENCES delegate (id) ON DELETE CASCADE;
CREATE INDEX collect_session_delegate ON collect_session (delegate_id) WHERE delegate_id IS NOT NULL;

-- Who decided for the recipient, with how that one was identified and the
-- mandate: evidence.Party. Content opens to somebody identified, whoever it is.
ALTER TABLE delivery ADD COLUMN received_by jsonb;
ALTER TABLE delivery DROP CONSTRAINT delivery_content_only_identified;
ALTER TABLE delivery ADD CONSTRAINT delivery_content_only_identified
    CHECK (state NOT IN ('accepted', 'consigned', 'handed_over') OR identified IS NOT NULL OR received_by -> 'proof' IS NOT NULL);

-- The recipient is told whom they named.
ALTER TABLE notice DROP CONSTRAINT notice_kind_known;
ALTER TABLE notice ADD CONSTRAINT notice_kind_known CHECK (kind IN (
    'announcement', 'reminder', 'code', 'accepted', 'rejected', 'cancelled', 'goes_by_post', 'receipt', 'delegate_named', 'delegate_confirmed',
    'contact_code', 'account_exists', 'password_reset', 'invitation', 'application_received', 'application_approved',
    'application_refused', 'account_suspended', 'account_resumed', 'account_closed', 'recovery_started', 'recovery_done',
    'sign_in_changed', 'contact_changed', 'mandate_granted', 'mandate_withdrawn',
    'application_form', 'mandate_given', 'mandate_ended'));

-- Inboxes look for what is addressed to an address.
CREATE INDEX delivery_to_email ON delivery (lower(recipient ->> 'email'), id DESC);
CREATE INDEX delivery_to_mobile ON delivery ((recipient ->> 'mobile'), id DESC);
CREATE INDEX delivery_to_company ON delivery ((recipient -> 'organisation' ->> 'enterprise_number'), id DESC)
    WHERE recipient -> 'organisation' ->> 'enterprise_number' IS NOT NULL;
