-- +goose Up

-- When the letter of a delivery was begun, and as what: {reason, ended_at}. Set
-- and committed before the partner is asked, so that a letter which the partner
-- may have is known of even if the recipient collected meanwhile.
ALTER TABLE delivery ADD COLUMN letter_begun jsonb;

-- What the recipient chose about how to be reached: {paper_at}. Cached from
-- the events.
ALTER TABLE delivery ADD COLUMN choices jsonb NOT NULL DEFAULT '{}';

-- What the search for lost follow-up work looks at.
CREATE INDEX delivery_waits_for_paper ON delivery (last_at)
    WHERE state = 'notified' AND (choices ? 'paper_at' OR email = 'failed' AND sms = 'failed');

-- delivery.PostItem learns how far the letter was reported to be.
UPDATE delivery d SET post = post || jsonb_build_object('status', x.status, 'seen', jsonb_build_array(x.status))
  FROM (VALUES ('posted', 'posted'), ('delivered_by_post', 'delivered'), ('returned', 'returned')) AS x (state, status)
 WHERE d.state = x.state AND d.post IS NOT NULL;

-- A better address that the recipient named: proven by a code, and used once the
-- sender agrees. At most three for a delivery; it goes with it (R21).
CREATE TABLE contact_proposal (
    id          uuid        PRIMARY KEY,
    delivery_id uuid        NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    channel     text        NOT NULL,
    address     text        NOT NULL,
    created_at  timestamptz NOT NULL,
    proven_at   timestamptz,                         -- the code that was sent there was entered
    decided_at  timestamptz,                         -- by the sender
    agreed      boolean,
    CONSTRAINT contact_proposal_channel_known CHECK (channel IN ('email', 'sms')),
    CONSTRAINT contact_proposal_address_bounded CHECK (octet_length(address) BETWEEN 3 AND 320),
    CONSTRAINT contact_proposal_decided CHECK ((decided_at IS NULL) = (agreed IS NULL)),
    CONSTRAINT contact_proposal_decided_when_proven CHECK (decided_at IS NULL OR proven_at IS NOT NULL)
);
CREATE INDEX contact_proposal_by_delivery ON contact_proposal (delivery_id, created_at);
CREATE UNIQUE INDEX contact_proposal_one_open ON contact_proposal (delivery_id, channel) WHERE proven_at IS NOT NULL AND decided_at IS NULL;
