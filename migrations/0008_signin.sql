-- +goose Up

-- Signing in without a password, and after everything was lost. Times are UTC
-- and come from the application's clock.

-- What an authenticator knows a person by: random, so that it says nothing.
ALTER TABLE person ADD COLUMN passkey_handle bytea;
ALTER TABLE person ADD CONSTRAINT person_passkey_handle UNIQUE (passkey_handle);
ALTER TABLE person ADD CONSTRAINT person_passkey_handle_size CHECK (octet_length(passkey_handle) = 32);

-- A row is one passkey of a person: a credential that proves possession and
-- verifies its user. credential is all that is known of it, with its counter and
-- flags as of the last use. cloned_at is when its counter went back: somebody may
-- have a copy, and from then on it opens nothing. WebAuthn Level 3 §4, §6.1.1.
CREATE TABLE webauthn_credential (
    id         bytea       PRIMARY KEY,
    person_id  uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    name       text        NOT NULL,
    credential jsonb       NOT NULL,
    created_at timestamptz NOT NULL,
    used_at    timestamptz,
    cloned_at  timestamptz,
    CONSTRAINT webauthn_credential_id CHECK (octet_length(id) BETWEEN 1 AND 1023),
    CONSTRAINT webauthn_credential_name CHECK (name <> '' AND octet_length(name) <= 400)
);
CREATE INDEX webauthn_credential_person ON webauthn_credential (person_id, created_at);

-- A row is a challenge that was given to a browser, to register a passkey, to
-- sign in with one, or to show one again. It is found by its digest, only
-- together with the digest of what the browser holds: a session's token, or a
-- cookie of its own. Using it deletes it. person_id is null while nobody is known.
CREATE TABLE webauthn_ceremony (
    challenge_hash bytea       PRIMARY KEY,
    binding        bytea       NOT NULL,
    kind           text        NOT NULL,
    person_id      uuid        REFERENCES person (id) ON DELETE CASCADE,
    data           jsonb       NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT webauthn_ceremony_digests CHECK (octet_length(challenge_hash) = 32 AND octet_length(binding) = 32),
    CONSTRAINT webauthn_ceremony_kind CHECK (kind IN ('register', 'sign_in', 'again')),
    CONSTRAINT webauthn_ceremony_person CHECK ((person_id IS NULL) = (kind = 'sign_in')),
    CONSTRAINT webauthn_ceremony_short_lived CHECK (expires_at > created_at AND expires_at <= created_at + interval '5 minutes')
);
CREATE INDEX webauthn_ceremony_age ON webauthn_ceremony (expires_at);

-- A row says that somebody lost every factor and asks for new ones: at most one
-- for a person. It opens nothing before ready_at, so that the real holder, who is
-- told at once, has the time to stop it; deleting the row does. record is the
-- identification it was begun with; without one, two operators began it, and
-- token was given to the person by them. Otherwise the token is for a browser in
-- which the person identified again. Using it deletes the row (R28).
CREATE TABLE recovery (
    person_id     uuid        PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
    record        uuid        REFERENCES identification (id) ON DELETE CASCADE,
    operators     text[]      NOT NULL DEFAULT '{}',
    started_at    timestamptz NOT NULL,
    ready_at      timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    token_hash    bytea,
    token_expires timestamptz,
    CONSTRAINT recovery_waits CHECK (ready_at >= started_at + interval '24 hours' AND expires_at > ready_at),
    CONSTRAINT recovery_begun_by CHECK ((record IS NULL) = (cardinality(operators) = 2)),
    CONSTRAINT recovery_two_operators CHECK (cardinality(operators) = 0 OR operators[1] <> operators[2]),
    CONSTRAINT recovery_token UNIQUE (token_hash),
    CONSTRAINT recovery_token_hash CHECK (octet_length(token_hash) = 32),
    CONSTRAINT recovery_token_expires CHECK ((token_hash IS NULL) = (token_expires IS NULL))
);
CREATE INDEX recovery_record ON recovery (record) WHERE record IS NOT NULL;
CREATE INDEX recovery_age ON recovery (expires_at);
