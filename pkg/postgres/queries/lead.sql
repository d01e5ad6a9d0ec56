-- name: LockLead :one
-- Holds the scheme's batches in line; every write to its calls is made under this lock. The transaction's number lets the
-- writer ask later whether a commit whose answer was lost took place.
SELECT l.epoch, l.event_number, l.own_events, l.load_from, l.others, s.uid, s.zone, pg_current_xact_id()::text AS transaction
FROM scheme_lead l
JOIN scheme s ON s.scheme_id = l.scheme_id
WHERE l.scheme_id = sqlc.arg(scheme_id)
FOR UPDATE OF l;

-- name: LockLeadBeside :one
-- The same for whoever writes such rows and is no batch of dispatch: what a dispatcher remembers of them may be true no more.
UPDATE scheme_lead l
SET others = l.others + 1
FROM scheme s
WHERE l.scheme_id = sqlc.arg(scheme_id) AND s.scheme_id = l.scheme_id
RETURNING l.epoch, l.event_number, l.own_events, l.load_from, l.others, s.uid, s.zone, pg_current_xact_id()::text AS transaction;

-- name: LastHolder :one
-- Who led last; empty when nobody has.
SELECT coalesce(holder, '')::text AS holder FROM scheme_lead WHERE scheme_id = sqlc.arg(scheme_id);

-- name: TakeLead :one
UPDATE scheme_lead
SET epoch = epoch + 1, holder = sqlc.arg(holder), taken_at = sqlc.arg(now)
WHERE scheme_id = sqlc.arg(scheme_id)
RETURNING epoch;

-- name: NoteLeader :exec
INSERT INTO scheme_leader (scheme_id, epoch, holder, taken_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(epoch), sqlc.arg(holder), sqlc.arg(taken_at));

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
INSERT INTO event_batch (scheme_id, first_number, last_number, at, epoch, version, ats, entities, entity_ids,
    entity_numbers, kinds, data)
VALUES (sqlc.arg(scheme_id), sqlc.arg(first_number), sqlc.arg(last_number), sqlc.arg(at), sqlc.arg(epoch), sqlc.arg(version),
    sqlc.arg(ats), sqlc.arg(entities), sqlc.arg(entity_ids), sqlc.arg(entity_numbers), sqlc.arg(kinds),
    sqlc.arg(data));

-- name: NumberEvents :exec
UPDATE scheme_lead
SET event_number = sqlc.arg(event_number), own_events = sqlc.arg(own_events)
WHERE scheme_id = sqlc.arg(scheme_id);

-- name: ReadEvents :many
-- The batches that hold the events from first to last; the outermost hold others too.
SELECT b.first_number, b.epoch, b.version, b.ats, b.entities, b.entity_ids, b.entity_numbers, b.kinds, b.data, s.uid
FROM event_batch b
JOIN scheme s ON s.scheme_id = b.scheme_id
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.last_number >= sqlc.arg(first) AND b.last_number <= coalesce(
    (SELECT min(x.last_number) FROM event_batch x WHERE x.scheme_id = sqlc.arg(scheme_id) AND x.last_number >= sqlc.arg(last)),
    sqlc.arg(last))
ORDER BY b.last_number;

-- name: RefreshStatistics :exec
SELECT refresh_statistics();

-- name: MakeEventPartitions :one
SELECT make_event_partitions(sqlc.arg(first_day)::date, sqlc.arg(days)::integer)::integer AS made;

-- name: DropEventPartitions :one
SELECT drop_event_partitions(sqlc.arg(before)::date)::integer AS dropped;
