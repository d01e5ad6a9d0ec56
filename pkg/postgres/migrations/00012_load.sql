-- +goose Up
-- What a caller's load is measured by besides her calls and hard calls of the day, so that a restart forgets nothing of it:
-- how long she has talked, her hard calls in a row and those before her last call (which may turn out to be hard later), that
-- call, and when her last hard call ended, from which her breather counts.
ALTER TABLE caller_status
    ADD COLUMN talk_today_ms bigint NOT NULL DEFAULT 0 CHECK (talk_today_ms >= 0),
    ADD COLUMN hard_in_row   integer NOT NULL DEFAULT 0 CHECK (hard_in_row >= 0),
    ADD COLUMN row_before    integer NOT NULL DEFAULT 0 CHECK (row_before >= 0),
    ADD COLUMN last_call     uuid,
    ADD COLUMN hard_ended    timestamptz;

-- +goose Down
ALTER TABLE caller_status
    DROP COLUMN talk_today_ms, DROP COLUMN hard_in_row, DROP COLUMN row_before, DROP COLUMN last_call, DROP COLUMN hard_ended;
