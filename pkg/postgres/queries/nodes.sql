-- The nodes of the installation. What says since when one is silent is the database's clock, on both sides.

-- name: CheckIn :exec
INSERT INTO node (node, seen_at) VALUES (sqlc.arg(node), clock_timestamp())
ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at;

-- name: ForgetNodes :exec
-- Those that have been silent for longer.
DELETE FROM node WHERE seen_at < clock_timestamp() - sqlc.arg(silent_ms)::bigint * interval '1 millisecond';

-- name: ListNodes :many
SELECT n.node, (extract(epoch FROM clock_timestamp() - n.seen_at) * 1000)::bigint AS silent_ms,
    (SELECT count(*) FROM scheme_lead l WHERE l.holder = n.node) AS leads
FROM node n
ORDER BY n.node;

-- name: ReadClock :one
SELECT clock_timestamp()::timestamptz AS now;

-- name: DeleteHeldNumbers :exec
-- What is on the line at a node no more, and what nodes have left that were silent for a day.
DELETE FROM held_number h
USING node n
WHERE n.node = h.node AND (h.node = sqlc.arg(node) AND NOT (h.e164 = ANY (sqlc.arg(numbers)::text[]))
    OR n.seen_at < clock_timestamp() - interval '1 day');

-- name: InsertHeldNumbers :exec
INSERT INTO held_number (node, e164)
SELECT sqlc.arg(node)::text, unnest(sqlc.arg(numbers)::text[])
ON CONFLICT (node, e164) DO NOTHING;

-- name: ListHeldNumbers :many
SELECT e164 FROM held_number WHERE node = sqlc.arg(node);
