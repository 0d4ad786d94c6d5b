-- +goose Up

-- Lists are in the order of submission, newest first: of messages by their id, of
-- deliveries by that of their message and their place in it. Each way to narrow a
-- list has an index in that order, so that a page costs the same however much
-- there is.
CREATE INDEX message_list ON message (account_id, test, id);
CREATE INDEX message_list_by_day ON message (account_id, test, submitted_at);
CREATE INDEX message_list_by_reference ON message (account_id, test, lower(reference), id) WHERE reference <> '';
CREATE INDEX message_list_by_cost_centre ON message (account_id, test, lower(cost_centre), id) WHERE cost_centre <> '';
CREATE INDEX delivery_list ON delivery (account_id, test, message_id, position);
CREATE INDEX delivery_list_by_state ON delivery (account_id, test, state, message_id, position);
DROP INDEX message_by_account;
DROP INDEX delivery_by_account;

-- Whom a message is for, by the beginning of a name or of an address.
CREATE INDEX delivery_list_by_name ON delivery (account_id, test,
    (lower(coalesce(recipient -> 'organisation' ->> 'name', (recipient ->> 'family') || ' ' || (recipient ->> 'given')))) text_pattern_ops);
CREATE INDEX delivery_list_by_email ON delivery (account_id, test, (lower(recipient ->> 'email')) text_pattern_ops);

-- What a sender has to look at: windows that end soon, and whom nothing reached.
CREATE INDEX delivery_ends_soon ON delivery (account_id, test, respond_by) WHERE state = 'notified';
CREATE INDEX delivery_unreached ON delivery (account_id, test, message_id, position)
    WHERE email = 'failed' AND sms = 'failed' AND state IN ('submitted', 'notified', 'expired');

-- Better addresses that wait for the sender's answer are found by account.
ALTER TABLE contact_proposal ADD COLUMN account_id uuid REFERENCES account (id);
ALTER TABLE contact_proposal ADD COLUMN test boolean NOT NULL DEFAULT false;
UPDATE contact_proposal p SET account_id = d.account_id, test = d.test FROM delivery d WHERE d.id = p.delivery_id;
ALTER TABLE contact_proposal ALTER COLUMN account_id SET NOT NULL;
CREATE INDEX contact_proposal_waiting ON contact_proposal (account_id, test, delivery_id) WHERE proven_at IS NOT NULL AND decided_at IS NULL;

-- How many deliveries of an account were collected on one day (of the service's
-- calendar) after how long. took is a class of durations: the n-th ends n eighths
-- of a doubling after a minute, so each is 9 % longer than the one before. Counted
-- up in the transaction that records the acceptance; never counted down, and no
-- personal data: it outlives the messages.
CREATE TABLE collected_day (
    account_id uuid     NOT NULL REFERENCES account (id),
    test       boolean  NOT NULL,
    day        date     NOT NULL,
    took       smallint NOT NULL,
    n          integer  NOT NULL,
    CONSTRAINT collected_day_pkey PRIMARY KEY (account_id, test, day, took),
    CONSTRAINT collected_day_counts CHECK (n > 0),
    CONSTRAINT collected_day_class_known CHECK (took BETWEEN 0 AND 200)
);
INSERT INTO collected_day (account_id, test, day, took, n)
SELECT account_id, test, (decided_at AT TIME ZONE 'Europe/Brussels')::date,
       least(200, ceil(8 * log(2.0, greatest(1.0, extract(epoch FROM decided_at - notified_at)::numeric / 60))))::smallint, count(*)
  FROM delivery WHERE state IN ('accepted', 'consigned', 'handed_over') AND decided_at IS NOT NULL AND notified_at IS NOT NULL
 GROUP BY 1, 2, 3, 4;

-- What somebody who works for an account wants to be told by mail of its
-- deliveries: how names, for each event that is not left out, 'at_once' or
-- 'daily'. told_at is until when the daily mail has told. A row ends with the
-- membership; nobody without a row is told anything.
CREATE TABLE sender_preference (
    account_id uuid        NOT NULL,
    person_id  uuid        NOT NULL,
    how        jsonb       NOT NULL,
    told_at    timestamptz NOT NULL,
    CONSTRAINT sender_preference_pkey PRIMARY KEY (account_id, person_id),
    CONSTRAINT sender_preference_of_member FOREIGN KEY (account_id, person_id) REFERENCES membership (account_id, person_id) ON DELETE CASCADE,
    CONSTRAINT sender_preference_object CHECK (jsonb_typeof(how) = 'object')
);
CREATE INDEX sender_preference_daily ON sender_preference (told_at) WHERE how @? '$.* ? (@ == "daily")';
