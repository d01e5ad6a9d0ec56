-- +goose Up
-- What people have registered by keypad and voice, until a registrar makes a person of it. Nobody is called because of a row here
-- alone: whoever was proposed by somebody else is asked first, by a registrar.
CREATE TABLE registration (
    scheme_id       bigint NOT NULL REFERENCES scheme,
    registration_id uuid NOT NULL,
    cli             text NOT NULL DEFAULT '',
    -- At which she is to be called; empty when none was confirmed.
    number          text NOT NULL DEFAULT '',
    recording       text NOT NULL DEFAULT '',
    source          text NOT NULL DEFAULT '',
    language        text NOT NULL,
    cadence         text NOT NULL DEFAULT '',
    per_week        smallint NOT NULL DEFAULT 0 CHECK (per_week BETWEEN 0 AND 7),
    -- Sunday is 0, as in Go.
    days            smallint[] NOT NULL DEFAULT '{}' CHECK (days <@ ARRAY[0, 1, 2, 3, 4, 5, 6]::smallint[]),
    part            text NOT NULL DEFAULT '',
    -- Empty means that it is unfinished.
    consent         text NOT NULL DEFAULT '',
    -- What was read out before consent was given, or how it was heard at the first call.
    wording         text NOT NULL DEFAULT '',
    left_at         timestamptz NOT NULL,
    handled_at      timestamptz,
    PRIMARY KEY (scheme_id, registration_id),
    CONSTRAINT registration_number_check CHECK (number ~ '^(\+[1-9][0-9]{5,14})?$'),
    CONSTRAINT registration_source_check CHECK (source IN
        ('', 'self', 'family', 'neighbour', 'pharmacist', 'nurse', 'shop', 'service')),
    CONSTRAINT registration_language_check CHECK (language IN ('fr', 'nl', 'de', 'en')),
    CONSTRAINT registration_cadence_check CHECK (cadence IN ('', 'daily', 'weekly', 'fortnightly', 'monthly', 'once')),
    CONSTRAINT registration_part_check CHECK (part IN ('', 'morning', 'afternoon')),
    CONSTRAINT registration_consent_check CHECK (consent IN ('', 'proposed', 'given'))
);
CREATE INDEX registration_number ON registration (number, scheme_id);

-- Where registrations came from, for the figures: it outlives them.
CREATE TABLE registration_count (
    scheme_id bigint NOT NULL REFERENCES scheme,
    month     date NOT NULL,
    source    text NOT NULL,
    -- finished, unfinished, registered, refused, discarded.
    outcome   text NOT NULL,
    count     bigint NOT NULL CHECK (count > 0),
    PRIMARY KEY (scheme_id, month, source, outcome),
    CONSTRAINT registration_count_source_check CHECK (source IN
        ('', 'self', 'family', 'neighbour', 'pharmacist', 'nurse', 'shop', 'service')),
    CONSTRAINT registration_count_outcome_check CHECK (outcome IN
        ('finished', 'unfinished', 'registered', 'refused', 'discarded'))
);

-- Who works on what waits for the registrars (messages, callbacks, registrations), and what became of it. It outlives an item that
-- was erased.
CREATE TABLE inbox_mark (
    scheme_id  bigint NOT NULL REFERENCES scheme,
    item       uuid NOT NULL,
    taken_by   text NOT NULL DEFAULT '',
    taken_at   timestamptz,
    handled_by text NOT NULL DEFAULT '',
    -- The ref of whom it became, or was about.
    person     text NOT NULL DEFAULT '',
    PRIMARY KEY (scheme_id, item)
);

-- Of somebody who has refused, calls no longer tell the number.
ALTER TABLE attempt
    DROP CONSTRAINT attempt_number_check,
    ADD CONSTRAINT attempt_number_check CHECK (number ~ '^(\+[1-9][0-9]{5,14})?$') NOT VALID;
ALTER TABLE line_callback
    DROP CONSTRAINT line_callback_number_check,
    ADD CONSTRAINT line_callback_number_check CHECK (number ~ '^(\+[1-9][0-9]{5,14})?$');

GRANT SELECT, INSERT, UPDATE, DELETE ON registration TO rappel_app;
GRANT SELECT, INSERT, UPDATE ON registration_count, inbox_mark TO rappel_app;
GRANT UPDATE (number) ON line_callback TO rappel_app;

-- +goose Down
UPDATE line_callback SET number = '+100000' WHERE number = '';
UPDATE attempt SET number = '+100000' WHERE number = '';
ALTER TABLE line_callback
    DROP CONSTRAINT line_callback_number_check,
    ADD CONSTRAINT line_callback_number_check CHECK (number ~ '^\+[1-9][0-9]{5,14}$');
ALTER TABLE attempt
    DROP CONSTRAINT attempt_number_check,
    ADD CONSTRAINT attempt_number_check CHECK (number ~ '^\+[1-9][0-9]{5,14}$');
DROP TABLE inbox_mark, registration_count, registration;
