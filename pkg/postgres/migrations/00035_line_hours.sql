-- +goose Up
-- The registration line has hours and exceptions of its own, kept beside those in which the scheme calls. Without any row of
-- hours it is never closed by the clock.
ALTER TABLE scheme_hours ADD COLUMN of_line boolean NOT NULL DEFAULT false;
ALTER TABLE scheme_hours DROP CONSTRAINT scheme_hours_pkey, ADD PRIMARY KEY (scheme_id, of_line, weekday);
ALTER TABLE hours_exception ADD COLUMN of_line boolean NOT NULL DEFAULT false;

-- +goose Down
DELETE FROM hours_exception WHERE of_line;
DELETE FROM scheme_hours WHERE of_line;
ALTER TABLE hours_exception DROP COLUMN of_line;
ALTER TABLE scheme_hours DROP COLUMN of_line, ADD PRIMARY KEY (scheme_id, weekday);
