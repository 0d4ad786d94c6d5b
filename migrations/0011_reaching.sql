-- +goose Up

-- Reaching the recipient: what was seen of an attempt, what was reported later,
-- whom not to write to, and the papers of a letter. Times are UTC.

ALTER TABLE notice DROP CONSTRAINT notice_kind_known;
ALTER TABLE notice ADD CONSTRAINT notice_kind_known CHECK (kind IN (
    'announcement', 'reminder', 'code', 'accepted', 'rejected', 'cancelled', 'goes_by_post', 'receipt', 'delegate_named', 'delegate_confirmed',
    'letter_posted', 'paper_asked', 'contact_named', 'contact_proposed', 'online_refused',
    'contact_code', 'account_exists', 'password_reset', 'invitation', 'application_received', 'application_approved',
    'application_refused', 'account_suspended', 'account_resumed', 'account_closed', 'recovery_started', 'recovery_done',
    'sign_in_changed', 'contact_changed', 'mandate_granted', 'mandate_withdrawn',
    'application_form', 'mandate_given', 'mandate_ended'));

-- What others need to judge an attempt: capabilities, TLS, replies. A JSON
-- object without secrets and without content.
ALTER TABLE notify_attempt ADD COLUMN trace jsonb;
ALTER TABLE notify_attempt ADD CONSTRAINT notify_attempt_trace_bounded CHECK (octet_length(trace::text) <= 16384);

-- One thing that the outside said later about an attempt: a delivery report, a
-- complaint, an automatic answer. Told to the delivery in the transaction that
-- inserts it, so the same report counts once; it never changes. It goes with its
-- notice (R21). raw is sealed: it repeats addresses.
CREATE TABLE notify_report (
    source      text        NOT NULL,                -- who reported: "dsn", "arf", "reply", a provider's name
    id          text        NOT NULL,                -- unique within the source
    notice_id   uuid        NOT NULL REFERENCES notice (id) ON DELETE CASCADE,
    number      integer     NOT NULL,                -- of the attempt
    fact        text        NOT NULL,
    rung        integer     NOT NULL,                -- of the ladder of evidence, 0 to 4
    cause       text        NOT NULL DEFAULT '',     -- of a failure
    status      text        NOT NULL DEFAULT '',     -- as reported, RFC 3463 or the provider's
    reply       text        NOT NULL DEFAULT '',     -- as reported
    remote      text        NOT NULL DEFAULT '',     -- who said it to the reporter
    occurred_at timestamptz NOT NULL,                -- as reported; foreign clock
    received_at timestamptz NOT NULL,
    digest      text        NOT NULL DEFAULT '',     -- SHA-256 of the report as received
    raw         bytea,                               -- sealed
    PRIMARY KEY (source, id),
    CONSTRAINT notify_report_source_plain CHECK (source ~ '^[a-z0-9-]{1,32}$'),
    CONSTRAINT notify_report_id_bounded CHECK (octet_length(id) BETWEEN 1 AND 200),
    CONSTRAINT notify_report_fact_known CHECK (fact IN ('relayed', 'delivered', 'delayed', 'failed', 'complained', 'answered')),
    CONSTRAINT notify_report_rung_known CHECK (rung BETWEEN 0 AND 4),
    CONSTRAINT notify_report_failure_has_cause CHECK ((fact = 'failed') = (cause <> '')),
    CONSTRAINT notify_report_words_bounded CHECK (octet_length(reply) <= 500 AND octet_length(remote) <= 500 AND octet_length(status) <= 50),
    CONSTRAINT notify_report_digest_is_sha256 CHECK (digest ~ '^([0-9a-f]{64})?$'),
    CONSTRAINT notify_report_raw_bounded CHECK (octet_length(raw) <= 1048576)
);
CREATE INDEX notify_report_by_notice ON notify_report (notice_id, received_at);
CREATE TRIGGER notify_report_is_final BEFORE UPDATE ON notify_report FOR EACH ROW EXECUTE FUNCTION notify_is_final();

-- An address that is not written to, and why; known by a keyed digest only. It
-- ends at until, or stays until somebody takes it away.
CREATE TABLE suppression (
    channel    text        NOT NULL,
    address    bytea       NOT NULL,                 -- HMAC-SHA-256 of the address in lower case
    reason     text        NOT NULL,
    since      timestamptz NOT NULL,
    until      timestamptz,
    PRIMARY KEY (channel, address),
    CONSTRAINT suppression_channel_known CHECK (channel IN ('email', 'sms')),
    CONSTRAINT suppression_address_is_digest CHECK (octet_length(address) = 32),
    CONSTRAINT suppression_reason_known CHECK (reason IN ('address', 'complaint', 'asked'))
);
CREATE INDEX suppression_over ON suppression (until) WHERE until IS NOT NULL;

-- A paper of a letter: the proof of deposit, the acknowledgement of receipt, the
-- scan of what came back. Encrypted in the vault like content, and removed with
-- the delivery (R21).
CREATE TABLE postal_document (
    delivery_id uuid        NOT NULL REFERENCES delivery (id) DEFERRABLE INITIALLY DEFERRED,
    position    integer     NOT NULL,
    kind        text        NOT NULL,
    report_id   text        NOT NULL,                -- the partner's report that brought it
    media_type  text        NOT NULL,
    object      text        NOT NULL,
    key_id      text        NOT NULL,
    wrapped_key bytea,
    size        bigint      NOT NULL,
    sha256      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (delivery_id, position),
    CONSTRAINT postal_document_object_unique UNIQUE (object),
    CONSTRAINT postal_document_once UNIQUE (delivery_id, report_id, sha256),
    CONSTRAINT postal_document_kind_known CHECK (kind IN ('deposit_proof', 'receipt', 'envelope', 'tracking')),
    CONSTRAINT postal_document_sha256_length CHECK (octet_length(sha256) = 32),
    CONSTRAINT postal_document_size_bounded CHECK (size BETWEEN 1 AND 33554432)
);
