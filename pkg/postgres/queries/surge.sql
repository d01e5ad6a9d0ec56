-- A whole register called on one day. All writes run under LockLead.

-- name: ReadRegister :many
-- A page of the people of a register who may be called: they have a number and have agreed to its purpose, or, where proposed is
-- set, were proposed for it. Empty classes or languages stand for all.
SELECT b.beneficiary_id, b.zone
FROM beneficiary b
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id > sqlc.arg(after) AND b.purpose = sqlc.arg(purpose)
    AND (cardinality(sqlc.arg(classes)::smallint[]) = 0 OR b.class = ANY (sqlc.arg(classes)::smallint[]))
    AND (cardinality(sqlc.arg(languages)::text[]) = 0 OR b.language = ANY (sqlc.arg(languages)::text[]))
    AND EXISTS (
        SELECT FROM contact_number n WHERE n.scheme_id = b.scheme_id AND n.beneficiary_id = b.beneficiary_id)
    AND coalesce((
        SELECT c.state FROM consent c
        WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
        ORDER BY c.consent_id DESC LIMIT 1), 'proposed') = ANY (CASE WHEN sqlc.arg(proposed)::boolean THEN ARRAY['given', 'proposed'] ELSE ARRAY['given'] END)
ORDER BY b.beneficiary_id
LIMIT sqlc.arg(page);

-- name: CountReady :one
-- How many callers take calls now.
SELECT count(*)
FROM caller c
JOIN caller_status s ON s.scheme_id = c.scheme_id AND s.caller_id = c.caller_id
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.enabled AND 'caller' = ANY (c.roles)
    AND s.state IN ('ready', 'ready_once', 'reserved', 'in_call', 'wrap_up');

-- name: FindSurge :one
-- The surge of a kind and day that goes on.
SELECT surge_id FROM surge
WHERE scheme_id = sqlc.arg(scheme_id) AND kind = sqlc.arg(kind) AND local_date = sqlc.arg(local_date) AND stopped_at IS NULL
ORDER BY surge_id DESC
LIMIT 1;

-- name: InsertSurge :one
INSERT INTO surge (scheme_id, uid, kind, local_date, started_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(uid), sqlc.arg(kind), sqlc.arg(local_date), sqlc.arg(started_at))
RETURNING surge_id;

-- name: InsertSurgeCalls :exec
INSERT INTO surge_call (scheme_id, surge_id, occurrence_id)
SELECT sqlc.arg(scheme_id)::bigint, sqlc.arg(surge_id)::bigint, unnest(sqlc.arg(occurrence_ids)::bigint[])
ON CONFLICT DO NOTHING;

-- name: ReadSurges :many
-- How the surges of a day and later stand, the latest first. Answers are those of the last attempt that had one.
SELECT g.surge_id, g.uid, g.kind, g.local_date, g.started_at, g.stopped_at, o.state, coalesce(a.answer, '')::text AS answer,
    count(*) AS calls
FROM surge g
JOIN surge_call c ON c.scheme_id = g.scheme_id AND c.surge_id = g.surge_id
JOIN occurrence o ON o.scheme_id = c.scheme_id AND o.occurrence_id = c.occurrence_id
LEFT JOIN LATERAL (
    SELECT x.answer FROM attempt x
    WHERE x.scheme_id = o.scheme_id AND x.occurrence_id = o.occurrence_id AND x.answer <> ''
    ORDER BY x.claimed_at DESC LIMIT 1
) a ON true
WHERE g.scheme_id = sqlc.arg(scheme_id) AND g.local_date >= sqlc.arg(first_day)
GROUP BY g.surge_id, g.uid, g.kind, g.local_date, g.started_at, g.stopped_at, o.state, coalesce(a.answer, '')
ORDER BY g.surge_id DESC, o.state, answer;

-- name: StopSurges :many
-- Ends the surges of a day and later, of one kind or (an empty one) of all.
UPDATE surge SET stopped_at = sqlc.arg(now)
WHERE scheme_id = sqlc.arg(scheme_id) AND local_date >= sqlc.arg(first_day) AND stopped_at IS NULL
    AND (sqlc.arg(kind)::text = '' OR kind = sqlc.arg(kind))
RETURNING surge_id;

-- name: ReadSurgeOpen :many
SELECT c.occurrence_id
FROM surge_call c
JOIN occurrence o ON o.scheme_id = c.scheme_id AND o.occurrence_id = c.occurrence_id
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.surge_id = ANY (sqlc.arg(surge_ids)::bigint[]) AND o.state = 'open';
