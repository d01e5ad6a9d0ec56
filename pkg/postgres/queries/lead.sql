-- name: LockLead :one
-- Holds the scheme's batches in line; every write to its calls is made under this lock. The transaction's number lets the
-- writer ask later whether a commit whose answer was lost took place.
SELECT l.epoch, l.event_number, l.own_events, l.load_from, s.uid, s.zone, pg_current_xact_id()::text AS transaction
FROM scheme_lead l
JOIN scheme s ON s.scheme_id = l.scheme_id
WHERE l.scheme_id = sqlc.arg(scheme_id)
FOR UPDATE OF l;

-- name: TakeLead :one
UPDATE scheme_lead
SET epoch = epoch + 1, holder = sqlc.arg(holder), taken_at = sqlc.arg(now)
WHERE scheme_id = sqlc.arg(scheme_id)
RETURNING epoch;

-- name: LowerLoadFrom :exec
UPDATE scheme_lead
SET load_from = sqlc.arg(opens_at)
WHERE scheme_id = sqlc.arg(scheme_id) AND load_from > sqlc.arg(opens_at);

-- name: RaiseLoadFrom :exec
-- Nothing that is open opens before the given instant any more, as was seen when event_number was the last event. Every
-- booking writes an event, so that an occurrence booked meanwhile is not forgotten.
UPDATE scheme_lead
SET load_from = sqlc.arg(opens_at)
WHERE scheme_id = sqlc.arg(scheme_id) AND event_number = sqlc.arg(event_number);

-- name: TransactionState :one
-- Committed, aborted or in progress; null when it is too long ago to say.
SELECT coalesce(pg_xact_status(sqlc.arg(transaction)::text::xid8), '')::text AS state;

-- name: InsertEvents :exec
WITH numbered AS (
    UPDATE scheme_lead
    SET event_number = sqlc.arg(event_number), own_events = sqlc.arg(own_events)
    WHERE scheme_id = sqlc.arg(scheme_id)
)
INSERT INTO event (scheme_id, number, at, event_id, entity, entity_id, entity_number, epoch, version, kind, data)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(numbers)::bigint[]), unnest(sqlc.arg(ats)::timestamptz[]),
    unnest(sqlc.arg(event_ids)::uuid[]), unnest(sqlc.arg(entities)::text[]), unnest(sqlc.arg(entity_ids)::uuid[]),
    unnest(sqlc.arg(entity_numbers)::bigint[]), unnest(sqlc.arg(epochs)::bigint[]), unnest(sqlc.arg(versions)::smallint[]),
    unnest(sqlc.arg(kinds)::text[]), unnest(sqlc.arg(data)::text[])::jsonb;

-- name: ReadEvents :many
SELECT e.number, e.at, e.event_id, e.entity, e.entity_id, e.entity_number, e.epoch, e.version, e.kind, e.data, s.uid
FROM event e
JOIN scheme s ON s.scheme_id = e.scheme_id
WHERE e.scheme_id = sqlc.arg(scheme_id) AND e.number BETWEEN sqlc.arg(first) AND sqlc.arg(last)
ORDER BY e.number;

-- name: RefreshStatistics :exec
SELECT refresh_statistics();

-- name: MakeEventPartitions :one
SELECT make_event_partitions(sqlc.arg(first_day)::date, sqlc.arg(days)::integer)::integer AS made;
