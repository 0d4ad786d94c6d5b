-- +goose Up

-- Who bears the cost of a message inside the sender's house. Written once, at
-- submission, like everything of a message; recipients and evidence do not get it.
ALTER TABLE message ADD cost_centre text NOT NULL DEFAULT '';
ALTER TABLE message ADD CONSTRAINT message_cost_centre_bounded CHECK (char_length(cost_centre) <= 50);
