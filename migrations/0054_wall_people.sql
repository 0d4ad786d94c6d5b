-- +goose Up

-- People stand behind the wall of migration 46 too: a request of an account sees
-- the account's own people, with what they sign in with and where they are
-- reached, and nobody else's. A person in several accounts is seen by each; whom
-- the account gives a mandate need not be in it.
SELECT wall('person', 'EXISTS (SELECT FROM membership m WHERE m.person_id = person.id)
    OR EXISTS (SELECT FROM mandate m WHERE m.person_id = person.id) OR EXISTS (SELECT FROM mandate_draft m WHERE m.grantee_id = person.id)');

-- What belongs to a person is seen where the person is.
-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['contact', 'contact_consent', 'contact_draft', 'recovery', 'recovery_code', 'webauthn_ceremony', 'webauthn_credential'] LOOP
        PERFORM wall(t::regclass, format('EXISTS (SELECT FROM membership m WHERE m.person_id = %I.person_id)', t));
    END LOOP;

    -- Of no account at all: operators and their registers, and people who do not
    -- have an account yet.
    FOREACH t IN ARRAY ARRAY['operator', 'register_disclosure', 'register_hosting', 'register_incident', 'register_request', 'sign_up', 'departure'] LOOP
        PERFORM wall(t::regclass, 'false');
    END LOOP;
END $$;
-- +goose StatementEnd
