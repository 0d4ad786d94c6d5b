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
