-- +goose Up
-- A whole register called on one day.
CREATE TABLE surge (
    scheme_id  bigint NOT NULL REFERENCES scheme,
    surge_id   bigint GENERATED ALWAYS AS IDENTITY,
    uid        uuid NOT NULL,
    kind       text NOT NULL,
    local_date date NOT NULL,
    started_at timestamptz NOT NULL,
    stopped_at timestamptz,
    PRIMARY KEY (scheme_id, surge_id),
    UNIQUE (scheme_id, uid),
    CONSTRAINT surge_kind_check CHECK (kind IN ('scheduled', 'presence', 'reminder', 'survey'))
);

-- Its calls. They stand apart from their occurrences, whose rows every call writes.
CREATE TABLE surge_call (
    scheme_id     bigint NOT NULL,
    surge_id      bigint NOT NULL,
    occurrence_id bigint NOT NULL,
    PRIMARY KEY (scheme_id, surge_id, occurrence_id),
    FOREIGN KEY (scheme_id, surge_id) REFERENCES surge
);

GRANT SELECT, INSERT, UPDATE ON surge TO rappel_app;
GRANT SELECT, INSERT ON surge_call TO rappel_app;

-- +goose Down
DROP TABLE surge_call, surge;
