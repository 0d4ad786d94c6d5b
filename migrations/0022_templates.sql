-- +goose Up

-- Content that many messages have in common is stored once: a document that is
-- shared is never bound; each message gets a row of its own that names the same
-- object and holds the same wrapped key. Purging takes the key from the
-- message's row; the object goes with the last row that has one. keep_until is
-- how long a document that no message took is kept; null: a day.
ALTER TABLE document ADD COLUMN shared     boolean NOT NULL DEFAULT false;
ALTER TABLE document ADD COLUMN lent       boolean NOT NULL DEFAULT false; -- made from a shared one
ALTER TABLE document ADD COLUMN keep_until timestamptz;
ALTER TABLE document ADD CONSTRAINT document_shared_unbound CHECK (NOT shared OR message_id IS NULL AND NOT lent AND inline IS NULL);
ALTER TABLE document DROP CONSTRAINT document_object_unique;
CREATE UNIQUE INDEX document_object_unique ON document (object) WHERE NOT lent;
CREATE INDEX document_lent_object ON document (object) WHERE lent;

-- A text that a sender uses again and again. A row only names it: what it says
-- is in its versions. Archived templates are not offered, and never deleted:
-- what was sent from them can be looked up.
CREATE TABLE template (
    id          uuid        PRIMARY KEY,
    account_id  uuid        NOT NULL REFERENCES account (id),
    name        text        NOT NULL,
    language    text        NOT NULL,            -- of the newest version
    version     integer     NOT NULL,            -- the newest
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    archived_at timestamptz,
    CONSTRAINT template_name_bounded CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT template_language_known CHECK (language IN ('nl', 'fr', 'de', 'en')),
    CONSTRAINT template_version_bounded CHECK (version BETWEEN 1 AND 10000)
);
CREATE INDEX template_by_account ON template (account_id, id DESC);
CREATE UNIQUE INDEX template_name_unique ON template (account_id, lower(name)) WHERE archived_at IS NULL;

-- One version of a template: subject, body, language and policy, encrypted as
-- message text is. Written once.
CREATE TABLE template_version (
    template_id uuid        NOT NULL REFERENCES template (id) DEFERRABLE INITIALLY DEFERRED,
    version     integer     NOT NULL,
    object      text        NOT NULL,            -- name the ciphertext is bound to
    sealed      bytea       NOT NULL,
    key_id      text        NOT NULL,
    wrapped_key bytea       NOT NULL,
    size        bigint      NOT NULL,
    sha256      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    created_by  text        NOT NULL,            -- subject of the actor
    PRIMARY KEY (template_id, version),
    CONSTRAINT template_version_positive CHECK (version > 0),
    CONSTRAINT template_version_sha256_length CHECK (octet_length(sha256) = 32)
);
-- +goose StatementBegin
CREATE FUNCTION template_version_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'template %: a version is written once', OLD.template_id
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'template_version_written_once';
END $$;
-- +goose StatementEnd
CREATE TRIGGER template_version_written_once BEFORE UPDATE ON template_version
    FOR EACH ROW EXECUTE FUNCTION template_version_written_once();

-- Somebody a sender writes to, as the sender described them (R10); used for
-- nothing but what that sender sends (R19). Everything about the person is
-- encrypted under a key of the row. terms are truncated keyed digests of what
-- names and addresses begin with, different in each account: whoever has only
-- the database can see that two entries begin alike, and not how.
CREATE TABLE addressee (
    id          uuid        PRIMARY KEY,
    account_id  uuid        NOT NULL REFERENCES account (id),
    own_key     bytea,                           -- keyed digest of the sender's own key for them
    terms       bigint[]    NOT NULL,
    sealed      bytea       NOT NULL,
    key_id      text        NOT NULL,
    wrapped_key bytea       NOT NULL,
    size        bigint      NOT NULL,
    sha256      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    CONSTRAINT addressee_own_key_length CHECK (own_key IS NULL OR octet_length(own_key) = 32),
    CONSTRAINT addressee_terms_bounded CHECK (cardinality(terms) <= 200),
    CONSTRAINT addressee_sha256_length CHECK (octet_length(sha256) = 32)
);
CREATE INDEX addressee_by_account ON addressee (account_id, id DESC);
CREATE UNIQUE INDEX addressee_own_key_unique ON addressee (account_id, own_key) WHERE own_key IS NOT NULL;
CREATE INDEX addressee_terms ON addressee USING gin (terms);

-- A row is one batch of an account: a list of recipients that was uploaded, each
-- of whom gets a message of a template; or the deliveries of one call of the
-- API. state says who acts next: the sender (mapping, checked, paused), we
-- (checking, running, stopping), nobody (refused, done, cancelled). checked and
-- cursor count rows that are behind us; both only grow within a round, which
-- begins when columns are mapped. The list is content: encrypted, and its key is
-- forgotten when the batch ends.
CREATE TABLE bulk (
    id           uuid        PRIMARY KEY,
    account_id   uuid        NOT NULL REFERENCES account (id),
    test         boolean     NOT NULL,
    source       text        NOT NULL,
    once_key     text,                           -- of an API call
    name         text        NOT NULL,           -- of the file; of the key that called
    state        text        NOT NULL,
    cause        text        NOT NULL DEFAULT '', -- why it was refused or paused: a code
    object       text,
    key_id       text,
    wrapped_key  bytea,
    size         bigint      NOT NULL DEFAULT 0,
    sha256       bytea,
    encoding     text        NOT NULL DEFAULT '',
    separator    text        NOT NULL DEFAULT '',
    setup        jsonb       NOT NULL DEFAULT '{}', -- template, mapping, documents, reference
    round        integer     NOT NULL DEFAULT 0,
    rows         integer     NOT NULL DEFAULT 0,
    faulty       integer     NOT NULL DEFAULT 0,
    warned       integer     NOT NULL DEFAULT 0,
    checked      integer     NOT NULL DEFAULT 0,
    cursor       integer     NOT NULL DEFAULT 0, -- rows that were tried
    sent         integer     NOT NULL DEFAULT 0,
    failed       integer     NOT NULL DEFAULT 0,
    confirmed    jsonb,                          -- who, as whom, and the digest of what they saw
    online       bigint,                         -- cents, when everybody collects online; null: no prices are known
    posted       bigint,                         -- cents, when every letter that can be is posted
    created_by   text        NOT NULL,           -- subject of the actor
    mapped_by    text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    CONSTRAINT bulk_source_known CHECK (source IN ('csv', 'api')),
    CONSTRAINT bulk_state_known CHECK (state IN ('mapping', 'checking', 'checked', 'running', 'paused', 'stopping', 'refused', 'done', 'cancelled')),
    CONSTRAINT bulk_rows_bounded CHECK (rows BETWEEN 0 AND 100000 AND size BETWEEN 0 AND 67108864),
    CONSTRAINT bulk_counts CHECK (faulty BETWEEN 0 AND rows AND sent >= 0 AND failed >= 0 AND sent + failed <= rows AND cursor <= rows AND checked <= rows),
    CONSTRAINT bulk_ended CHECK ((state IN ('refused', 'done', 'cancelled')) = (ended_at IS NOT NULL)),
    CONSTRAINT bulk_list_forgotten CHECK (ended_at IS NULL OR wrapped_key IS NULL),
    CONSTRAINT bulk_confirmed_to_run CHECK (source = 'api' OR state NOT IN ('running', 'paused', 'stopping', 'done') OR confirmed IS NOT NULL)
);
CREATE INDEX bulk_by_account ON bulk (account_id, test, id DESC);
CREATE UNIQUE INDEX bulk_once ON bulk (account_id, once_key) WHERE once_key IS NOT NULL;
CREATE INDEX bulk_open ON bulk (changed_at) WHERE ended_at IS NULL;
CREATE INDEX bulk_over ON bulk (ended_at) WHERE ended_at IS NOT NULL;

-- One row of a batch, from 1, and what became of it. Holds no content: line is
-- where it stands in the file, faults are codes and the columns they are about.
CREATE TABLE bulk_row (
    bulk_id    uuid    NOT NULL REFERENCES bulk (id),
    position   integer NOT NULL,
    line       integer NOT NULL,
    state      text    NOT NULL,
    who        bytea,                            -- keyed digest of the recipient, to find the same one twice
    same_as    integer,                          -- line of the same recipient before
    faults     jsonb,
    message_id uuid,                             -- no reference: it outlives the message
    number     text,
    PRIMARY KEY (bulk_id, position),
    CONSTRAINT bulk_row_state_known CHECK (state IN ('ready', 'faulty', 'sent', 'failed')),
    CONSTRAINT bulk_row_sent_has_message CHECK ((state = 'sent') = (message_id IS NOT NULL AND number IS NOT NULL)),
    CONSTRAINT bulk_row_fault_is_said CHECK ((state IN ('faulty', 'failed')) = (faults IS NOT NULL))
);
