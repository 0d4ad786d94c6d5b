-- A row is a migration file that was applied here, or is about to be: its
-- digest is written before the file runs. Only the migration procedure writes
-- it. An applied file whose digest differs was edited afterwards, and is refused.
-- This file has no number: it prepares the numbered ones.
CREATE TABLE IF NOT EXISTS migration_file (
    version     bigint      NOT NULL,
    name        text        NOT NULL,
    sha256      text        NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT migration_file_pkey PRIMARY KEY (version),
    CONSTRAINT migration_file_version_positive CHECK (version > 0),
    CONSTRAINT migration_file_sha256_hex CHECK (sha256 ~ '^[0-9a-f]{64}$')
);
