-- Events are kept as they are written: one row holds those of one transaction, in arrays of the same length. A transaction at
-- the opening hour has hundreds; a row and an index entry for each cost more than all else that a call writes. The view
-- event shows one row per event.
--
-- caller_log repeated what the events of a caller tell.

-- +goose Up
DROP TABLE caller_log;

CREATE TEMPORARY TABLE former ON COMMIT DROP AS SELECT * FROM event;
DROP TABLE event_default;
DROP TABLE event;

CREATE TABLE event_batch (
    scheme_id      bigint NOT NULL,
    first_number   bigint NOT NULL CHECK (first_number > 0),
    last_number    bigint NOT NULL,
    -- Of the newest: it says which day's partition holds all of them.
    at             timestamptz NOT NULL,
    epoch          bigint NOT NULL,
    version        smallint NOT NULL,
    ats            timestamptz[] NOT NULL,
    event_ids      uuid[] NOT NULL,
    entities       text[] NOT NULL,
    entity_ids     uuid[] NOT NULL,
    entity_numbers bigint[] NOT NULL,
    kinds          text[] NOT NULL,
    data           text[] NOT NULL,
    PRIMARY KEY (scheme_id, last_number, at),
    CONSTRAINT event_batch_length_check CHECK (
        cardinality(kinds) = last_number - first_number + 1 AND cardinality(ats) = cardinality(kinds)
        AND cardinality(event_ids) = cardinality(kinds) AND cardinality(entities) = cardinality(kinds)
        AND cardinality(entity_ids) = cardinality(kinds) AND cardinality(entity_numbers) = cardinality(kinds)
        AND cardinality(data) = cardinality(kinds))
) PARTITION BY RANGE (at);

CREATE TABLE event_default PARTITION OF event_batch DEFAULT;

-- Makes the partitions of the days from first_day on that do not exist yet and returns how many it made. It runs as its
-- owner, because the service's own role may not define anything. A partition is filled before it is attached, so that the
-- table is never locked against readers or writers for long; a day that already has rows in the default partition stays
-- there. Random ids do not compress, and compressing the rest costs more than writing it.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION make_event_partitions(first_day date, days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made   integer := 0;
    this   date;
    begins timestamptz;
    ends   timestamptz;
    name   text;
BEGIN
    IF days < 0 OR days > 400 THEN
        RAISE EXCEPTION 'make_event_partitions: % days asked for, 0 to 400 allowed', days;
    END IF;
    -- Two makers at once: the second waits and finds the work done.
    PERFORM pg_advisory_xact_lock(3907021);
    FOR i IN 0 .. days - 1 LOOP
        this := first_day + i;
        begins := this::timestamp AT TIME ZONE 'UTC';
        ends := (this + 1)::timestamp AT TIME ZONE 'UTC';
        name := 'event_' || to_char(this, 'YYYYMMDD');
        CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
        CONTINUE WHEN EXISTS (SELECT FROM public.event_default WHERE at >= begins AND at < ends);
        -- Who has found the default partition for an event would be refused there once the day has its own: nobody may be
        -- on that way. It is only for the moment in which an empty table is attached.
        LOCK TABLE public.event_batch IN SHARE ROW EXCLUSIVE MODE;
        CONTINUE WHEN EXISTS (SELECT FROM public.event_default WHERE at >= begins AND at < ends);
        EXECUTE format('CREATE TABLE public.%I (LIKE public.event_batch INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', name);
        EXECUTE format('ALTER TABLE public.event_batch ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', name, begins, ends);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
DECLARE
    part text;
    col  text;
BEGIN
    FOREACH part IN ARRAY ARRAY['event_batch', 'event_default'] LOOP
        FOREACH col IN ARRAY ARRAY['ats', 'event_ids', 'entities', 'entity_ids', 'entity_numbers', 'kinds', 'data'] LOOP
            EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET STORAGE EXTERNAL', part, col);
        END LOOP;
    END LOOP;
    PERFORM make_event_partitions(day, 1) FROM (SELECT DISTINCT (at AT TIME ZONE 'UTC')::date AS day FROM former) d;
END
$$;
-- +goose StatementEnd
INSERT INTO event_batch
SELECT scheme_id, number, number, at, epoch, version, ARRAY[at], ARRAY[event_id], ARRAY[entity], ARRAY[entity_id],
    ARRAY[entity_number], ARRAY[kind], ARRAY[coalesce(data::text, 'null')]
FROM former;

CREATE VIEW event AS
SELECT scheme_id, first_number + generate_subscripts(kinds, 1) - 1 AS number, unnest(ats) AS at, unnest(event_ids) AS event_id,
    unnest(entities) AS entity, unnest(entity_ids) AS entity_id, unnest(entity_numbers) AS entity_number, epoch, version,
    unnest(kinds) AS kind, unnest(data)::jsonb AS data
FROM event_batch;

GRANT SELECT, INSERT ON event_batch TO rappel_app;
GRANT SELECT ON event_default, event TO rappel_app;

-- +goose Down
CREATE TABLE caller_log (
    scheme_id bigint NOT NULL,
    caller_id bigint NOT NULL,
    at        timestamptz NOT NULL,
    state     text NOT NULL,
    reason    text NOT NULL,
    CONSTRAINT caller_log_state_check CHECK (state IN
        ('off', 'ready', 'ready_once', 'reserved', 'in_call', 'wrap_up', 'break', 'debrief', 'set_aside'))
);
CREATE INDEX caller_log_at ON caller_log (caller_id, at, scheme_id);
GRANT SELECT, INSERT ON caller_log TO rappel_app;
CREATE TEMPORARY TABLE former ON COMMIT DROP AS SELECT * FROM event;
DROP VIEW event;
DROP TABLE event_batch;
CREATE TABLE event (
    scheme_id     bigint NOT NULL,
    number        bigint NOT NULL CHECK (number > 0),
    at            timestamptz NOT NULL,
    event_id      uuid NOT NULL,
    entity        text NOT NULL,
    entity_id     uuid NOT NULL,
    entity_number bigint NOT NULL CHECK (entity_number > 0),
    epoch         bigint NOT NULL,
    version       smallint NOT NULL,
    kind          text NOT NULL,
    data          jsonb,
    PRIMARY KEY (scheme_id, number, at)
) PARTITION BY RANGE (at);
-- Of days already written none gets its own partition again.
CREATE TABLE event_default PARTITION OF event DEFAULT;
INSERT INTO event SELECT * FROM former;
GRANT SELECT, INSERT ON event, event_default TO rappel_app;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION make_event_partitions(first_day date, days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN 0; -- The default partition takes what comes.
END
$$;
-- +goose StatementEnd
