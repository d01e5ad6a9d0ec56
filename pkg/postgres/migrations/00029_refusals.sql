-- +goose Up
-- Whoever will not be called, for ever: of a number nothing is kept but its HMAC-SHA-256 under a key that is not in the
-- database, so that a copy of the database tells nobody's number.
CREATE TABLE refusal (
    scheme_id   bigint NOT NULL REFERENCES scheme,
    number_hash bytea NOT NULL CHECK (length(number_hash) = 32),
    refused_on  date NOT NULL,
    how         text NOT NULL,
    PRIMARY KEY (scheme_id, number_hash),
    CONSTRAINT refusal_how_check CHECK (how IN ('first_call', 'outreach', 'registrar'))
);

-- Made with the key too: a scheme whose refusals were made with another key is not taken for one without refusals. Null while
-- nobody has refused.
ALTER TABLE scheme ADD COLUMN refusal_check bytea CHECK (length(refusal_check) = 32);

GRANT SELECT, INSERT, DELETE ON refusal TO rappel_app;

-- +goose Down
ALTER TABLE scheme DROP COLUMN refusal_check;
DROP TABLE refusal;
