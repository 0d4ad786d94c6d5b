-- +goose Up

-- Who is who: identifying in any of several ways, addresses somebody proved to
-- read, single-use links, and mandates. Times are UTC and come from the
-- application's clock.

-- An identification now says what it was made for, which level the means
-- claimed, and under which version of the policy its level was granted. Rows
-- from before were granted what was claimed.
ALTER TABLE identification ADD COLUMN role    text NOT NULL DEFAULT 'recipient_proofing';
ALTER TABLE identification ADD COLUMN claimed text NOT NULL DEFAULT '';
ALTER TABLE identification ADD COLUMN policy  text NOT NULL DEFAULT '';
ALTER TABLE identification ADD COLUMN person_id uuid; -- the account holder it was made by; null for a recipient by link
ALTER TABLE identification ADD CONSTRAINT identification_role CHECK (role IN ('recipient_proofing', 'sender_proofing', 'authentication'));
ALTER TABLE identification ADD CONSTRAINT identification_claimed CHECK (claimed IN ('', 'low', 'substantial', 'high'));
ALTER TABLE identification ADD CONSTRAINT identification_policy CHECK (octet_length(policy) <= 60);
CREATE INDEX identification_person ON identification (person_id) WHERE person_id IS NOT NULL;

-- What was begun with a provider has its own tables below.
ALTER TABLE collect_session DROP COLUMN login;

-- What people are used for changed: one-time codes prove addresses of account
-- holders too.
ALTER TABLE code_challenge RENAME COLUMN delivery_id TO subject_id;

-- A row is one errand of a browser: somebody is to identify, or to approve a
-- text, for a purpose. It is found by id and opened by the secret in the
-- browser's cookie; binding is the digest of the session of the face that asked,
-- and what was proven is taken only in that session. Deleted by whoever finishes.
CREATE TABLE login (
    id          uuid        PRIMARY KEY,
    secret_hash bytea       NOT NULL,
    purpose     text        NOT NULL,
    subject     text        NOT NULL,            -- what it is for: id of a delivery, a person, a mandate
    binding     bytea       NOT NULL,
    level       text        NOT NULL,            -- least level that serves
    methods     text[]      NOT NULL,            -- means that serve; empty: all that reach the level
    language    text        NOT NULL,
    about       text        NOT NULL,            -- shown to the person: what this is for
    approve     text        NOT NULL DEFAULT '', -- the text to be approved; empty: to identify only
    back        bytea       NOT NULL,            -- path to return to when the person gives up; sealed, bound to the row: it may hold a link's token
    begun       integer     NOT NULL DEFAULT 0,  -- challenges so far
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    CONSTRAINT login_secret_hash CHECK (octet_length(secret_hash) = 32),
    CONSTRAINT login_binding CHECK (octet_length(binding) = 32),
    CONSTRAINT login_purpose CHECK (purpose ~ '^[a-z_]{1,40}$'),
    CONSTRAINT login_level CHECK (level IN ('', 'low', 'substantial', 'high')),
    CONSTRAINT login_language CHECK (language IN ('nl', 'fr', 'de', 'en')),
    CONSTRAINT login_back CHECK (octet_length(back) <= 1000),
    CONSTRAINT login_text_bounded CHECK (octet_length(about) <= 1000 AND octet_length(approve) <= 7500 AND octet_length(subject) <= 200),
    CONSTRAINT login_begun CHECK (begun BETWEEN 0 AND 20),
    CONSTRAINT login_short_lived CHECK (expires_at > created_at AND expires_at <= created_at + interval '1 hour')
);
CREATE INDEX login_age ON login (expires_at);

-- A row is what was begun with one means for an errand: one at a time, used once
-- (DELETE … RETURNING). saved, shown and answer are sealed and bound to the row.
-- key_hash is how an answer that does not come through the browser finds it.
CREATE TABLE login_challenge (
    login_id   uuid        PRIMARY KEY REFERENCES login (id) ON DELETE CASCADE,
    id         uuid        NOT NULL,
    method     text        NOT NULL,
    key_hash   bytea,
    saved      bytea       NOT NULL,
    shown      bytea       NOT NULL,             -- what the person is shown, to show it again
    answer     bytea,                            -- what came by the means' own way, once
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT login_challenge_key UNIQUE (key_hash),
    CONSTRAINT login_challenge_key_hash CHECK (octet_length(key_hash) = 32),
    CONSTRAINT login_challenge_method CHECK (method ~ '^[a-z0-9+-]{1,40}$'),
    CONSTRAINT login_challenge_short_lived CHECK (expires_at > created_at AND expires_at <= created_at + interval '15 minutes')
);

-- A row is a link that does one thing once: using it deletes it. The token is a
-- keyed digest of id and nonce, so that a mail can be rendered again without the
-- token being kept.
CREATE TABLE ticket (
    id         uuid        PRIMARY KEY,
    kind       text        NOT NULL,
    token_hash bytea       NOT NULL,
    nonce      bytea       NOT NULL,
    person_id  uuid        REFERENCES person (id) ON DELETE CASCADE,
    account_id uuid        REFERENCES account (id) ON DELETE CASCADE,
    sealed     bytea,                            -- what it carries; sealed, bound to the row
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT ticket_token UNIQUE (token_hash),
    CONSTRAINT ticket_kind CHECK (kind ~ '^[a-z_]{1,40}$'),
    CONSTRAINT ticket_token_hash CHECK (octet_length(token_hash) = 32 AND octet_length(nonce) = 32),
    CONSTRAINT ticket_ends CHECK (expires_at > created_at)
);
CREATE INDEX ticket_person ON ticket (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX ticket_account ON ticket (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX ticket_age ON ticket (expires_at);

-- A row is an address that a person proved to read, by a code sent there. Of
-- each kind one is the person's own (person.email, person.mobile); the others
-- are further ones. online_at is consent to electronic registered mail at this
-- address, given for a version of a text, and withdrawn by emptying it: nobody
-- can be forced (Belgian Code of Economic Law, book XII).
CREATE TABLE contact (
    id             uuid        PRIMARY KEY,
    person_id      uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    kind           text        NOT NULL,
    value          text        NOT NULL,         -- e-mail in lower case, or E.164
    proven_at      timestamptz NOT NULL,
    online_at      timestamptz,
    online_version text        NOT NULL DEFAULT '',
    CONSTRAINT contact_once UNIQUE (person_id, kind, value),
    CONSTRAINT contact_kind CHECK (kind IN ('email', 'sms')),
    CONSTRAINT contact_value CHECK (CASE kind WHEN 'sms' THEN value ~ '^\+[1-9][0-9]{6,14}$'
        ELSE value = lower(value) AND value ~ '^[^@]+@[^@]+$' AND octet_length(value) <= 254 END),
    CONSTRAINT contact_online_versioned CHECK (online_at IS NULL OR online_version <> '')
);
CREATE INDEX contact_value_index ON contact (kind, value);

-- A row is what happened to the consent of an address; it outlives the contact.
CREATE TABLE contact_consent (
    id         uuid        PRIMARY KEY,
    person_id  uuid        NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    kind       text        NOT NULL,
    value      text        NOT NULL,
    version    text        NOT NULL,
    language   text        NOT NULL,
    given      boolean     NOT NULL,             -- false: withdrawn
    at         timestamptz NOT NULL
);
CREATE INDEX contact_consent_person ON contact_consent (person_id);

-- A row says that an account lets a person act for it, with which powers, for
-- which classes of message, from when until when. It never changes but for its
-- end: withdrawing writes revoked_at. proof says how it was signed. The names are
-- kept here because evidence cites the mandate after the person has left; they go
-- with the account's data. Sources: R26; EN 319 522-1 (delegation).
CREATE TABLE mandate (
    id           uuid        PRIMARY KEY,
    account_id   uuid        NOT NULL REFERENCES account (id), -- the principal
    person_id    uuid        REFERENCES person (id) ON DELETE SET NULL, -- the grantee
    given        text        NOT NULL,
    family       text        NOT NULL,
    powers       text[]      NOT NULL,
    classes      text[]      NOT NULL DEFAULT '{}', -- empty: every class
    valid_from   timestamptz NOT NULL,
    valid_until  timestamptz,
    granted_by   text        NOT NULL,             -- subject of the actor
    granted_at   timestamptz NOT NULL,
    proof_kind   text        NOT NULL,             -- 'founder', 'operator', 'approval', 'signature'
    proof_record uuid,                             -- identification record that holds the approval or signature
    text_sha256  bytea,                            -- of the text that was approved
    revoked_at   timestamptz,
    revoked_by   text        NOT NULL DEFAULT '',
    CONSTRAINT mandate_powers CHECK (cardinality(powers) > 0 AND powers <@ ARRAY['send', 'receive', 'administer']),
    CONSTRAINT mandate_classes CHECK (cardinality(classes) <= 20),
    CONSTRAINT mandate_ends CHECK (valid_until > valid_from),
    CONSTRAINT mandate_proof_kind CHECK (proof_kind IN ('founder', 'operator', 'approval', 'signature')),
    CONSTRAINT mandate_signed CHECK (proof_kind IN ('founder', 'operator') OR (proof_record IS NOT NULL AND octet_length(text_sha256) = 32)),
    CONSTRAINT mandate_revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by = ''))
);
CREATE INDEX mandate_account ON mandate (account_id, granted_at);
CREATE INDEX mandate_person ON mandate (person_id) WHERE person_id IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION mandate_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at
       OR (OLD.id, OLD.account_id, OLD.powers, OLD.classes, OLD.valid_from, OLD.valid_until, OLD.granted_by, OLD.granted_at,
           OLD.proof_kind, OLD.proof_record, OLD.text_sha256)
          IS DISTINCT FROM
          (NEW.id, NEW.account_id, NEW.powers, NEW.classes, NEW.valid_from, NEW.valid_until, NEW.granted_by, NEW.granted_at,
           NEW.proof_kind, NEW.proof_record, NEW.text_sha256) THEN
        RAISE EXCEPTION 'mandate % only ever ends', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'mandate_only_ends';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER mandate_only_ends BEFORE UPDATE ON mandate FOR EACH ROW EXECUTE FUNCTION mandate_only_ends();

-- Whoever administered a company account before mandates existed may go on: the
-- operator opened the account for that person.
INSERT INTO mandate (id, account_id, person_id, given, family, powers, valid_from, granted_by, granted_at, proof_kind)
SELECT gen_random_uuid(), m.account_id, p.id, p.given, p.family, '{send,receive,administer}', m.created_at, m.created_by, m.created_at, 'operator'
  FROM membership m JOIN account a ON a.id = m.account_id JOIN person p ON p.id = m.person_id
 WHERE a.kind = 'company' AND m.role = 'administrator';
INSERT INTO mandate (id, account_id, person_id, given, family, powers, valid_from, granted_by, granted_at, proof_kind)
SELECT gen_random_uuid(), m.account_id, p.id, p.given, p.family, '{send}', m.created_at, m.created_by, m.created_at, 'operator'
  FROM membership m JOIN account a ON a.id = m.account_id JOIN person p ON p.id = m.person_id
 WHERE a.kind = 'company' AND m.role = 'sender';

ALTER TABLE membership DROP CONSTRAINT membership_role;
ALTER TABLE membership ADD CONSTRAINT membership_role CHECK (role IN ('administrator', 'sender', 'reader', 'billing'));
ALTER TABLE session DROP CONSTRAINT session_method;
ALTER TABLE session ADD CONSTRAINT session_method CHECK (method IN ('password', 'password+totp', 'password+recovery', 'passkey', 'reproofed'));
ALTER TABLE attempt_limit DROP CONSTRAINT attempt_limit_kind;
ALTER TABLE attempt_limit ADD CONSTRAINT attempt_limit_kind CHECK (kind ~ '^[a-z_]{1,40}$');

-- Notices to account holders belong to no delivery, some to no account yet.
ALTER TABLE notice ALTER COLUMN delivery_id DROP NOT NULL;
ALTER TABLE notice ALTER COLUMN account_id DROP NOT NULL;
ALTER TABLE notice DROP CONSTRAINT notice_kind_known;
ALTER TABLE notice ADD CONSTRAINT notice_kind_known CHECK (kind IN (
    'announcement', 'reminder', 'code', 'accepted', 'rejected', 'cancelled', 'goes_by_post', 'receipt', 'delegate_named',
    'contact_code', 'account_exists', 'password_reset', 'invitation', 'application_received', 'application_approved',
    'application_refused', 'account_suspended', 'account_resumed', 'account_closed', 'recovery_started', 'recovery_done',
    'sign_in_changed', 'contact_changed', 'mandate_granted', 'mandate_withdrawn'));
ALTER TABLE notice ADD CONSTRAINT notice_of_delivery CHECK (delivery_id IS NULL OR account_id IS NOT NULL);
