-- +goose Up

-- Keys with scopes and an end, clients that get tokens, certificates, what an
-- account may send in a day, and the registers of the operator. Times are UTC and
-- come from the application's clock.

-- A key is of a kind: 'key' has a secret, 'client' proves itself with a signed
-- assertion and gets tokens (RFC 7523). scopes are all it may do. It ends at
-- expires_at; null is for keys of the system and of before. A blocked key answers
-- nothing until it is unblocked. warned is how many days before its end the
-- account was told last; 0: not yet.
ALTER TABLE api_key ADD COLUMN kind text NOT NULL DEFAULT 'key';
ALTER TABLE api_key ADD COLUMN scopes text[] NOT NULL DEFAULT '{send,read,evidence}';
ALTER TABLE api_key ADD COLUMN expires_at timestamptz;
ALTER TABLE api_key ADD COLUMN blocked_at timestamptz;
ALTER TABLE api_key ADD COLUMN last_used_ip text NOT NULL DEFAULT '';
ALTER TABLE api_key ADD COLUMN warned smallint NOT NULL DEFAULT 0;
ALTER TABLE api_key ALTER COLUMN secret_hash DROP NOT NULL;
ALTER TABLE api_key DROP CONSTRAINT api_key_mode;
ALTER TABLE api_key ADD CONSTRAINT api_key_mode CHECK (mode IN ('test', 'trial', 'live'));
ALTER TABLE api_key ADD CONSTRAINT api_key_kind CHECK (kind IN ('key', 'client'));
ALTER TABLE api_key ADD CONSTRAINT api_key_secret_of_key CHECK ((kind = 'key') = (secret_hash IS NOT NULL));
ALTER TABLE api_key ADD CONSTRAINT api_key_scopes CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['send', 'read', 'evidence', 'webhooks', 'admin']);
ALTER TABLE api_key ADD CONSTRAINT api_key_expires_after_created CHECK (expires_at > created_at);
CREATE INDEX api_key_ends ON api_key (expires_at) WHERE revoked_at IS NULL AND expires_at IS NOT NULL;

-- A row is how a client signs: its public keys, or where they are. Public keys
-- only; an uploaded set is changed as a whole.
CREATE TABLE api_client (
    key_id   uuid PRIMARY KEY REFERENCES api_key (id) ON DELETE CASCADE,
    jwks     jsonb,
    jwks_url text,
    CONSTRAINT api_client_one_source CHECK (num_nonnulls(jwks, jwks_url) = 1),
    CONSTRAINT api_client_jwks_bounded CHECK (octet_length(jwks::text) <= 65536),
    CONSTRAINT api_client_https CHECK (jwks_url LIKE 'https://%' AND octet_length(jwks_url) <= 500)
);

-- A row is a token that a client got, for ten minutes at most. x5t is the SHA-256
-- of the certificate it is bound to; null: bound to none (RFC 8705 §3).
CREATE TABLE access_token (
    token_hash bytea       PRIMARY KEY,
    key_id     uuid        NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
    scopes     text[]      NOT NULL,
    x5t        bytea,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT access_token_hash CHECK (octet_length(token_hash) = 32),
    CONSTRAINT access_token_x5t CHECK (octet_length(x5t) = 32),
    CONSTRAINT access_token_scopes CHECK (cardinality(scopes) > 0),
    CONSTRAINT access_token_short_lived CHECK (expires_at > created_at AND expires_at <= created_at + interval '10 minutes')
);
CREATE INDEX access_token_key ON access_token (key_id);
CREATE INDEX access_token_ends ON access_token (expires_at);

-- A row is the identifier (jti) of an assertion that was taken, until the
-- assertion itself is too old: the primary key makes it good once.
CREATE TABLE client_assertion (
    key_id     uuid        NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
    digest     bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (key_id, digest),
    CONSTRAINT client_assertion_digest CHECK (octet_length(digest) = 32)
);
CREATE INDEX client_assertion_ends ON client_assertion (expires_at);

-- A row is a certificate that an account's software shows: this very one, by
-- fingerprint, or whichever a certificate authority gave to a subject. A revoked
-- row never comes back.
CREATE TABLE client_certificate (
    id         uuid        PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES account (id),
    name       text        NOT NULL,
    sha256     bytea,
    authority  bytea,                       -- DER
    subject    text,                        -- RFC 4514
    not_after  timestamptz NOT NULL,        -- of the certificate, or of the authority
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT client_certificate_either CHECK ((sha256 IS NULL) = (authority IS NOT NULL) AND (authority IS NULL) = (subject IS NULL)),
    CONSTRAINT client_certificate_sha256 CHECK (octet_length(sha256) = 32),
    CONSTRAINT client_certificate_name CHECK (name <> '' AND octet_length(name) <= 400),
    CONSTRAINT client_certificate_bounded CHECK (octet_length(authority) <= 16384 AND octet_length(subject) BETWEEN 1 AND 1000)
);
CREATE INDEX client_certificate_account ON client_certificate (account_id, created_at);

-- Since when live keys of the account answer only with a registered certificate.
ALTER TABLE account ADD COLUMN certificate_since timestamptz;

-- A row is an address to which trial keys of an account may send, besides those of
-- its people. It counts once the code that was sent there was entered.
CREATE TABLE trial_address (
    id           uuid        PRIMARY KEY,
    account_id   uuid        NOT NULL REFERENCES account (id),
    channel      text        NOT NULL,
    address      text        NOT NULL,      -- in lower case, or E.164
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz,
    CONSTRAINT trial_address_once UNIQUE (account_id, channel, address),
    CONSTRAINT trial_address_channel CHECK (channel IN ('email', 'sms')),
    CONSTRAINT trial_address_bounded CHECK (octet_length(address) BETWEEN 3 AND 320)
);

-- A row is how many deliveries of a kind an account may send in a day (UTC), where
-- an operator said another number than the default.
CREATE TABLE daily_cap (
    account_id uuid        NOT NULL REFERENCES account (id),
    mode       text        NOT NULL,
    per_day    integer     NOT NULL,
    set_by     text        NOT NULL,
    set_at     timestamptz NOT NULL,
    PRIMARY KEY (account_id, mode),
    CONSTRAINT daily_cap_mode CHECK (mode IN ('test', 'trial', 'live')),
    CONSTRAINT daily_cap_positive CHECK (per_day BETWEEN 1 AND 100000000)
);

-- A row is how many deliveries of a day were given to processes to send. It never
-- passes the cap; what a process that died had left is lost for that day.
CREATE TABLE daily_use (
    account_id uuid    NOT NULL REFERENCES account (id),
    mode       text    NOT NULL,
    day        date    NOT NULL,
    used       integer NOT NULL,
    PRIMARY KEY (account_id, mode, day),
    CONSTRAINT daily_use_positive CHECK (used >= 0)
);
CREATE INDEX daily_use_day ON daily_use (day);

-- What an operator's act is about, when it is no application, account or person.
ALTER TABLE operator_act ADD COLUMN subject text NOT NULL DEFAULT '';
ALTER TABLE operator_act ADD CONSTRAINT operator_act_subject CHECK (octet_length(subject) <= 200);
ALTER TABLE operator_act DROP CONSTRAINT operator_act_about;
ALTER TABLE operator_act ADD CONSTRAINT operator_act_about CHECK (num_nonnulls(application_id, account_id, person_id) > 0 OR subject <> '');

-- What operators look for among many.
CREATE INDEX delivery_on_paper ON delivery (moved_at) WHERE state IN ('posting', 'posted') AND NOT test;
CREATE INDEX delivery_letter_begun ON delivery (last_at) WHERE letter_begun IS NOT NULL AND post IS NULL AND NOT test;

-- A hold may have an end, at which it is lifted by itself.
ALTER TABLE legal_hold ADD COLUMN ends_at timestamptz;
ALTER TABLE legal_hold ADD CONSTRAINT legal_hold_ends_after_placed CHECK (ends_at > placed_at);

-- Account holders are told of more than this file knows: which kinds there are is
-- for the application to say.
ALTER TABLE notice DROP CONSTRAINT notice_kind_known;
ALTER TABLE notice ADD CONSTRAINT notice_kind_known CHECK (kind ~ '^[a-z_]{1,40}$');

-- The registers of the operator. A row is one version of an entry: what was known
-- of it then. No row is changed or removed; a correction is a new version, and an
-- entry that ended says so in its newest one. sealed holds the fields, because
-- some name people; state and due_at stand open to be listed by. R20, R22, R24,
-- R30, R32, R37.
-- +goose StatementBegin
CREATE FUNCTION register_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'register_stays';
END $$;
-- +goose StatementEnd

CREATE TABLE register_processor (
    entry   uuid        NOT NULL,
    version integer     NOT NULL,
    at      timestamptz NOT NULL,
    written_by text     NOT NULL,           -- person id of an operator, or 'public'
    state   text        NOT NULL,
    due_at  timestamptz,
    sealed  bytea       NOT NULL,
    PRIMARY KEY (entry, version),
    CONSTRAINT register_processor_version CHECK (version > 0),
    CONSTRAINT register_processor_state CHECK (state ~ '^[a-z_]{1,40}$')
);
CREATE TRIGGER register_processor_stays BEFORE UPDATE OR DELETE ON register_processor FOR EACH ROW EXECUTE FUNCTION register_stays();

CREATE TABLE register_hosting (LIKE register_processor INCLUDING ALL);
CREATE TRIGGER register_hosting_stays BEFORE UPDATE OR DELETE ON register_hosting FOR EACH ROW EXECUTE FUNCTION register_stays();

CREATE TABLE register_disclosure (LIKE register_processor INCLUDING ALL);
CREATE TRIGGER register_disclosure_stays BEFORE UPDATE OR DELETE ON register_disclosure FOR EACH ROW EXECUTE FUNCTION register_stays();

CREATE TABLE register_incident (LIKE register_processor INCLUDING ALL);
CREATE TRIGGER register_incident_stays BEFORE UPDATE OR DELETE ON register_incident FOR EACH ROW EXECUTE FUNCTION register_stays();

CREATE TABLE register_request (LIKE register_processor INCLUDING ALL);
CREATE TRIGGER register_request_stays BEFORE UPDATE OR DELETE ON register_request FOR EACH ROW EXECUTE FUNCTION register_stays();
