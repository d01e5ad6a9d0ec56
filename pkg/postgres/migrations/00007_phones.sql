-- +goose Up
-- When the operator was told the SIP secret of a caller's phone; a second look makes a new secret.
ALTER TABLE caller ADD COLUMN handed_at timestamptz;
-- A trunk's name stands in dial strings of the PBX, where a dash parts things.
ALTER TABLE trunk DROP CONSTRAINT trunk_endpoint_check;
ALTER TABLE trunk ADD CONSTRAINT trunk_endpoint_check CHECK (endpoint ~ '^[a-z][a-z0-9_]{0,39}$') NOT VALID;

-- +goose Down
ALTER TABLE trunk DROP CONSTRAINT trunk_endpoint_check;
ALTER TABLE trunk ADD CONSTRAINT trunk_endpoint_check CHECK (endpoint ~ '^[a-z][a-z0-9_-]{0,39}$');
ALTER TABLE caller DROP COLUMN handed_at;
