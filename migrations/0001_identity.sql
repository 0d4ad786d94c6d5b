-- +goose Up

-- Who acts: accounts, people, keys, sessions, identifications, one-time codes.
-- Secrets never stand here as they are: passwords are argon2id, tokens and keys
-- are SHA-256 of 256 random bits, authenticator secrets and identity data are
-- sealed (AEAD, bound to the row's id), national numbers and typed logins are
-- keyed HMACs. Times are UTC and come from the application's clock.

-- A row is one identification by a provider: who it said somebody is. Nobody
-- changes a row (trigger); retention removes it together with its delivery.
-- sealed holds the claims and the signed token for an auditor; the columns hold
-- what may stand in evidence. CIR (EU) 2025/1944 annex I REQ-QERDS-5.2.1.1-01.
CREATE TABLE identification (
    id              uuid        PRIMARY KEY,
    delivery_id     uuid,       -- the delivery it was made for; null for an account holder
    method          text        NOT NULL,
    provider        text        NOT NULL,
    subject_digest  bytea       NOT NULL,
    national_digest text,       -- keyed HMAC, hex; null when none was proven
    given           text        NOT NULL,
    family          text        NOT NULL,
    level           text        NOT NULL,
    at              timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    ip              text        NOT NULL,
    user_agent      text        NOT NULL,
    token_sha256    bytea       NOT NULL,
    sealed          bytea       NOT NULL,
    CONSTRAINT identification_level  CHECK (level IN ('', 'low', 'substantial', 'high')),
    CONSTRAINT identification_method CHECK (method <> ''),
    CONSTRAINT identification_subject_digest CHECK (octet_length(subject_digest) = 32),
    CONSTRAINT identification_national_digest CHECK (national_digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT identification_token_sha256 CHECK (octet_length(token_sha256) = 32),
    CONSTRAINT identification_user_agent CHECK (octet_length(user_agent) <= 500)
);
CREATE INDEX identification_delivery ON identification (delivery_id) WHERE delivery_id IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION identification_unchanging() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'identification % is never changed', OLD.id
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'identification_unchanging';
END $$;
-- +goose StatementEnd
CREATE TRIGGER identification_unchanging BEFORE UPDATE ON identification
    FOR EACH ROW EXECUTE FUNCTION identification_unchanging();

-- A row is somebody's contract with us: a person's (private) or an
-- organisation's (company). Closed accounts stay, emptied by the erasure sweep,
-- because deliveries refer to them. A postal address is kept for private
-- accounts only (R1); a company shows nothing of its people (R5), so its e-mail
-- address is its own.
CREATE TABLE account (
    id                uuid        PRIMARY KEY,
    kind              text        NOT NULL,
    name              text        NOT NULL DEFAULT '', -- legal name of a company
    email             text        NOT NULL DEFAULT '', -- of the company, not of its people
    enterprise_number text,
    vat_number        text,
    country           text        NOT NULL,
    address           text[],     -- as printed on an envelope
    created_at        timestamptz NOT NULL,
    closed_at         timestamptz,
    erased_at         timestamptz,
    CONSTRAINT account_kind CHECK (kind IN ('private', 'company')),
    CONSTRAINT account_company_named CHECK (kind <> 'company' OR name <> '' OR erased_at IS NOT NULL),
    CONSTRAINT account_private_plain CHECK (kind <> 'private' OR (name = '' AND email = '' AND enterprise_number IS NULL AND vat_number IS NULL)),
    CONSTRAINT account_address_private CHECK (address IS NULL OR kind = 'private'),
    CONSTRAINT account_enterprise_number CHECK (enterprise_number ~ '^[0-9]{10}$'),
    CONSTRAINT account_country CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT account_closed_after_created CHECK (closed_at >= created_at),
    CONSTRAINT account_erased_after_closed CHECK (erased_at IS NULL OR (closed_at IS NOT NULL AND erased_at >= closed_at))
);
CREATE INDEX account_to_erase ON account (closed_at) WHERE closed_at IS NOT NULL AND erased_at IS NULL;

-- A row is a human being who can sign in. It goes with the last membership
-- (R7). login is folded to lower case by the application. totp_step is the last
-- authenticator step that was accepted: a step is good once.
CREATE TABLE person (
    id                uuid        PRIMARY KEY,
    given             text        NOT NULL,
    family            text        NOT NULL,
    login             text        NOT NULL,
    email             text        NOT NULL,
    mobile            text        NOT NULL,
    language          text        NOT NULL,
    password_hash     text        NOT NULL, -- PHC string, argon2id
    password_at       timestamptz NOT NULL,
    totp_secret       bytea,      -- sealed
    totp_pending      bytea,      -- sealed; enrolled but not yet confirmed
    totp_step         bigint      NOT NULL DEFAULT 0,
    identification_id uuid        REFERENCES identification (id),
    restricted_at     timestamptz, -- GDPR art. 18: may look, may not act
    created_at        timestamptz NOT NULL,
    CONSTRAINT person_login UNIQUE (login),
    CONSTRAINT person_login_folded CHECK (login = lower(login) AND login <> '' AND octet_length(login) <= 254),
    CONSTRAINT person_named CHECK (given <> '' AND family <> ''),
    CONSTRAINT person_mobile CHECK (mobile ~ '^\+[1-9][0-9]{6,14}$'),
    CONSTRAINT person_language CHECK (language IN ('nl', 'fr', 'de', 'en')),
    CONSTRAINT person_password_hashed CHECK (password_hash LIKE '$argon2id$%')
);
CREATE INDEX person_identification ON person (identification_id) WHERE identification_id IS NOT NULL;

-- A row lets one person act in one account. An account always has an
-- administrator; the application holds the account's row locked while it
-- counts them.
CREATE TABLE membership (
    account_id uuid        NOT NULL REFERENCES account (id),
    person_id  uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    role       text        NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text        NOT NULL, -- subject of the actor
    PRIMARY KEY (account_id, person_id),
    CONSTRAINT membership_role CHECK (role IN ('administrator', 'sender', 'reader'))
);
CREATE INDEX membership_person ON membership (person_id);

-- A row is a text a person agreed to: which, which version, when (R4).
CREATE TABLE consent (
    id           uuid        PRIMARY KEY,
    person_id    uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    account_id   uuid        NOT NULL REFERENCES account (id),
    text         text        NOT NULL, -- name of the text
    version      text        NOT NULL,
    language     text        NOT NULL,
    given_at     timestamptz NOT NULL,
    withdrawn_at timestamptz,
    CONSTRAINT consent_text CHECK (text <> '' AND version <> ''),
    CONSTRAINT consent_withdrawn_after_given CHECK (withdrawn_at >= given_at)
);
CREATE INDEX consent_person ON consent (person_id);

-- A row is a key of an integrator. The secret is shown once and kept as
-- SHA-256: it has 256 random bits, so a slow hash would add nothing. A revoked
-- key never comes back.
CREATE TABLE api_key (
    id           uuid        PRIMARY KEY,
    account_id   uuid        NOT NULL REFERENCES account (id),
    mode         text        NOT NULL,
    name         text        NOT NULL,
    secret_hash  bytea       NOT NULL,
    created_by   text        NOT NULL, -- subject of the actor
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz, -- written in batches, up to a minute late
    revoked_at   timestamptz,
    CONSTRAINT api_key_secret UNIQUE (secret_hash),
    CONSTRAINT api_key_secret_hash CHECK (octet_length(secret_hash) = 32),
    CONSTRAINT api_key_mode CHECK (mode IN ('test', 'live')),
    CONSTRAINT api_key_name CHECK (name <> '' AND octet_length(name) <= 200),
    CONSTRAINT api_key_revoked_after_created CHECK (revoked_at >= created_at)
);
CREATE INDEX api_key_account ON api_key (account_id, created_at);

-- A row is one sign-in of one person in one account, until it ends. expires_at
-- moves with use, never past absolute_expires_at. method is how the person
-- authenticated (REQ-QERDS-5.2.2-03).
CREATE TABLE session (
    token_hash          bytea       PRIMARY KEY,
    person_id           uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    account_id          uuid        NOT NULL REFERENCES account (id),
    method              text        NOT NULL,
    created_at          timestamptz NOT NULL,
    proven_at           timestamptz NOT NULL, -- last time all factors were shown
    seen_at             timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    absolute_expires_at timestamptz NOT NULL,
    ip                  text        NOT NULL,
    user_agent          text        NOT NULL,
    language            text        NOT NULL,
    revoked_at          timestamptz,
    CONSTRAINT session_token_hash CHECK (octet_length(token_hash) = 32),
    CONSTRAINT session_method CHECK (method IN ('password', 'password+totp', 'password+recovery')),
    CONSTRAINT session_ends CHECK (expires_at <= absolute_expires_at),
    CONSTRAINT session_user_agent CHECK (octet_length(user_agent) <= 500)
);
CREATE INDEX session_person ON session (person_id);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_ended ON session (absolute_expires_at);

-- A row is one recovery code that was not used yet: using it deletes it (R28).
CREATE TABLE recovery_code (
    hash       bytea       PRIMARY KEY,
    person_id  uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    CONSTRAINT recovery_code_hash CHECK (octet_length(hash) = 32)
);
CREATE INDEX recovery_code_person ON recovery_code (person_id);

-- A row is a password reset that was asked for and not used yet: using it
-- deletes it (R35).
CREATE TABLE password_reset (
    token_hash bytea       PRIMARY KEY,
    person_id  uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    CONSTRAINT password_reset_token_hash CHECK (octet_length(token_hash) = 32)
);
CREATE INDEX password_reset_person ON password_reset (person_id);

-- A row counts what somebody tried on one subject: a login, an address, the
-- pair of both, a second factor. The subject stands as a keyed HMAC, because
-- people type passwords into login fields. Rows nobody touched for a day mean
-- nothing and may go.
CREATE TABLE attempt_limit (
    kind          text        NOT NULL,
    digest        bytea       NOT NULL,
    failures      integer     NOT NULL,
    last_at       timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL,
    PRIMARY KEY (kind, digest),
    CONSTRAINT attempt_limit_kind CHECK (kind IN ('pair', 'login', 'address', 'factor', 'reset')),
    CONSTRAINT attempt_limit_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT attempt_limit_failures CHECK (failures >= 0)
);
CREATE INDEX attempt_limit_last ON attempt_limit (last_at);

-- A row is one use of an account (R6): kept 24 months, shown to the account's
-- people (R36). It outlives the person, so there is no reference to one.
CREATE TABLE access_log (
    id         uuid        PRIMARY KEY, -- UUIDv7: ordered by time
    account_id uuid,
    person_id  uuid,
    key_id     uuid,
    at         timestamptz NOT NULL,
    action     text        NOT NULL,
    ip         text        NOT NULL,
    language   text        NOT NULL,
    user_agent text        NOT NULL,
    CONSTRAINT access_log_action CHECK (action ~ '^[a-z_]{1,60}$'),
    CONSTRAINT access_log_user_agent CHECK (octet_length(user_agent) <= 500)
);
CREATE INDEX access_log_account ON access_log (account_id, id);
CREATE INDEX access_log_person ON access_log (person_id, id);
CREATE INDEX access_log_at ON access_log (at);

-- A row is one one-time code that was sent on one channel for one delivery. The
-- code itself is computed from the row and a key that is not here. used_at is
-- written once, in the transaction that the code opened. No reference to the
-- delivery: identity knows nothing of it.
CREATE TABLE code_challenge (
    id          uuid        PRIMARY KEY,
    delivery_id uuid        NOT NULL,
    channel     text        NOT NULL,
    issued_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    CONSTRAINT code_challenge_channel CHECK (channel IN ('email', 'sms')),
    CONSTRAINT code_challenge_short_lived CHECK (expires_at > issued_at AND expires_at <= issued_at + interval '10 minutes'),
    CONSTRAINT code_challenge_used_in_time CHECK (used_at >= issued_at AND used_at < expires_at)
);
CREATE INDEX code_challenge_latest ON code_challenge (delivery_id, channel, issued_at DESC, id DESC);

-- A row counts the tries of one code. It stands apart from code_challenge
-- because it is written on another connection than the caller's transaction, so
-- that a rollback cannot give a try back; in one row the two would wait for
-- each other for ever.
CREATE TABLE code_try (
    challenge_id uuid    PRIMARY KEY REFERENCES code_challenge (id) ON DELETE CASCADE,
    tries        integer NOT NULL DEFAULT 0,
    CONSTRAINT code_try_limit CHECK (tries BETWEEN 0 AND 5)
);
