-- Agreements about calls that need no caller. All writes run under LockLead.

-- name: ReadAgreed :many
-- The current agreement of a person about calls of a kind.
SELECT agreement_id, beneficiary_id, cadence, per_week, days, begins, ends, length_ms, valid_from, valid_until, continuity,
    caller_ring_ms, ring_ms, window_days, month_day, nth, dates, place_days, place_week, skills, hard
FROM agreement
WHERE scheme_id = sqlc.arg(scheme_id) AND beneficiary_id = sqlc.arg(beneficiary_id) AND kind = sqlc.arg(kind)
    AND ended_at IS NULL;

-- name: InsertAgreed :exec
INSERT INTO agreement (scheme_id, uid, beneficiary_id, kind, cadence, per_week, days, begins, ends, length_ms, valid_from,
    valid_until, continuity, caller_ring_ms, ring_ms, window_days, month_day, nth, dates, created_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(uid), sqlc.arg(beneficiary_id), sqlc.arg(kind), sqlc.arg(cadence), sqlc.arg(per_week),
    sqlc.arg(days), sqlc.arg(begins), sqlc.arg(ends), sqlc.arg(length_ms), sqlc.arg(valid_from), sqlc.arg(valid_until),
    sqlc.arg(continuity), sqlc.arg(caller_ring_ms), sqlc.arg(ring_ms), sqlc.arg(window_days), sqlc.arg(month_day),
    sqlc.arg(nth), sqlc.arg(dates), sqlc.arg(now));
