-- +goose Up

-- Accounts that people open themselves, and addresses they prove. Times are UTC
-- and come from the application's clock.

-- A row is an account that somebody is opening: what was filled in, sealed and
-- bound to the row, and which of the two addresses was proven. It lives for an
-- hour and is deleted by whoever finishes. token_hash opens it.
CREATE TABLE sign_up (
    id         uuid        PRIMARY KEY,
    token_hash bytea       NOT NULL,
    sealed     bytea       NOT NULL,
    email_at   timestamptz,
    sms_at     timestamptz,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT sign_up_token UNIQUE (token_hash),
    CONSTRAINT sign_up_token_hash CHECK (octet_length(token_hash) = 32),
    CONSTRAINT sign_up_short_lived CHECK (expires_at > created_at AND expires_at <= created_at + interval '1 hour')
);
CREATE INDEX sign_up_age ON sign_up (expires_at);

-- A row is an address that an account holder gave and has yet to prove, at most
-- one of each kind. own: it is to replace the person's own one.
CREATE TABLE contact_draft (
    id         uuid        PRIMARY KEY,
    person_id  uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    kind       text        NOT NULL,
    value      text        NOT NULL,
    own        boolean     NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT contact_draft_one UNIQUE (person_id, kind),
    CONSTRAINT contact_draft_kind CHECK (kind IN ('email', 'sms')),
    CONSTRAINT contact_draft_short_lived CHECK (expires_at > created_at AND expires_at <= created_at + interval '1 hour')
);
CREATE INDEX contact_draft_age ON contact_draft (expires_at);

-- Who signs up is looked for by address.
CREATE INDEX person_email ON person (lower(email));

-- Resets are tickets now: the link is made when the mail is rendered.
DROP TABLE password_reset;

-- Notes to account holders are forgotten by age.
CREATE INDEX notice_note ON notice (closed_at) WHERE delivery_id IS NULL;

-- A row says when a person left, whose own data is gone since. Identifications
-- that evidence cites outlive the person for as long as evidence is kept; then they
-- and the row go (R7, R21).
CREATE TABLE departure (
    person_id uuid        PRIMARY KEY,
    left_at   timestamptz NOT NULL
);
CREATE INDEX departure_age ON departure (left_at);
