-- +goose Up

-- How long each class of record is kept, what is left of what went, whom senders
-- were told of, and what a use of an account was about. Times are UTC and come from
-- the application's clock.

-- A row is how many months a class of record is kept, where an operator said
-- another number than the default; how the number came about stands in
-- operator_act. Evidence and what else is kept of a message follow the policy of
-- the message, invoices the setting credits-keep (R29).
CREATE TABLE retention_rule (
    class  text        PRIMARY KEY,
    months integer     NOT NULL,
    set_by text        NOT NULL,        -- person id of an operator
    set_at timestamptz NOT NULL,
    CONSTRAINT retention_rule_class CHECK (class IN ('contents', 'identification', 'access_log', 'refused_application')),
    CONSTRAINT retention_rule_months CHECK (months BETWEEN 1 AND 120)
);

-- A row says that the administrators of an account were told on which day a
-- sub-processor begins to work for us (R24): it is written with their notices, and
-- stays as what a sender can be shown. Another day is another row.
CREATE TABLE processor_told (
    entry      uuid        NOT NULL,     -- of register_processor
    starts     date        NOT NULL,
    account_id uuid        NOT NULL REFERENCES account (id),
    told_at    timestamptz NOT NULL,
    PRIMARY KEY (entry, starts, account_id),
    CONSTRAINT processor_told_before CHECK (told_at < starts)
);
CREATE INDEX processor_told_account ON processor_told (account_id, told_at);

-- Whose message it was that went, when its retention ended, and how many pieces of
-- content had their keys forgotten: what a sender is shown as evidence of a
-- removal (R23). Rows of before do not know.
ALTER TABLE erasure ADD COLUMN account_id uuid;
ALTER TABLE erasure ADD COLUMN due_at timestamptz;
ALTER TABLE erasure ADD COLUMN pieces integer;
ALTER TABLE erasure ADD CONSTRAINT erasure_not_early CHECK (erased_at >= due_at);
ALTER TABLE erasure ADD CONSTRAINT erasure_pieces CHECK (pieces >= 0);
CREATE INDEX erasure_account ON erasure (account_id, erased_at DESC) WHERE account_id IS NOT NULL;

-- What a use of an account was about, where it was one thing: the id of a message
-- or a delivery. It names nobody, and may be of something that is gone.
ALTER TABLE access_log ADD COLUMN about uuid;

-- The wall (0046): rows about an account are that account's. Whoever removes a
-- message is the system; an account reads what is left of its own.
SELECT wall('processor_told');
DROP POLICY wall ON erasure;
CREATE POLICY wall ON erasure TO bode_account USING (account_id = wall_account()) WITH CHECK (false);
