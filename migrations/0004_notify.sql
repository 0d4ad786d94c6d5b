-- +goose Up

-- One thing to tell one person on one channel. Inserted by whoever made it
-- necessary, in that transaction; afterwards only the worker that sends it
-- changes tries, not_before, closed_at and outcome. It holds no secret: links
-- and codes are asked for when it is rendered. The address is personal data,
-- used for this delivery only, and goes with the row (R19, R21). delivery_id has
-- no foreign key, so that deliveries may be partitioned and removed on their own.
CREATE TABLE notice (
    id          uuid        PRIMARY KEY,
    account_id  uuid        NOT NULL,              -- the sender's account, also when a recipient is told
    delivery_id uuid        NOT NULL,
    kind        text        NOT NULL,
    channel     text        NOT NULL,
    address     text        NOT NULL,              -- e-mail address, or number in E.164
    language    text        NOT NULL,
    ref         text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,              -- clock of the account
    tries       integer     NOT NULL DEFAULT 0,    -- attempts registered so far
    not_before  timestamptz NOT NULL,              -- wall clock: nobody starts an attempt before; a running one holds it ahead
    closed_at   timestamptz,
    outcome     text,                              -- of the last attempt, or 'stale': closed unsent
    CONSTRAINT notice_kind_known CHECK (kind IN ('announcement', 'reminder', 'code', 'accepted', 'rejected', 'cancelled', 'goes_by_post', 'receipt')),
    CONSTRAINT notice_channel_known CHECK (channel IN ('email', 'sms')),
    CONSTRAINT notice_language_known CHECK (language IN ('nl', 'fr', 'de', 'en')),
    CONSTRAINT notice_address_fits_channel CHECK (
        octet_length(address) <= 320 AND address !~ '[[:cntrl:]]' AND
        CASE channel WHEN 'sms' THEN address ~ '^\+[1-9][0-9]{6,14}$' ELSE address ~ '^[^@].*@.*[^@]$' END),
    CONSTRAINT notice_ref_bounded CHECK (octet_length(ref) <= 200),
    CONSTRAINT notice_tries_bounded CHECK (tries BETWEEN 0 AND 100),
    CONSTRAINT notice_closed_has_outcome CHECK ((closed_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT notice_outcome_known CHECK (outcome IN ('sent', 'temporary', 'permanent', 'technical', 'stale')),
    CONSTRAINT notice_sent_was_tried CHECK (outcome IS NULL OR outcome = 'stale' OR tries > 0)
);
CREATE INDEX notice_by_delivery ON notice (delivery_id, id);
CREATE INDEX notice_by_account ON notice (account_id, id);
CREATE INDEX notice_open ON notice (not_before) WHERE closed_at IS NULL;

-- One try of a notice, registered and committed before anything is dialled. A
-- row without ended_at is running, or was left by a process that died: then it
-- is in doubt. told_at says that the delivery has its event; from then on the
-- row never changes. Times are of the account's clock.
CREATE TABLE notify_attempt (
    notice_id  uuid        NOT NULL REFERENCES notice (id) ON DELETE CASCADE,
    number     integer     NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    outcome    text,
    reply      text        NOT NULL DEFAULT '',    -- last reply of the peer
    remote     text        NOT NULL DEFAULT '',    -- host and port that answered
    tls        text        NOT NULL DEFAULT '',
    peer_id    text        NOT NULL DEFAULT '',    -- the peer's own id of it
    dsn        boolean     NOT NULL DEFAULT false, -- delivery reports were asked for (RFC 3461)
    in_doubt   boolean     NOT NULL DEFAULT false, -- perhaps it was sent
    digest     text        NOT NULL DEFAULT '',    -- SHA-256 of the octets handed over
    retry_at   timestamptz,
    told_at    timestamptz,
    PRIMARY KEY (notice_id, number),
    CONSTRAINT notify_attempt_number_positive CHECK (number > 0),
    CONSTRAINT notify_attempt_ended_has_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT notify_attempt_outcome_known CHECK (outcome IN ('sent', 'temporary', 'permanent', 'technical')),
    CONSTRAINT notify_attempt_ends_after_start CHECK (ended_at >= started_at),
    CONSTRAINT notify_attempt_doubt_is_technical CHECK (NOT in_doubt OR outcome = 'technical'),
    CONSTRAINT notify_attempt_sent_is_final CHECK (retry_at IS NULL OR outcome IN ('temporary', 'technical')),
    CONSTRAINT notify_attempt_told_has_ended CHECK (told_at IS NULL OR ended_at IS NOT NULL),
    CONSTRAINT notify_attempt_reply_bounded CHECK (octet_length(reply) <= 500),
    CONSTRAINT notify_attempt_digest_is_sha256 CHECK (digest ~ '^([0-9a-f]{64})?$')
);
CREATE UNIQUE INDEX notify_attempt_one_running ON notify_attempt (notice_id) WHERE told_at IS NULL;

-- What is over stays as it was; it may only be removed.
-- +goose StatementBegin
CREATE FUNCTION notify_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: a finished row never changes', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
END $$;
-- +goose StatementEnd
CREATE TRIGGER notice_closed_is_final BEFORE UPDATE ON notice
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION notify_is_final();
CREATE TRIGGER notify_attempt_told_is_final BEFORE UPDATE ON notify_attempt
    FOR EACH ROW WHEN (OLD.told_at IS NOT NULL) EXECUTE FUNCTION notify_is_final();
