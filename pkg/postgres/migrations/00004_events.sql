-- Events: append-only, one partition per UTC day, dropped whole and never deleted from. What falls on a day without a
-- partition goes into the default partition, so that an insert never fails for want of one.

-- +goose Up
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

CREATE TABLE event_default PARTITION OF event DEFAULT;

-- Makes the partitions of the days from first_day on that do not exist yet and returns how many it made. It runs as its
-- owner, because the service's own role may not define anything. A partition is filled before it is attached, so that the
-- table is never locked against readers or writers for long; a day that already has rows in the default partition stays
-- there.
-- +goose StatementBegin
CREATE FUNCTION make_event_partitions(first_day date, days integer) RETURNS integer
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
        LOCK TABLE public.event IN SHARE ROW EXCLUSIVE MODE;
        CONTINUE WHEN EXISTS (SELECT FROM public.event_default WHERE at >= begins AND at < ends);
        EXECUTE format('CREATE TABLE public.%I (LIKE public.event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
        EXECUTE format('ALTER TABLE public.event ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', name, begins, ends);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION make_event_partitions FROM PUBLIC;

-- Tells the planner how much there is, when much has come at once and autovacuum has not looked yet. It runs as its owner:
-- only the owner of a table may analyse it.
-- +goose StatementBegin
CREATE FUNCTION refresh_statistics() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    ANALYZE public.caller, public.caller_status, public.beneficiary, public.contact_number, public.consent, public.agreement,
        public.occurrence, public.attempt, public.offer;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION refresh_statistics FROM PUBLIC;

-- +goose Down
DROP FUNCTION refresh_statistics;
DROP FUNCTION make_event_partitions;
DROP TABLE event;
