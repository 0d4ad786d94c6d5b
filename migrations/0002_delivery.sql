-- +goose Up

-- A message as its sender submitted it. Written once, at submission; afterwards
-- only retain_until, held and purged_at change. Everything about a message goes
-- when its retention ends (R21), so nothing may be purged before that or under a
-- legal hold (R27).
CREATE TABLE message (
    id           uuid        PRIMARY KEY,
    account_id   uuid        NOT NULL REFERENCES account (id),
    number       text        NOT NULL,
    test         boolean     NOT NULL,
    subject      text        NOT NULL,
    reference    text        NOT NULL DEFAULT '',
    language     text        NOT NULL,
    sender       jsonb       NOT NULL,              -- evidence.Party, as known at submission
    sent_by      jsonb       NOT NULL,              -- evidence.Party of the person or key that acted
    parts        jsonb       NOT NULL,              -- []evidence.Part, the message text first
    policy       jsonb       NOT NULL,              -- frozen at submission
    deliveries   integer     NOT NULL,
    submitted_at timestamptz NOT NULL,
    retain_until timestamptz NOT NULL,              -- looked at again when reached: a later move prolongs it
    held         boolean     NOT NULL DEFAULT false,
    purged_at    timestamptz,
    CONSTRAINT message_number_unique UNIQUE (number),
    CONSTRAINT message_language_known CHECK (language IN ('nl', 'fr', 'de', 'en')),
    CONSTRAINT message_deliveries_bounded CHECK (deliveries BETWEEN 1 AND 10000),
    CONSTRAINT message_purged_not_early CHECK (purged_at IS NULL OR purged_at >= retain_until),
    CONSTRAINT message_purged_not_held CHECK (purged_at IS NULL OR NOT held)
);
CREATE INDEX message_by_account ON message (account_id, id DESC);
CREATE INDEX message_due ON message (retain_until) WHERE purged_at IS NULL AND NOT held AND NOT test;
CREATE INDEX message_due_test ON message (account_id, retain_until) WHERE purged_at IS NULL AND NOT held AND test;
CREATE INDEX message_half_removed ON message (purged_at) WHERE purged_at IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION message_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - '{retain_until,held,purged_at}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{retain_until,held,purged_at}'::text[]
            OR OLD.purged_at IS NOT NULL AND NEW.purged_at IS DISTINCT FROM OLD.purged_at THEN
        RAISE EXCEPTION 'message %: written once', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'message_written_once';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER message_written_once BEFORE UPDATE ON message
    FOR EACH ROW EXECUTE FUNCTION message_written_once();

-- One piece of user content: a document that was uploaded, or the text of a
-- message (position 0, kept inline). Unbound until a message takes it; what
-- nobody took is swept. wrapped_key is the only way to read it: purging sets it
-- to NULL first (crypto-shredding).
CREATE TABLE document (
    id          uuid        PRIMARY KEY,
    account_id  uuid        NOT NULL REFERENCES account (id),
    message_id  uuid        REFERENCES message (id) DEFERRABLE INITIALLY DEFERRED,
    position    integer,
    filename    text        NOT NULL,
    media_type  text        NOT NULL,
    size        bigint      NOT NULL,
    sha256      bytea       NOT NULL,
    object      text        NOT NULL,               -- name the ciphertext is bound to
    inline      bytea,                              -- ciphertext of small content; NULL when it lies in the vault
    key_id      text        NOT NULL,
    wrapped_key bytea,
    created_at  timestamptz NOT NULL,
    CONSTRAINT document_object_unique UNIQUE (object),
    CONSTRAINT document_bound_has_position CHECK ((message_id IS NULL) = (position IS NULL)),
    CONSTRAINT document_size_bounded CHECK (size BETWEEN 0 AND 1073741824),
    CONSTRAINT document_sha256_length CHECK (octet_length(sha256) = 32)
);
CREATE UNIQUE INDEX document_by_message ON document (message_id, position) WHERE message_id IS NOT NULL;
CREATE INDEX document_unbound ON document (created_at) WHERE message_id IS NULL;

-- One message on its way to one recipient. Changed only by the door
-- (delivery.Service.move). state is a cached fold of the delivery's events;
-- last_seq, last_hash and last_at name the newest of them.
CREATE TABLE delivery (
    id             uuid        PRIMARY KEY,
    message_id     uuid        NOT NULL REFERENCES message (id) DEFERRABLE INITIALLY DEFERRED,
    account_id     uuid        NOT NULL,
    position       integer     NOT NULL,            -- 1-based among the message's recipients
    test           boolean     NOT NULL,
    state          text        NOT NULL,
    last_seq       integer     NOT NULL,
    last_hash      bytea       NOT NULL,
    last_at        timestamptz NOT NULL,
    moved_at       timestamptz NOT NULL,            -- when state last changed
    recipient      jsonb       NOT NULL,            -- delivery.Recipient
    link_hash      bytea       NOT NULL,            -- SHA-256 of the collect token
    link_nonce     bytea       NOT NULL,            -- the token is a keyed digest of this
    notice_code    text        NOT NULL,            -- typed at /notice; opens nothing
    email          text        NOT NULL DEFAULT '', -- '', 'sent' or 'failed'
    sms            text        NOT NULL DEFAULT '',
    notified_at    timestamptz,
    respond_by     timestamptz,                     -- first instant at which it is too late
    decided_at     timestamptz,
    handed_over_at timestamptz,
    identified     jsonb,                           -- evidence.Proof of the addressee
    taken          integer[]   NOT NULL DEFAULT '{}', -- positions of the parts already transferred
    post           jsonb,                           -- delivery.PostItem
    CONSTRAINT delivery_position_unique UNIQUE (message_id, position),
    CONSTRAINT delivery_link_unique UNIQUE (link_hash),
    CONSTRAINT delivery_notice_code_unique UNIQUE (notice_code),
    CONSTRAINT delivery_state_known CHECK (state IN ('submitted', 'notified', 'accepted', 'consigned', 'handed_over',
        'rejected', 'expired', 'posting', 'posted', 'delivered_by_post', 'returned', 'cancelled')),
    CONSTRAINT delivery_channel_known CHECK (email IN ('', 'sent', 'failed') AND sms IN ('', 'sent', 'failed')),
    CONSTRAINT delivery_seq_positive CHECK (last_seq > 0),
    CONSTRAINT delivery_hash_length CHECK (octet_length(last_hash) = 32 AND octet_length(link_hash) = 32),
    CONSTRAINT delivery_notified_has_window CHECK (state <> 'notified' OR (notified_at IS NOT NULL AND respond_by IS NOT NULL)),
    CONSTRAINT delivery_content_only_identified CHECK (state NOT IN ('accepted', 'consigned', 'handed_over') OR identified IS NOT NULL),
    CONSTRAINT delivery_posting_has_item CHECK (state NOT IN ('posting', 'posted', 'delivered_by_post', 'returned') OR post IS NOT NULL)
);
CREATE INDEX delivery_by_account ON delivery (account_id, id DESC);
CREATE INDEX delivery_unfinished ON delivery (last_at) WHERE state IN ('submitted', 'accepted', 'expired');
CREATE INDEX delivery_by_item ON delivery ((post ->> 'item')) WHERE post IS NOT NULL;

-- The schema's own half of the one door: a change of state without a further
-- event is refused, and so is taking an event back.
-- +goose StatementBegin
CREATE FUNCTION delivery_moves_with_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.last_seq < OLD.last_seq THEN
        RAISE EXCEPTION 'delivery %: last_seq may not go back', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'delivery_seq_monotonic';
    END IF;
    IF NEW.state IS DISTINCT FROM OLD.state AND NEW.last_seq <= OLD.last_seq THEN
        RAISE EXCEPTION 'delivery %: state % -> % without an event', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'delivery_move_has_event';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER delivery_moves_with_event BEFORE UPDATE ON delivery
    FOR EACH ROW EXECUTE FUNCTION delivery_moves_with_event();

-- What must happen by itself, and when. A row is settled (done_at) by whoever
-- did it, or by a move that made it pointless. Expiry does not depend on it:
-- Accept compares with respond_by.
CREATE TABLE deadline (
    delivery_id uuid        NOT NULL REFERENCES delivery (id) DEFERRABLE INITIALLY DEFERRED,
    kind        text        NOT NULL,
    account_id  uuid        NOT NULL,
    test        boolean     NOT NULL,
    due_at      timestamptz NOT NULL,
    done_at     timestamptz,
    PRIMARY KEY (delivery_id, kind),
    CONSTRAINT deadline_kind_known CHECK (kind IN ('remind_1', 'remind_2', 'remind_3', 'expire'))
);
CREATE INDEX deadline_due ON deadline (due_at) WHERE done_at IS NULL AND NOT test;
CREATE INDEX deadline_due_test ON deadline (account_id, due_at) WHERE done_at IS NULL AND test;

-- How far an account's test deliveries are ahead of the real clock.
CREATE TABLE test_clock (
    account_id uuid   PRIMARY KEY REFERENCES account (id),
    ahead_us   bigint NOT NULL,
    CONSTRAINT test_clock_only_forward CHECK (ahead_us >= 0)
);

-- The answer to a POST, found again by its Idempotency-Key. Written in the
-- transaction of the effect; kept 7 days.
CREATE TABLE idempotency (
    account_id uuid        NOT NULL REFERENCES account (id),
    key        text        NOT NULL,
    kind       text        NOT NULL,
    digest     bytea       NOT NULL,                -- SHA-256 of what was asked
    ref        uuid        NOT NULL,                -- what came of it
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- A recipient's browser after it followed a link: what it has proven so far.
-- Ends with the session; nothing here opens content by itself.
CREATE TABLE collect_session (
    token_hash    bytea       PRIMARY KEY,
    delivery_id   uuid        NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    email_at      timestamptz,                      -- code of the e-mail entered
    sms_at        timestamptz,                      -- code of the SMS entered
    login         bytea,                            -- sealed OpenID start (state, nonce, verifier), single use
    actor         jsonb,                            -- identity.Actor once identified as the addressee
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    CONSTRAINT collect_session_codes_before_actor CHECK (actor IS NULL OR (email_at IS NOT NULL AND sms_at IS NOT NULL))
);
CREATE INDEX collect_session_by_delivery ON collect_session (delivery_id);
CREATE INDEX collect_session_age ON collect_session (expires_at);

-- A legal hold: proceedings run, so the message stays (R27).
CREATE TABLE legal_hold (
    id         uuid        PRIMARY KEY,
    message_id uuid        NOT NULL REFERENCES message (id),
    reason     text        NOT NULL,
    placed_by  text        NOT NULL,
    placed_at  timestamptz NOT NULL,
    lifted_by  text,
    lifted_at  timestamptz,
    CONSTRAINT legal_hold_lifted_by_somebody CHECK ((lifted_by IS NULL) = (lifted_at IS NULL))
);
CREATE UNIQUE INDEX legal_hold_one_open ON legal_hold (message_id) WHERE lifted_at IS NULL;

-- What is left of a message after its retention: that it was removed, and the
-- heads of its chains, so that a removal can be told from a loss. No personal data.
CREATE TABLE erasure (
    message_id uuid        PRIMARY KEY,
    erased_at  timestamptz NOT NULL,
    deliveries integer     NOT NULL,
    heads      bytea       NOT NULL                 -- SHA-256 over the deliveries' last_hash in order of position
);

-- The print-ready letter handed to the partner, kept for the dossier. It holds
-- content: encrypted like every document, and shredded with its message.
CREATE TABLE letter (
    delivery_id uuid        PRIMARY KEY REFERENCES delivery (id),
    object      text        NOT NULL,
    key_id      text        NOT NULL,
    wrapped_key bytea,
    size        bigint      NOT NULL,
    sha256      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT letter_object_unique UNIQUE (object)
);
