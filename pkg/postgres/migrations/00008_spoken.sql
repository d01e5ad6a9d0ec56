-- +goose Up
-- What the line calls the scheme in its greeting; empty for the neutral greeting. The name itself need not be fit to be read out.
ALTER TABLE scheme ADD COLUMN spoken text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE scheme DROP COLUMN spoken;
