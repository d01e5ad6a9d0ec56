-- +goose Up
-- How the line treats a person whose number it knows.
ALTER TABLE beneficiary
    ADD COLUMN longer_waits       boolean NOT NULL DEFAULT false,
    ADD COLUMN straight_to_person boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE beneficiary DROP COLUMN longer_waits, DROP COLUMN straight_to_person;
