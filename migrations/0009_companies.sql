-- +goose Up

-- Companies: applications to open an account, operators who decide on them, and
-- mandates that are being prepared. Times are UTC and come from the
-- application's clock.

-- A suspended account reads and does nothing else. Who did it and why stands in
-- operator_act.
ALTER TABLE account ADD COLUMN suspended_at timestamptz;

-- A row is a person who may decide on applications and suspend accounts. Only the
-- command line adds and removes one; granted_by says who did.
CREATE TABLE operator (
    person_id  uuid        PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
    since      timestamptz NOT NULL,
    granted_by text        NOT NULL,
    CONSTRAINT operator_granted_by CHECK (granted_by <> '')
);

-- A row is an identified person's request for a company account. It waits for the
-- signed form (filed), then for one operator (signed: a qualified signature under
-- our own form) or two (checking), and ends approved or refused; an operator may
-- send it back to filed. form_id is the form that is being decided on, confirmed_by
-- the operator who confirmed it first: whoever decides on a form without a
-- qualified signature is a second one, and nobody decides on the own application.
-- What is not approved goes with the applicant.
CREATE TABLE application (
    id                uuid        PRIMARY KEY,
    person_id         uuid        REFERENCES person (id) ON DELETE SET NULL, -- the applicant
    record            uuid        NOT NULL,       -- identification the applicant was bound to
    given             text        NOT NULL,       -- as proven there
    family            text        NOT NULL,
    level             text        NOT NULL,
    language          text        NOT NULL,
    capacity          text        NOT NULL,       -- of the applicant in the company
    name              text        NOT NULL,       -- legal name
    country           text        NOT NULL,
    enterprise_number text,
    vat_number        text,
    email             text        NOT NULL,       -- of the company
    terms             text        NOT NULL,       -- version of the terms agreed to
    state             text        NOT NULL,
    blank             bytea       NOT NULL,       -- the form as we made it; sealed
    form_id           uuid,
    confirmed_by      uuid,
    confirmed_at      timestamptz,
    decided_by        uuid,
    decided_at        timestamptz,
    reason            text        NOT NULL DEFAULT '', -- of a refusal, or why it was sent back; the applicant reads it
    account_id        uuid        REFERENCES account (id),
    filed_at          timestamptz NOT NULL,
    CONSTRAINT application_state CHECK (state IN ('filed', 'signed', 'checking', 'approved', 'refused')),
    CONSTRAINT application_level CHECK (level IN ('substantial', 'high')),
    CONSTRAINT application_language CHECK (language IN ('nl', 'fr', 'de', 'en')),
    CONSTRAINT application_country CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT application_enterprise_number CHECK (enterprise_number ~ '^[0-9]{10}$'),
    CONSTRAINT application_known_company CHECK (name <> '' AND (enterprise_number IS NOT NULL OR country <> 'BE' AND vat_number IS NOT NULL)),
    CONSTRAINT application_form CHECK (form_id IS NOT NULL OR state IN ('filed', 'refused')),
    CONSTRAINT application_decided CHECK ((state IN ('approved', 'refused')) = (decided_by IS NOT NULL) AND (decided_by IS NULL) = (decided_at IS NULL)),
    CONSTRAINT application_confirmed CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL)),
    CONSTRAINT application_not_own CHECK (person_id NOT IN (confirmed_by, decided_by)),
    CONSTRAINT application_two_operators CHECK (confirmed_by <> decided_by),
    CONSTRAINT application_refused_with_reason CHECK (state <> 'refused' OR reason <> ''),
    CONSTRAINT application_account CHECK ((state = 'approved') = (account_id IS NOT NULL))
);
CREATE INDEX application_person ON application (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX application_open ON application (state, id);
CREATE INDEX application_account_index ON application (account_id) WHERE account_id IS NOT NULL;

-- A row is a form that an applicant uploaded, and what was found in it; nobody
-- changes it. qualified: a qualified signature stands under the very form we made,
-- and signer_… is what its certificate says.
CREATE TABLE application_form (
    id             uuid        PRIMARY KEY,
    application_id uuid        NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    sealed         bytea       NOT NULL,
    sha256         bytea       NOT NULL,
    size           integer     NOT NULL,
    qualified      boolean     NOT NULL,
    signer_given   text        NOT NULL DEFAULT '',
    signer_family  text        NOT NULL DEFAULT '',
    signer_organisation text   NOT NULL DEFAULT '',
    signer_issuer  text        NOT NULL DEFAULT '',
    signed_at      timestamptz,
    uploaded_at    timestamptz NOT NULL,
    CONSTRAINT application_form_sha256 CHECK (octet_length(sha256) = 32),
    CONSTRAINT application_form_size CHECK (size BETWEEN 1 AND 5242880),
    CONSTRAINT application_form_signer CHECK (NOT qualified OR signer_family <> '')
);
CREATE INDEX application_form_application ON application_form (application_id, uploaded_at);

-- The two-operators rule needs to know the form, so a trigger holds it.
-- +goose StatementBegin
CREATE FUNCTION application_four_eyes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'approved' AND NEW.confirmed_by IS NULL
       AND NOT EXISTS (SELECT FROM application_form f WHERE f.id = NEW.form_id AND f.application_id = NEW.id AND f.qualified) THEN
        RAISE EXCEPTION 'application % needs two operators', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'application_four_eyes';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER application_four_eyes BEFORE INSERT OR UPDATE OF state ON application FOR EACH ROW EXECUTE FUNCTION application_four_eyes();

-- A row is one act of an operator, or the making and unmaking of one. It is never
-- changed and never removed; it names people by id only.
CREATE TABLE operator_act (
    id             uuid        PRIMARY KEY, -- UUIDv7: ordered by time
    at             timestamptz NOT NULL,
    operator       text        NOT NULL,    -- person id, or who ran the command line
    act            text        NOT NULL,
    application_id uuid,
    account_id     uuid,
    person_id      uuid,
    reason         text        NOT NULL DEFAULT '',
    ip             text        NOT NULL DEFAULT '',
    user_agent     text        NOT NULL DEFAULT '',
    CONSTRAINT operator_act_act CHECK (act ~ '^[a-z_]{1,40}$'),
    CONSTRAINT operator_act_operator CHECK (operator <> ''),
    CONSTRAINT operator_act_about CHECK (num_nonnulls(application_id, account_id, person_id) > 0)
);
CREATE INDEX operator_act_application ON operator_act (application_id, id) WHERE application_id IS NOT NULL;
CREATE INDEX operator_act_account ON operator_act (account_id, id) WHERE account_id IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION operator_act_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'operator_act is append-only'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'operator_act_stays';
END $$;
-- +goose StatementEnd
CREATE TRIGGER operator_act_stays BEFORE UPDATE OR DELETE ON operator_act FOR EACH ROW EXECUTE FUNCTION operator_act_stays();
CREATE TRIGGER operator_act_never_emptied BEFORE TRUNCATE ON operator_act FOR EACH STATEMENT EXECUTE FUNCTION operator_act_stays();

-- A row is a mandate whose text somebody is reading and about to sign, for an hour
-- at most. Its id becomes the mandate's; granting deletes it.
CREATE TABLE mandate_draft (
    id          uuid        PRIMARY KEY,
    account_id  uuid        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    granter_id  uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    grantee_id  uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    powers      text[]      NOT NULL,
    classes     text[]      NOT NULL,
    valid_from  timestamptz NOT NULL,
    valid_until timestamptz,
    text        text        NOT NULL,        -- as the granter reads and signs it
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    CONSTRAINT mandate_draft_text CHECK (octet_length(text) BETWEEN 1 AND 7500),
    CONSTRAINT mandate_draft_others CHECK (granter_id <> grantee_id),
    CONSTRAINT mandate_draft_powers CHECK (cardinality(powers) > 0 AND powers <@ ARRAY['send', 'receive', 'administer']),
    CONSTRAINT mandate_draft_short_lived CHECK (expires_at > created_at AND expires_at <= created_at + interval '1 hour')
);
CREATE INDEX mandate_draft_age ON mandate_draft (expires_at);
