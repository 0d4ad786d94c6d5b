-- +goose Up

-- What happened to a delivery of an account in which somebody wants to be told of
-- it once a day: one row each, without the delivery. Written with the move, never
-- changed, removed when everybody was told.
CREATE TABLE sender_event (
    id         uuid        NOT NULL,
    account_id uuid        NOT NULL REFERENCES account (id),
    event      text        NOT NULL,
    at         timestamptz NOT NULL,
    CONSTRAINT sender_event_pkey PRIMARY KEY (id),
    CONSTRAINT sender_event_known CHECK (event IN ('collected', 'refused', 'expired', 'posted', 'returned', 'failed'))
);
CREATE INDEX sender_event_of_account ON sender_event (account_id, at);
CREATE INDEX sender_event_age ON sender_event (at);
