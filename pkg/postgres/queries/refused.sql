-- Facts that the records would not take, until a person has seen them.

-- name: InsertRefusedFact :exec
INSERT INTO refused_fact (scheme_id, uid, digest, at, kind, attempt_id, what, why, fact, refused_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(uid), sqlc.arg(digest), sqlc.arg(at), sqlc.arg(kind), sqlc.arg(attempt_id), sqlc.arg(what),
    sqlc.arg(why), sqlc.arg(fact), sqlc.arg(refused_at))
ON CONFLICT (scheme_id, digest) DO NOTHING;

-- name: ListRefusedFacts :many
-- Those that nobody has closed. Whom a call was with is told by the event of its claim, which may have been read back: keys that were
-- given in the time that was lost are given again.
SELECT f.uid, f.at, f.kind, f.attempt_id, f.what, f.why, coalesce(p.ref, '') AS ref
FROM refused_fact f
LEFT JOIN LATERAL (
    SELECT b.ref
    FROM event_batch e
    CROSS JOIN LATERAL (
        SELECT unnest(e.entity_ids) AS entity_id, unnest(e.kinds) AS kind, unnest(e.data)::jsonb AS data
    ) x
    JOIN occurrence o ON o.scheme_id = f.scheme_id AND o.uid = (x.data ->> 'occurrence')::uuid
    JOIN beneficiary b ON b.scheme_id = o.scheme_id AND b.beneficiary_id = o.beneficiary_id
    WHERE e.scheme_id = f.scheme_id AND e.at BETWEEN f.at - interval '1 day' AND f.at + interval '1 hour'
        AND x.kind = 'claimed' AND x.entity_id = f.attempt_id
    LIMIT 1
) p ON true
WHERE f.scheme_id = sqlc.arg(scheme_id) AND f.closed_at IS NULL
ORDER BY f.at, f.uid;

-- name: CloseRefusedFacts :execrows
-- Those named, or all when none is.
UPDATE refused_fact
SET closed_at = sqlc.arg(now)
WHERE scheme_id = sqlc.arg(scheme_id) AND closed_at IS NULL
    AND (cardinality(sqlc.arg(uids)::uuid[]) = 0 OR uid = ANY (sqlc.arg(uids)::uuid[]));

-- name: CountRefusedFacts :one
-- Of every scheme.
SELECT count(*) FROM refused_fact WHERE closed_at IS NULL;
