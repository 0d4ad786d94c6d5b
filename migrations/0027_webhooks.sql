-- +goose Up

-- Telling programs: where events are pushed to, what was tried, the feed after a
-- removal, and rehearsed deliveries. Times are UTC and come from the
-- application's clock.

-- A row is an address to which the events of an account are pushed. It gets
-- nothing before it has proven that it wants them (proven_at), and nothing while
-- disabled. cursor is how far the feed was read for it; every event before it has
-- a row in webhook_post or was not asked for.
CREATE TABLE webhook (
    id            uuid        PRIMARY KEY,
    account_id    uuid        NOT NULL REFERENCES account (id),
    test          boolean     NOT NULL,             -- of test messages, or of live ones
    url           text        NOT NULL,
    description   text        NOT NULL,
    types         text[]      NOT NULL,             -- as asked for; presets are resolved when the feed is read
    state         text        NOT NULL,
    reason        text        NOT NULL DEFAULT '',  -- why it is disabled
    challenge     text        NOT NULL,             -- what the address has to repeat
    attempts      integer     NOT NULL DEFAULT 0,   -- number of the newest one
    cursor_tx     xid8        NOT NULL,
    cursor_id     uuid        NOT NULL,
    created_at    timestamptz NOT NULL,
    proven_at     timestamptz,
    failing_since timestamptz,                      -- of the first failure after the last success
    CONSTRAINT webhook_state_known CHECK (state IN ('pending', 'enabled', 'disabled')),
    CONSTRAINT webhook_reason_known CHECK (reason IN ('', 'asked', 'gone', 'failing')),
    CONSTRAINT webhook_reason_when_disabled CHECK ((state = 'disabled') = (reason <> '')),
    CONSTRAINT webhook_enabled_is_proven CHECK (state <> 'enabled' OR proven_at IS NOT NULL),
    CONSTRAINT webhook_url_bounded CHECK (char_length(url) BETWEEN 8 AND 500),
    CONSTRAINT webhook_description_bounded CHECK (char_length(description) <= 200),
    CONSTRAINT webhook_types_some CHECK (cardinality(types) BETWEEN 1 AND 50)
);
CREATE INDEX webhook_by_account ON webhook (account_id, created_at);
CREATE INDEX webhook_enabled ON webhook (id) WHERE state = 'enabled';

-- A row is the keys with which pushes are signed, sealed like small content. The
-- newest has no end; one that was replaced signs too until it ends.
CREATE TABLE webhook_key (
    id          uuid        PRIMARY KEY,
    webhook_id  uuid        NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    public      text        NOT NULL,               -- of the Ed25519 pair, whpk_…
    sealed      bytea       NOT NULL,
    object      text        NOT NULL,
    key_id      text        NOT NULL,
    wrapped_key bytea       NOT NULL,
    size        bigint      NOT NULL,
    sha256      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    ends_at     timestamptz,
    CONSTRAINT webhook_key_public_form CHECK (public ~ '^whpk_[A-Za-z0-9+/]{43}=$')
);
CREATE UNIQUE INDEX webhook_key_one_current ON webhook_key (webhook_id) WHERE ends_at IS NULL;
CREATE INDEX webhook_key_by_webhook ON webhook_key (webhook_id);

-- A row is one event for one address: what is sent, the same every time. Ids and
-- states only. next_at is set ahead before it is sent, so that a crash means a
-- repetition and never a loss; NULL when it is over. It goes after 90 days.
CREATE TABLE webhook_post (
    webhook_id uuid        NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    event_id   uuid        NOT NULL,
    type       text        NOT NULL,
    body       text        NOT NULL,
    tries      integer     NOT NULL DEFAULT 0,
    outcome    text        NOT NULL DEFAULT '',     -- '': open
    created_at timestamptz NOT NULL,
    give_up_at timestamptz NOT NULL,
    next_at    timestamptz,
    held_until timestamptz,                         -- somebody is sending it
    PRIMARY KEY (webhook_id, event_id),
    CONSTRAINT webhook_post_outcome_known CHECK (outcome IN ('', 'delivered', 'failed')),
    CONSTRAINT webhook_post_open_is_due CHECK ((outcome = '') = (next_at IS NOT NULL)),
    CONSTRAINT webhook_post_body_bounded CHECK (octet_length(body) <= 65536)
);
CREATE INDEX webhook_post_due ON webhook_post (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_post_open ON webhook_post (webhook_id) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_post_failed ON webhook_post (webhook_id) WHERE outcome = 'failed';
CREATE INDEX webhook_post_held ON webhook_post (webhook_id) WHERE held_until IS NOT NULL;
CREATE INDEX webhook_post_age ON webhook_post (created_at);

-- A row is one try of a push and how it ended. It never changes, and goes after
-- 90 days. answer is cleaned of what looks like a secret or an address.
CREATE TABLE webhook_attempt (
    webhook_id uuid        NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    number     integer     NOT NULL,                -- from 1 within the webhook
    event_id   uuid        NOT NULL,                -- of a ping: made for it
    type       text        NOT NULL,
    at         timestamptz NOT NULL,
    took_ms    integer     NOT NULL,
    status     integer     NOT NULL,                -- of the answer; 0: there was none
    fault      text        NOT NULL DEFAULT '',     -- why it did not succeed
    answer     text        NOT NULL DEFAULT '',
    retry_at   timestamptz,
    PRIMARY KEY (webhook_id, number),
    CONSTRAINT webhook_attempt_answer_bounded CHECK (octet_length(answer) <= 1024),
    CONSTRAINT webhook_attempt_took_some CHECK (took_ms >= 0)
);
CREATE INDEX webhook_attempt_age ON webhook_attempt (at);

-- A row is what the feed still says of an event whose message was removed: that
-- there was one, of which kind and when. No personal data. It goes when the event
-- has been in the feed for 90 days.
CREATE TABLE event_rest (
    id          uuid        PRIMARY KEY,
    account_id  uuid        NOT NULL REFERENCES account (id),
    test        boolean     NOT NULL,
    delivery_id uuid        NOT NULL,
    message_id  uuid        NOT NULL,
    seq         integer     NOT NULL,
    name        text        NOT NULL,
    at          timestamptz NOT NULL,
    hash        bytea       NOT NULL,
    tx          xid8        NOT NULL,               -- of the event
    state       text        NOT NULL,               -- in which the delivery ended
    keep_until  timestamptz NOT NULL,
    CONSTRAINT event_rest_hash_length CHECK (octet_length(hash) = 32)
);
CREATE INDEX event_rest_feed ON event_rest (account_id, tx, id);
CREATE INDEX event_rest_age ON event_rest (keep_until);

-- The key of a message is kept as long as the message, and found by it.
CREATE INDEX idempotency_message ON idempotency (ref) WHERE kind = 'message';

-- What a recipient of the sandbox does next is a deadline of the test clock.
ALTER TABLE deadline DROP CONSTRAINT deadline_kind_known;
ALTER TABLE deadline ADD CONSTRAINT deadline_kind_known CHECK (kind IN ('remind_1', 'remind_2', 'remind_3', 'expire', 'rehearse'));
ALTER TABLE deadline ADD CONSTRAINT deadline_rehearsed_is_test CHECK (kind <> 'rehearse' OR test);

-- One more kind of notice, whatever kinds there are by now.
-- +goose StatementBegin
DO $$
DECLARE
    was text;
BEGIN
    SELECT pg_get_constraintdef(oid) INTO STRICT was FROM pg_constraint
     WHERE conname = 'notice_kind_known' AND conrelid = 'notice'::regclass;
    ALTER TABLE notice DROP CONSTRAINT notice_kind_known;
    EXECUTE 'ALTER TABLE notice ADD CONSTRAINT notice_kind_known ' || replace(was, 'ARRAY[', 'ARRAY[''webhook_disabled''::text, ');
END $$;
-- +goose StatementEnd
