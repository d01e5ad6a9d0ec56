-- +goose Up
-- When a caller works, as far as it is agreed: the day plan reads it. Whoever has no row is taken as there in the scheme's hours.
CREATE TABLE shift (
    scheme_id bigint NOT NULL,
    shift_id  bigint GENERATED ALWAYS AS IDENTITY,
    caller_id bigint NOT NULL,
    -- The days of the week on which it is worked: Sunday is bit 0.
    days      smallint NOT NULL CHECK (days BETWEEN 1 AND 127),
    begins    smallint[] NOT NULL,
    ends      smallint[] NOT NULL,
    first_day date,
    last_day  date,
    PRIMARY KEY (scheme_id, shift_id),
    FOREIGN KEY (scheme_id, caller_id) REFERENCES caller ON DELETE CASCADE,
    CONSTRAINT shift_windows_check CHECK (cardinality(begins) = cardinality(ends) AND cardinality(begins) > 0),
    CONSTRAINT shift_dates_check CHECK (last_day >= first_day)
);
CREATE INDEX shift_caller ON shift (caller_id, scheme_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON shift TO rappel_app;

-- +goose Down
DROP TABLE shift;
