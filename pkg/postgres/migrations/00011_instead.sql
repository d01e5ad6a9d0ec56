-- +goose Up
-- The agreed date for which a call stands in that could not be made on it, or was put off from it; null when there is none.
ALTER TABLE occurrence ADD COLUMN instead_of date;

-- +goose Down
ALTER TABLE occurrence DROP COLUMN instead_of;
