-- When a scheme calls and when a person is called: hours per weekday, exceptions by date, windows per weekday and zone.

-- +goose Up
-- Where public holidays differ from the country's (ISO 3166-2): FR-57, FR-67 and FR-68.
ALTER TABLE scheme ADD COLUMN region text NOT NULL DEFAULT ''
    CONSTRAINT scheme_region_check CHECK (region ~ '^([A-Z]{2}-[A-Z0-9]{1,3})?$');

-- The hours of each day of the week. A scheme without any row calls from scheme.opens to closes, Monday to Friday; one with
-- rows is closed on the days that have none.
CREATE TABLE scheme_hours (
    scheme_id bigint NOT NULL REFERENCES scheme,
    -- Sunday is 0, as in Go.
    weekday   smallint NOT NULL CHECK (weekday BETWEEN 0 AND 6),
    begins    smallint[] NOT NULL,
    ends      smallint[] NOT NULL,
    PRIMARY KEY (scheme_id, weekday),
    CONSTRAINT scheme_hours_windows_check CHECK (cardinality(begins) = cardinality(ends))
);

-- Dates with other hours than usual, public holidays included; no windows means closed. Where two hold on one date, the
-- later made counts.
CREATE TABLE hours_exception (
    scheme_id    bigint NOT NULL REFERENCES scheme,
    exception_id bigint GENERATED ALWAYS AS IDENTITY,
    uid          uuid NOT NULL,
    first_day    date NOT NULL,
    last_day     date NOT NULL,
    begins       smallint[] NOT NULL DEFAULT '{}',
    ends         smallint[] NOT NULL DEFAULT '{}',
    made_at      timestamptz NOT NULL,
    revoked_at   timestamptz,
    PRIMARY KEY (scheme_id, exception_id),
    UNIQUE (scheme_id, uid),
    CONSTRAINT hours_exception_windows_check CHECK (cardinality(begins) = cardinality(ends)),
    CONSTRAINT hours_exception_days_check CHECK (last_day >= first_day)
);

-- Of her windows and dates; empty means the scheme's.
ALTER TABLE beneficiary ADD COLUMN zone text NOT NULL DEFAULT '';

ALTER TABLE agreement
    -- Beside begins and ends: the days of the week on which the window holds, Sunday is bit 0; 0 means every day.
    ADD COLUMN window_days smallint[] NOT NULL DEFAULT '{}',
    ADD COLUMN month_day   smallint NOT NULL DEFAULT 0 CHECK (month_day BETWEEN 0 AND 31),
    ADD COLUMN nth         smallint NOT NULL DEFAULT 0 CHECK (nth BETWEEN -1 AND 4),
    ADD COLUMN dates       date[] NOT NULL DEFAULT '{}',
    -- Where the scheme has put an agreement that leaves the days free: Sunday is bit 0; 0 leaves it to the key, null is to be
    -- decided.
    ADD COLUMN place_days  smallint CHECK (place_days BETWEEN 0 AND 127),
    ADD COLUMN place_week  smallint NOT NULL DEFAULT 0 CHECK (place_week BETWEEN 0 AND 4);
-- Who has been called by the key so far keeps her days.
UPDATE agreement SET place_days = 0;
CREATE INDEX agreement_unplaced ON agreement (agreement_id, scheme_id) WHERE place_days IS NULL AND ended_at IS NULL;

ALTER TABLE absence ADD COLUMN welcome_back boolean NOT NULL DEFAULT false;
ALTER TABLE no_call_period
    ADD COLUMN uid        uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN revoked_at timestamptz;

GRANT SELECT, INSERT, UPDATE, DELETE ON scheme_hours TO rappel_app;
GRANT SELECT, INSERT, UPDATE ON hours_exception TO rappel_app;

-- +goose Down
ALTER TABLE no_call_period DROP COLUMN uid, DROP COLUMN revoked_at;
ALTER TABLE absence DROP COLUMN welcome_back;
ALTER TABLE agreement DROP COLUMN window_days, DROP COLUMN month_day, DROP COLUMN nth, DROP COLUMN dates,
    DROP COLUMN place_days, DROP COLUMN place_week;
ALTER TABLE beneficiary DROP COLUMN zone;
DROP TABLE hours_exception, scheme_hours;
ALTER TABLE scheme DROP COLUMN region;
