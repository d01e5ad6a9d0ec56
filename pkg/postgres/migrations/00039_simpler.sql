-- +goose Up
-- The line speaks to a person in simpler words from the first time on.
ALTER TABLE beneficiary ADD COLUMN simpler boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE beneficiary DROP COLUMN simpler;
