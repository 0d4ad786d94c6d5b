-- +goose Up

-- An address may have several reasons not to be written to, each with an end of
-- its own: a complaint does not go when a failure does.
ALTER TABLE suppression DROP CONSTRAINT suppression_pkey;
ALTER TABLE suppression ADD CONSTRAINT suppression_pkey PRIMARY KEY (channel, address, reason);
COMMENT ON TABLE suppression IS 'One reason not to write to one address, which is known by a keyed digest only. Holds until "until", or until somebody removes it.';
