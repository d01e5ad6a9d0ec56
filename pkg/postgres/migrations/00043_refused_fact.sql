-- What happened on the telephone and the records would not take: they were brought back to a moment before the call was claimed.

-- +goose Up
CREATE TABLE refused_fact (
    scheme_id  bigint NOT NULL REFERENCES scheme,
    uid        uuid NOT NULL,
    digest     bytea NOT NULL, -- Of the fact: one that is set aside twice is there once.
    at         timestamptz NOT NULL, -- When it happened.
    kind       text NOT NULL,
    attempt_id uuid, -- Of which the records may know nothing.
    what       text NOT NULL,
    why        text NOT NULL,
    fact       jsonb NOT NULL,
    refused_at timestamptz NOT NULL,
    closed_at  timestamptz, -- A person has seen it and wants to see it no more.
    PRIMARY KEY (scheme_id, uid),
    UNIQUE (scheme_id, digest)
);
GRANT SELECT, INSERT, UPDATE ON refused_fact TO rappel_app;

-- +goose Down
DROP TABLE refused_fact;
