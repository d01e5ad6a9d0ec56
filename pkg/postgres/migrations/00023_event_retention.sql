-- +goose Up
-- Drops the events of days before a date, and returns of how many days. It runs as its owner, because the service's own role
-- may define nothing and rewrite no history: of the last thirty days, by the database's own clock, nothing is ever dropped.
-- Who reads the table holds this up; it then gives up soon, so as not to hold up those who write, and is tried again.
-- +goose StatementBegin
CREATE FUNCTION drop_event_partitions(before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    dropped integer := 0;
    oldest  date := least(before, (now() AT TIME ZONE 'UTC')::date - 30);
    part    text;
BEGIN
    PERFORM pg_advisory_xact_lock(3907021);
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.event_batch'::regclass AND c.relname ~ '^event_[0-9]{8}$'
            AND to_date(right(c.relname, 8), 'YYYYMMDD') < oldest
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE public.%I', part);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM public.event_default WHERE at < oldest::timestamp AT TIME ZONE 'UTC';
    RETURN dropped;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION drop_event_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_event_partitions TO rappel_app;

-- +goose Down
DROP FUNCTION drop_event_partitions;
