-- +goose Up

-- A row is a message that somebody of an account is still writing, that waits for
-- a colleague to release it, or that is to be submitted at a later moment. What was
-- typed, who wrote it, why it was given back and in whose name it goes stand in
-- sealed, under a key of the row's own. It is changed by compare-and-set on
-- version, and deleted once it was submitted: that it was stands in idempotency,
-- under 'draft ' and its id, until then and after.
CREATE TABLE draft (
    id          uuid        PRIMARY KEY,
    account_id  uuid        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    test        boolean     NOT NULL,
    state       text        NOT NULL,
    version     integer     NOT NULL,               -- from 1, one more at each change
    author_kind text        NOT NULL,               -- of who wrote what stands there now
    author_id   uuid        NOT NULL,               -- person or key
    sealed      bytea       NOT NULL,
    object      text        NOT NULL,               -- name the ciphertext is bound to
    key_id      text        NOT NULL,
    wrapped_key bytea       NOT NULL,
    size        bigint      NOT NULL,               -- of what is sealed
    sha256      bytea       NOT NULL,               -- of what is sealed, which begins with a random salt
    documents   uuid[]      NOT NULL,               -- named in it; they are not swept while they are
    send_at     timestamptz,                        -- when it is to be submitted; NULL: at once, when somebody says so
    claimed_at  timestamptz,                        -- when somebody last began to submit it
    handed_at   timestamptz,                        -- since when it waits for release
    fault       text        NOT NULL DEFAULT '',    -- why it came back: a key of the faces' words
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    CONSTRAINT draft_state_known CHECK (state IN ('open', 'waiting', 'scheduled', 'sending')),
    CONSTRAINT draft_author_kind_known CHECK (author_kind IN ('person', 'key')),
    CONSTRAINT draft_version_positive CHECK (version > 0),
    CONSTRAINT draft_sha256_length CHECK (octet_length(sha256) = 32),
    CONSTRAINT draft_size_bounded CHECK (size BETWEEN 1 AND 8388608),
    CONSTRAINT draft_documents_bounded CHECK (cardinality(documents) <= 100),
    CONSTRAINT draft_scheduled_has_time CHECK (state <> 'scheduled' OR send_at IS NOT NULL),
    CONSTRAINT draft_sending_was_claimed CHECK ((state = 'sending') = (claimed_at IS NOT NULL)),
    CONSTRAINT draft_waiting_was_handed CHECK ((state = 'waiting') = (handed_at IS NOT NULL)),
    CONSTRAINT draft_fault_shape CHECK (fault ~ '^[a-z_]{0,40}$')
);
CREATE INDEX draft_by_account ON draft (account_id, id DESC);
CREATE INDEX draft_waiting ON draft (account_id, id DESC) WHERE state = 'waiting';
CREATE INDEX draft_due ON draft (send_at) WHERE state = 'scheduled' AND NOT test;
CREATE INDEX draft_due_test ON draft (account_id, send_at) WHERE state = 'scheduled' AND test;
CREATE INDEX draft_sending ON draft (claimed_at) WHERE state = 'sending';
CREATE INDEX draft_age ON draft (changed_at) WHERE state IN ('open', 'waiting');
CREATE INDEX draft_documents ON draft USING gin (documents);

-- A row is how an account releases what its people write: whether every live
-- message needs a second person, and when those who may release were last told
-- that something waits. Without a row: no, and never.
CREATE TABLE release_rule (
    account_id    uuid        PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    second_person boolean     NOT NULL DEFAULT false,
    told_at       timestamptz
);
