-- A database that was brought back to an earlier moment.

-- name: PauseScheme :exec
UPDATE scheme SET paused = sqlc.arg(paused) WHERE scheme_id = sqlc.arg(scheme_id);

-- name: MarkRestored :exec
-- Epochs given since must not be given again: whoever was overtaken then would be let in.
UPDATE scheme_lead
SET restored_from = coalesce(restored_from, sqlc.arg(restored_from)), restored_to = sqlc.arg(restored_to),
    restored_at = sqlc.arg(now), epoch = greatest(epoch, sqlc.arg(epoch))
WHERE scheme_id = sqlc.arg(scheme_id);

-- name: ForgetRestored :exec
UPDATE scheme_lead
SET restored_from = NULL, restored_to = NULL, restored_at = NULL
WHERE scheme_id = sqlc.arg(scheme_id);

-- name: ReadRestored :one
SELECT coalesce(restored_from, 0) AS restored_from, coalesce(restored_to, 0) AS restored_to, restored_at
FROM scheme_lead
WHERE scheme_id = sqlc.arg(scheme_id);

-- name: LostCalls :many
-- Promises of which the lost events tell: how each was closed then, or that an attempt was begun, and how it stands now. State
-- is empty for a promise made in the time that was lost.
WITH lost AS (
    SELECT e.number::bigint AS number, e.at::timestamptz AS at, CASE WHEN e.entity = 'occurrence' THEN e.entity_id ELSE (e.data ->> 'occurrence')::uuid END AS uid,
        CASE WHEN e.entity = 'occurrence' THEN e.kind ELSE 'begun' END AS kind
    FROM scheme_lead l
    JOIN event_batch b ON b.scheme_id = l.scheme_id AND b.last_number > l.restored_from AND b.first_number <= l.restored_to
    CROSS JOIN LATERAL (
        SELECT b.first_number + generate_subscripts(b.kinds, 1) - 1 AS number, unnest(b.ats) AS at, unnest(b.entities) AS entity,
            unnest(b.entity_ids) AS entity_id, unnest(b.kinds) AS kind, unnest(b.data)::jsonb AS data
    ) e
    WHERE l.scheme_id = sqlc.arg(scheme_id) AND e.number > l.restored_from AND e.number <= l.restored_to
        AND ((e.entity = 'occurrence' AND e.kind IN ('reached', 'unreached', 'missed', 'moved', 'cancelled'))
            OR (e.entity = 'attempt' AND e.kind = 'claimed'))
), newest AS (
    SELECT DISTINCT ON (uid) uid, number, at, kind FROM lost ORDER BY uid, number DESC
)
SELECT n.number::bigint AS number, n.at::timestamptz AS at, n.uid, n.kind, coalesce(b.ref, '') AS ref, coalesce(o.state, '') AS state
FROM newest n
LEFT JOIN occurrence o ON o.scheme_id = sqlc.arg(scheme_id) AND o.uid = n.uid
LEFT JOIN beneficiary b ON b.scheme_id = o.scheme_id AND b.beneficiary_id = o.beneficiary_id
ORDER BY n.number;

-- name: CloseAsLost :execrows
-- Closes promises as they were closed in the time that was lost. It runs under LockLead; the events of it are there already.
UPDATE occurrence o
SET state = u.state, ended_at = u.ended_at, events = greatest(o.events, b.entity_numbers[u.number - b.first_number + 1]::integer)
FROM (
    SELECT unnest(sqlc.arg(uids)::uuid[]) AS uid, unnest(sqlc.arg(states)::text[]) AS state,
        unnest(sqlc.arg(ended)::timestamptz[]) AS ended_at, unnest(sqlc.arg(numbers)::bigint[]) AS number
) u
JOIN event_batch b ON b.scheme_id = sqlc.arg(scheme_id) AND u.number BETWEEN b.first_number AND b.last_number
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.uid = u.uid AND o.state = 'open';

-- name: LostAttempts :many
-- Attempts that were begun in the time that was lost and of whose end neither the lost events tell nor anybody since: how far they
-- had come, with whom. Those that need no caller are left out, and so is whoever was taken on in that time: its key is 0.
WITH lost AS (
    SELECT e.*
    FROM scheme_lead l
    JOIN event_batch b ON b.scheme_id = l.scheme_id AND b.last_number > l.restored_from AND b.first_number <= l.restored_to
    CROSS JOIN LATERAL (
        SELECT b.first_number + generate_subscripts(b.kinds, 1) - 1 AS number, unnest(b.ats) AS at, unnest(b.entities) AS entity,
            unnest(b.entity_ids) AS entity_id, unnest(b.kinds) AS kind, unnest(b.data)::jsonb AS data
    ) e
    WHERE l.scheme_id = sqlc.arg(scheme_id) AND e.entity = 'attempt' AND e.number > l.restored_from AND e.number <= l.restored_to
)
SELECT c.entity_id::uuid AS attempt_id, c.at::timestamptz AS claimed_at, (c.data ->> 'call_kind')::text AS kind, coalesce(k.caller_id, 0)::bigint AS caller_id,
    coalesce(s.kind, 'intent')::text AS state, t.at::timestamptz AS bridged_at, o.offer::integer AS offer
FROM lost c
LEFT JOIN caller k ON k.scheme_id = sqlc.arg(scheme_id) AND k.uid = (c.data ->> 'caller')::uuid
LEFT JOIN LATERAL (
    SELECT x.kind FROM lost x
    WHERE x.entity_id = c.entity_id AND x.kind IN ('offered', 'accepted', 'ringing', 'bridged') ORDER BY x.number DESC LIMIT 1
) s ON true
LEFT JOIN lost t ON t.entity_id = c.entity_id AND t.kind = 'bridged'
CROSS JOIN LATERAL (SELECT max((x.data ->> 'offer')::integer) AS offer FROM lost x WHERE x.entity_id = c.entity_id) o
WHERE c.kind = 'claimed' AND coalesce(c.data ->> 'caller', '') <> ''
    AND NOT EXISTS (SELECT FROM lost e WHERE e.entity_id = c.entity_id AND e.kind = 'ended')
    AND NOT EXISTS (SELECT FROM refused_fact f WHERE f.scheme_id = sqlc.arg(scheme_id) AND f.attempt_id = c.entity_id AND f.kind = 'ended')
ORDER BY c.number;
