-- Calls that no agreement promised: somebody asked to be called, or a whole register is called today. All run under LockLead.

-- name: ReadCarriers :many
-- The agreement that such a call of a person hangs on: the current one about her calls, else the latest. Whoever has none is
-- not returned.
SELECT DISTINCT ON (a.beneficiary_id) a.beneficiary_id, a.agreement_id, a.length_ms
FROM (SELECT unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary_id) u
JOIN agreement a ON a.beneficiary_id = u.beneficiary_id
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.kind IN ('scheduled', 'callback')
ORDER BY a.beneficiary_id, (a.kind = 'scheduled' AND a.ended_at IS NULL) DESC, a.agreement_id DESC;

-- name: InsertCarriers :many
-- An agreement that has ended, for people with whom nothing was agreed. People of other schemes are left out.
INSERT INTO agreement (scheme_id, uid, beneficiary_id, kind, cadence, length_ms, valid_from, valid_until, continuity,
    caller_ring_ms, ring_ms, place_days, created_at, ended_at)
SELECT sqlc.arg(scheme_id)::bigint, u.uid, u.beneficiary_id, 'callback', 'once', sqlc.arg(length_ms), sqlc.arg(today)::date,
    sqlc.arg(today)::date, 'preferred', sqlc.arg(caller_ring_ms), sqlc.arg(ring_ms), 0, sqlc.arg(now)::timestamptz,
    sqlc.arg(now)::timestamptz
FROM (SELECT unnest(sqlc.arg(uids)::uuid[]) AS uid, unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary_id) u
JOIN beneficiary b ON b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = u.beneficiary_id
RETURNING beneficiary_id, agreement_id, length_ms;

-- name: ReadCallsSince :many
-- The calls of a kind of these people on a day or later, whatever became of them.
SELECT o.occurrence_id, o.uid, o.agreement_id, o.beneficiary_id, o.sequence, o.local_date, o.opens_at, o.closes_at, o.state
FROM (SELECT unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary_id) u
JOIN occurrence o ON o.beneficiary_id = u.beneficiary_id
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.kind = sqlc.arg(kind) AND o.local_date >= sqlc.arg(first_day)
ORDER BY o.local_date, o.sequence;
