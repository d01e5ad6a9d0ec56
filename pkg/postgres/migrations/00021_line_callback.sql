-- Calls that the line has promised to people who would not wait. Whoever rings in need not be anybody the scheme knows: the
-- promise stands on the number alone.

-- +goose Up
CREATE TABLE line_callback (
    scheme_id      bigint NOT NULL REFERENCES scheme,
    -- Its occurrences carry the key, negated, for their agreement and, unless the person is known, for their beneficiary.
    callback_id    bigint GENERATED ALWAYS AS IDENTITY,
    uid            uuid NOT NULL,
    number         text NOT NULL CHECK (number ~ '^\+[1-9][0-9]{5,14}$'),
    language       text NOT NULL,
    -- The only person reached at the number; null when there is none, or several.
    beneficiary_id bigint,
    asked_at       timestamptz NOT NULL,
    PRIMARY KEY (scheme_id, callback_id),
    UNIQUE (uid, scheme_id),
    CONSTRAINT line_callback_language_check CHECK (language IN ('fr', 'nl', 'de', 'en'))
);
CREATE INDEX line_callback_number ON line_callback (number, scheme_id);

GRANT SELECT, INSERT ON line_callback TO rappel_app;

-- +goose Down
DROP TABLE line_callback;
