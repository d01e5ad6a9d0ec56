-- +goose Up
-- The database was brought back to an earlier moment: events numbered restored_from+1 to restored_to were lost with what they
-- tell of, and were read back from the event bus. The scheme stands still until a person has looked at them.
ALTER TABLE scheme_lead
    ADD COLUMN restored_from bigint,
    ADD COLUMN restored_to bigint,
    ADD COLUMN restored_at timestamptz,
    ADD CONSTRAINT scheme_lead_restored_check CHECK (
        num_nulls(restored_from, restored_to, restored_at) = 3
        OR (num_nulls(restored_from, restored_to, restored_at) = 0 AND restored_from < restored_to));

-- +goose Down
ALTER TABLE scheme_lead
    DROP CONSTRAINT scheme_lead_restored_check,
    DROP COLUMN restored_from,
    DROP COLUMN restored_to,
    DROP COLUMN restored_at;
