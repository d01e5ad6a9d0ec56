-- An event is named by its scheme and number. Ids of their own were for the event stream, when each event was a message there;
-- they were a third of what is sent to everybody who listens, and nobody else has asked for one.

-- +goose Up
DROP VIEW event;
ALTER TABLE event_batch
    DROP CONSTRAINT event_batch_length_check,
    DROP COLUMN event_ids,
    ADD CONSTRAINT event_batch_length_check CHECK (
        cardinality(kinds) = last_number - first_number + 1 AND cardinality(ats) = cardinality(kinds)
        AND cardinality(entities) = cardinality(kinds) AND cardinality(entity_ids) = cardinality(kinds)
        AND cardinality(entity_numbers) = cardinality(kinds) AND cardinality(data) = cardinality(kinds)) NOT VALID;
CREATE VIEW event AS
SELECT scheme_id, first_number + generate_subscripts(kinds, 1) - 1 AS number, unnest(ats) AS at,
    unnest(entities) AS entity, unnest(entity_ids) AS entity_id, unnest(entity_numbers) AS entity_number, epoch, version,
    unnest(kinds) AS kind, unnest(data)::jsonb AS data
FROM event_batch;
GRANT SELECT ON event TO rappel_app;

-- +goose Down
DROP VIEW event;
ALTER TABLE event_batch
    DROP CONSTRAINT event_batch_length_check,
    ADD COLUMN event_ids uuid[] NOT NULL DEFAULT '{}';
UPDATE event_batch SET event_ids = (SELECT array_agg(gen_random_uuid()) FROM unnest(kinds));
ALTER TABLE event_batch
    ALTER COLUMN event_ids DROP DEFAULT,
    ADD CONSTRAINT event_batch_length_check CHECK (
        cardinality(kinds) = last_number - first_number + 1 AND cardinality(ats) = cardinality(kinds)
        AND cardinality(event_ids) = cardinality(kinds) AND cardinality(entities) = cardinality(kinds)
        AND cardinality(entity_ids) = cardinality(kinds) AND cardinality(entity_numbers) = cardinality(kinds)
        AND cardinality(data) = cardinality(kinds));
CREATE VIEW event AS
SELECT scheme_id, first_number + generate_subscripts(kinds, 1) - 1 AS number, unnest(ats) AS at, unnest(event_ids) AS event_id,
    unnest(entities) AS entity, unnest(entity_ids) AS entity_id, unnest(entity_numbers) AS entity_number, epoch, version,
    unnest(kinds) AS kind, unnest(data)::jsonb AS data
FROM event_batch;
GRANT SELECT ON event TO rappel_app;
