-- Parties on the line who waited for a registrar: what the queue's figures are made of. Who they are is not kept.

-- +goose Up
CREATE TABLE inbound_party (
    scheme_id   bigint NOT NULL REFERENCES scheme,
    party_id    uuid NOT NULL,
    language    text NOT NULL,
    queued_at   timestamptz NOT NULL,
    -- What follows changes: answered and ended, or left.
    answered_at timestamptz,
    left_at     timestamptz,
    ended_at    timestamptz,
    reason      text NOT NULL DEFAULT '',
    -- The registrar; 0 while nobody answered.
    caller_id   bigint NOT NULL DEFAULT 0,
    events      integer NOT NULL DEFAULT 0,
    PRIMARY KEY (scheme_id, party_id),
    CONSTRAINT inbound_party_language_check CHECK (language IN ('fr', 'nl', 'de', 'en')),
    CONSTRAINT inbound_party_reason_check CHECK (reason IN ('', 'abandoned', 'callback', 'nobody', 'lost')),
    CONSTRAINT inbound_party_left_check CHECK (left_at IS NULL OR answered_at IS NULL)
);
CREATE INDEX inbound_party_queued ON inbound_party (queued_at, scheme_id);

-- How long a party waits for a registrar of her language before any other, and the pool named here, may take the call.
ALTER TABLE scheme
    ADD COLUMN overflow_ms bigint NOT NULL DEFAULT 120000 CHECK (overflow_ms > 0),
    ADD COLUMN overflow_to text NOT NULL DEFAULT '',
    ADD CONSTRAINT scheme_overflow_check CHECK (overflow_to IN ('', 'caller', 'coordinator'));

GRANT SELECT, INSERT, UPDATE ON inbound_party TO rappel_app;

-- +goose Down
ALTER TABLE scheme DROP COLUMN overflow_ms, DROP COLUMN overflow_to;
DROP TABLE inbound_party;
