-- +goose Up

-- What proves a removal says whether the message was a test: keys of tests list
-- theirs, and a sender's report has none of them.
ALTER TABLE erasure ADD COLUMN test boolean NOT NULL DEFAULT false;
DROP INDEX erasure_account;
CREATE INDEX erasure_account ON erasure (account_id, test, erased_at DESC, message_id DESC) WHERE account_id IS NOT NULL;

-- An account removes its own tests, when it moves their clock.
DROP POLICY wall ON erasure;
CREATE POLICY wall ON erasure TO bode_account USING (account_id = wall_account()) WITH CHECK (test AND account_id = wall_account());
