-- +goose Up
-- What one caller is given on a day (dispatch.Load): of everybody in a scheme, and a caller's own, of which 0 takes the
-- scheme's. 0 sets no bound.
ALTER TABLE scheme
    ADD COLUMN load_talk_ms     bigint NOT NULL DEFAULT 0 CHECK (load_talk_ms >= 0),
    ADD COLUMN load_calls       integer NOT NULL DEFAULT 0 CHECK (load_calls >= 0),
    ADD COLUMN load_hard        integer NOT NULL DEFAULT 0 CHECK (load_hard >= 0),
    ADD COLUMN load_in_row      integer NOT NULL DEFAULT 0 CHECK (load_in_row >= 0),
    ADD COLUMN load_breather_ms bigint NOT NULL DEFAULT 0 CHECK (load_breather_ms >= 0);
ALTER TABLE caller
    ADD COLUMN load_talk_ms     bigint NOT NULL DEFAULT 0 CHECK (load_talk_ms >= 0),
    ADD COLUMN load_calls       integer NOT NULL DEFAULT 0 CHECK (load_calls >= 0),
    ADD COLUMN load_hard        integer NOT NULL DEFAULT 0 CHECK (load_hard >= 0),
    ADD COLUMN load_in_row      integer NOT NULL DEFAULT 0 CHECK (load_in_row >= 0),
    ADD COLUMN load_breather_ms bigint NOT NULL DEFAULT 0 CHECK (load_breather_ms >= 0);

-- What whoever calls her has to have, and whether her calls are expected to be hard.
ALTER TABLE agreement
    ADD COLUMN skills text[] NOT NULL DEFAULT '{}',
    ADD COLUMN hard   boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE agreement DROP COLUMN skills, DROP COLUMN hard;
ALTER TABLE caller
    DROP COLUMN load_talk_ms, DROP COLUMN load_calls, DROP COLUMN load_hard, DROP COLUMN load_in_row, DROP COLUMN load_breather_ms;
ALTER TABLE scheme
    DROP COLUMN load_talk_ms, DROP COLUMN load_calls, DROP COLUMN load_hard, DROP COLUMN load_in_row, DROP COLUMN load_breather_ms;
