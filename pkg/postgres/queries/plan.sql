-- name: ReadAgreements :many
-- A page of the agreements that calls may be booked under: current, of a person who has a number and did not refuse or
-- withdraw consent to the purpose she is known for. Before she has agreed to it, its calls are not booked: first_call is then
-- 'due' when her first call is to be booked, and 'none' when there is nothing to book, because it is booked, or was made and
-- nobody has said what she answered.
SELECT a.agreement_id, a.beneficiary_id, a.kind, a.cadence, a.per_week, a.days, a.begins, a.ends, a.length_ms, a.valid_from,
    a.valid_until, a.window_days, a.month_day, a.nth, a.dates, a.place_days, a.place_week, b.zone,
    CASE WHEN said.state = 'given' THEN '' WHEN a.kind = 'scheduled' AND NOT EXISTS (
        SELECT FROM occurrence o
        WHERE o.scheme_id = a.scheme_id AND o.beneficiary_id = a.beneficiary_id AND o.kind = 'first_call' AND (
            o.state IN ('open', 'claimed', 'live') OR o.state = 'reached' AND NOT EXISTS (
                SELECT FROM consent_answer w WHERE w.scheme_id = o.scheme_id AND w.occurrence_id = o.occurrence_id))
    ) THEN 'due' ELSE 'none' END::text AS first_call
FROM agreement a
JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
JOIN LATERAL (SELECT coalesce((
    SELECT c.state FROM consent c
    WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
    ORDER BY c.consent_id DESC LIMIT 1), 'proposed') AS state) said ON said.state IN ('given', 'proposed')
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.agreement_id > sqlc.arg(after) AND a.ended_at IS NULL
    AND EXISTS (
        SELECT FROM contact_number n WHERE n.scheme_id = a.scheme_id AND n.beneficiary_id = a.beneficiary_id)
ORDER BY a.agreement_id
LIMIT sqlc.arg(page);

-- name: ReadBookedDays :many
-- The days on which these people have a call already, under whatever agreement, that counts.
SELECT o.beneficiary_id, o.kind, o.local_date
FROM (SELECT unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary_id) u
JOIN occurrence o ON o.beneficiary_id = u.beneficiary_id
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.local_date BETWEEN sqlc.arg(first_day) AND sqlc.arg(last_day)
    AND o.state NOT IN ('moved', 'cancelled');

-- name: CountUnplaced :one
-- Agreements that calls may be booked under and for which it is not decided yet where the scheme puts them.
SELECT count(*)
FROM agreement a
JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.place_days IS NULL AND a.ended_at IS NULL
    AND EXISTS (
        SELECT FROM contact_number n WHERE n.scheme_id = a.scheme_id AND n.beneficiary_id = a.beneficiary_id)
    AND coalesce((
        SELECT c.state FROM consent c
        WHERE c.scheme_id = a.scheme_id AND c.beneficiary_id = a.beneficiary_id AND c.purpose = b.purpose
        ORDER BY c.consent_id DESC LIMIT 1), 'proposed') NOT IN ('refused', 'withdrawn');

-- name: SetPlaces :exec
UPDATE agreement a
SET place_days = u.days, place_week = u.week
FROM (
    SELECT unnest(sqlc.arg(agreement_ids)::bigint[]) AS agreement_id, unnest(sqlc.arg(days)::smallint[]) AS days,
        unnest(sqlc.arg(weeks)::smallint[]) AS week
) u
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.agreement_id = u.agreement_id AND a.place_days IS NULL;
