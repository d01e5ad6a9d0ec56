-- A dispatcher remembers the rows that its batches wrote. Whoever writes such rows beside counts up others, so that it reads
-- them again.

-- +goose Up
ALTER TABLE scheme_lead ADD COLUMN others bigint NOT NULL DEFAULT 0;

-- An attempt's number is found by its own key.
ALTER TABLE live_number DROP CONSTRAINT live_number_attempt;

-- +goose Down
ALTER TABLE live_number ADD CONSTRAINT live_number_attempt UNIQUE (attempt_id, scheme_id);
ALTER TABLE scheme_lead DROP COLUMN others;
