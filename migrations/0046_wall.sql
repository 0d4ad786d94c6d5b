-- +goose Up

-- The wall between accounts. What a request asks for an account is asked as the
-- role bode_account, with the account in the setting bode.account (identity/wall.go);
-- policies let that role see and change rows of that account and no others, also
-- where a statement forgets its WHERE. Without the setting it sees none. Our own
-- work goes on as the owner of the tables, whom policies do not bind.
--
-- The role belongs to the server and cannot sign in. Where we may not make it,
-- somebody who may does so once: see docs/operations.md.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bode_account') THEN
        CREATE ROLE bode_account NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- another database of this server was faster
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
DO $$
BEGIN
    GRANT bode_account TO CURRENT_USER;
EXCEPTION WHEN insufficient_privilege OR unique_violation THEN
    IF NOT pg_has_role(current_user, 'bode_account', 'MEMBER') THEN
        RAISE;
    END IF;
END $$;
-- +goose StatementEnd

-- Policies decide which rows; the rights below decide what may be done at all. Tables
-- made later, the queue's among them, get the same.
-- +goose StatementBegin
DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO bode_account', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO bode_account', current_schema());
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO bode_account', current_schema());
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO bode_account', current_schema());
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE ON SEQUENCES TO bode_account', current_schema());
END $$;
-- +goose StatementEnd

-- wall_account is the account of the request; null, which equals nothing, when
-- there is none.
CREATE FUNCTION wall_account() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('bode.account', true), '')::uuid
$$;

-- wall puts a table behind the wall. A row may be seen and written where owned is
-- true of it. Every table with an account_id, or with rows about one delivery or
-- message, is put there by the migration that makes it; a test asks the catalogue.
-- +goose StatementBegin
CREATE FUNCTION wall(walled regclass, owned text DEFAULT 'account_id = wall_account()') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', walled);
    EXECUTE format('CREATE POLICY wall ON %s TO bode_account USING (%s) WITH CHECK (%2$s)', walled, owned);
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    -- The account's own rows.
    FOREACH t IN ARRAY ARRAY[
        'access_log', 'addressee', 'api_key', 'application', 'billing_address', 'bulk', 'charge', 'client_certificate', 'collected_day',
        'consent', 'contact_proposal', 'daily_cap', 'daily_use', 'deadline', 'delivery', 'document', 'draft', 'erds_event', 'event_rest',
        'evidence', 'idempotency', 'invoice', 'ledger_account', 'ledger_entry', 'ledger_posting', 'mandate', 'mandate_draft', 'membership',
        'message', 'notice', 'operator_act', 'payment', 'purse', 'release_rule', 'sender_event', 'sender_preference', 'session', 'template',
        'test_clock', 'ticket', 'trial_address', 'webhook']
    LOOP
        PERFORM wall(t::regclass);
    END LOOP;

    PERFORM wall('account', 'id = wall_account()');

    -- Rows of a row of the account's. The look into that table is behind the wall too.
    FOREACH t IN ARRAY ARRAY['access_token', 'api_client', 'client_assertion'] LOOP
        PERFORM wall(t::regclass, format('EXISTS (SELECT FROM api_key k WHERE k.id = %I.key_id)', t));
    END LOOP;
    FOREACH t IN ARRAY ARRAY['collect_session', 'delegate', 'letter', 'postal_document'] LOOP
        PERFORM wall(t::regclass, format('EXISTS (SELECT FROM delivery d WHERE d.id = %I.delivery_id)', t));
    END LOOP;
    FOREACH t IN ARRAY ARRAY['erasure', 'legal_hold'] LOOP
        PERFORM wall(t::regclass, format('EXISTS (SELECT FROM message m WHERE m.id = %I.message_id)', t));
    END LOOP;
    FOREACH t IN ARRAY ARRAY['webhook_attempt', 'webhook_key', 'webhook_post'] LOOP
        PERFORM wall(t::regclass, format('EXISTS (SELECT FROM webhook w WHERE w.id = %I.webhook_id)', t));
    END LOOP;
    FOREACH t IN ARRAY ARRAY['notify_attempt', 'notify_report'] LOOP
        PERFORM wall(t::regclass, format('EXISTS (SELECT FROM notice n WHERE n.id = %I.notice_id)', t));
    END LOOP;
    PERFORM wall('application_form', 'EXISTS (SELECT FROM application a WHERE a.id = application_form.application_id)');
    PERFORM wall('bulk_row', 'EXISTS (SELECT FROM bulk b WHERE b.id = bulk_row.bulk_id)');
    PERFORM wall('template_version', 'EXISTS (SELECT FROM template t WHERE t.id = template_version.template_id)');

    -- What proved who a recipient is, and who the account's people are.
    PERFORM wall('identification', 'EXISTS (SELECT FROM delivery d WHERE d.id = identification.delivery_id)
        OR EXISTS (SELECT FROM membership m JOIN person p ON p.id = m.person_id
                    WHERE p.id = identification.person_id OR p.identification_id = identification.id)');
END $$;
-- +goose StatementEnd
