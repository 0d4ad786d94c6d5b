-- +goose Up

-- A part of the service that we watch ourselves, as it was when last looked at.
-- The row is locked by whoever writes down a look, so that looks at one part are
-- in order. Inserted with the first look, never removed.
CREATE TABLE watched_part (
    part      text        PRIMARY KEY,
    since     timestamptz NOT NULL,                 -- of the first look
    looked_at timestamptz NOT NULL,
    working   boolean     NOT NULL,
    CONSTRAINT watched_part_plain CHECK (part ~ '^[a-z]{2,20}$'),
    CONSTRAINT watched_part_in_order CHECK (looked_at >= since)
);

-- One look at one part. It never changes; removed after 90 days, when the outage
-- it began or ended still says what came of it.
CREATE TABLE watched_look (
    part    text        NOT NULL REFERENCES watched_part (part),
    at      timestamptz NOT NULL,
    working boolean     NOT NULL,
    took_ms integer     NOT NULL,
    PRIMARY KEY (part, at),
    CONSTRAINT watched_look_took CHECK (took_ms >= 0)
);

-- A time in which a part did not work: from the first look that failed, or, when
-- nobody looked, from the last one before, to the first that succeeded. Written by
-- the look that found it, ended once, given its certificate once, and kept for
-- ever: it proves that somebody could not act.
CREATE TABLE outage (
    id           uuid        PRIMARY KEY,
    part         text        NOT NULL REFERENCES watched_part (part),
    unwatched    boolean     NOT NULL,               -- nobody looked: it counts as not working
    began_at     timestamptz NOT NULL,
    ended_at     timestamptz,
    certificate  bytea,                              -- PDF under our seal
    certified_at timestamptz,
    CONSTRAINT outage_in_order CHECK (ended_at > began_at),
    CONSTRAINT outage_certificate_of_ended CHECK (certificate IS NULL OR ended_at IS NOT NULL),
    CONSTRAINT outage_certificate_dated CHECK ((certificate IS NULL) = (certified_at IS NULL))
);
CREATE UNIQUE INDEX outage_one_open ON outage (part) WHERE ended_at IS NULL;
CREATE INDEX outage_by_time ON outage (began_at DESC, id DESC);
CREATE INDEX outage_uncertified ON outage (ended_at) WHERE certificate IS NULL;

-- +goose StatementBegin
CREATE FUNCTION outage_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.certificate IS NOT NULL
       OR (NEW.id, NEW.part, NEW.unwatched, NEW.began_at) IS DISTINCT FROM (OLD.id, OLD.part, OLD.unwatched, OLD.began_at)
       OR OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at THEN
        RAISE EXCEPTION 'outage %: only its end and its certificate may be added', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'outage_only_ends';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER outage_only_ends BEFORE UPDATE OR DELETE ON outage FOR EACH ROW EXECUTE FUNCTION outage_only_ends();

-- How messages fared, reckoned once a day over the 90 days before: what the
-- public page shows. No row says anything of a single person or account.
CREATE TABLE public_figure (
    day            date        PRIMARY KEY,
    ended          integer     NOT NULL,             -- deliveries of that time that came to an end
    collected      integer     NOT NULL,             -- of these, collected online
    median_seconds integer,                          -- from sending to receiving, of those collected
    reckoned_at    timestamptz NOT NULL,
    CONSTRAINT public_figure_counts CHECK (collected BETWEEN 0 AND ended),
    CONSTRAINT public_figure_median CHECK (median_seconds >= 0 AND (median_seconds IS NULL) = (collected = 0))
);
