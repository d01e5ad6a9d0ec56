-- People on a list to whom the scheme introduces itself: beneficiaries whose purpose is outreach, and no other (outreach.go).

-- name: ReadKnownNumbers :many
-- Which of these numbers somebody of the scheme is reached at, whatever for.
SELECT DISTINCT e164 FROM contact_number
WHERE scheme_id = sqlc.arg(scheme_id) AND e164 = ANY (sqlc.arg(numbers)::text[]);

-- name: ReadOutreachRest :many
-- A page of the people of the list who were not called yet, and need not have been: an earlier call of theirs was stopped, or not
-- placed in time.
SELECT b.beneficiary_id, array(
    SELECT n.e164 FROM contact_number n
    WHERE n.scheme_id = b.scheme_id AND n.beneficiary_id = b.beneficiary_id ORDER BY n.position)::text[] AS numbers
FROM beneficiary b
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id > sqlc.arg(after) AND b.purpose = 'outreach'
    AND EXISTS (
        SELECT FROM contact_number n WHERE n.scheme_id = b.scheme_id AND n.beneficiary_id = b.beneficiary_id)
    AND NOT EXISTS (
        SELECT FROM occurrence o
        WHERE o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id AND o.kind = 'outreach'
            AND o.state NOT IN ('missed', 'cancelled', 'moved'))
    AND coalesce((
        SELECT c.state FROM consent c
        WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
        ORDER BY c.consent_id DESC LIMIT 1), 'proposed') NOT IN ('refused', 'withdrawn')
ORDER BY b.beneficiary_id
LIMIT sqlc.arg(page);

-- name: ReadOutreach :many
-- How the people of the list stand: what became of the last outreach call of each, and what was answered last.
SELECT coalesce(o.state, '')::text AS state, coalesce(a.answer, '')::text AS answer,
    EXISTS (
        SELECT FROM contact_number n WHERE n.scheme_id = b.scheme_id AND n.beneficiary_id = b.beneficiary_id) AS listed,
    count(*) AS people
FROM beneficiary b
LEFT JOIN LATERAL (
    SELECT x.state FROM occurrence x
    WHERE x.scheme_id = b.scheme_id AND x.beneficiary_id = b.beneficiary_id AND x.kind = 'outreach'
    ORDER BY x.occurrence_id DESC LIMIT 1
) o ON true
LEFT JOIN LATERAL (
    SELECT t.answer FROM occurrence x
    JOIN attempt t ON t.scheme_id = x.scheme_id AND t.occurrence_id = x.occurrence_id
    WHERE x.scheme_id = b.scheme_id AND x.beneficiary_id = b.beneficiary_id AND x.kind = 'outreach' AND t.answer <> ''
    ORDER BY t.claimed_at DESC LIMIT 1
) a ON true
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.purpose = 'outreach'
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: ReadOutreachOpen :many
SELECT o.occurrence_id
FROM beneficiary b
JOIN occurrence o ON o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.purpose = 'outreach' AND o.kind = 'outreach' AND o.state = 'open';

-- name: EraseOutreach :exec
-- Erases who these people of the list are, and where they were called. That they were called stays, for the figures.
WITH who AS (
    SELECT b.beneficiary_id FROM beneficiary b
    WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = ANY (sqlc.arg(beneficiary_ids)::bigint[])
        AND b.purpose = 'outreach'
), numbers AS (
    DELETE FROM contact_number n USING who w WHERE n.scheme_id = sqlc.arg(scheme_id) AND n.beneficiary_id = w.beneficiary_id
), calls AS (
    UPDATE attempt a SET number = ''
    FROM who w
    JOIN occurrence o ON o.scheme_id = sqlc.arg(scheme_id) AND o.beneficiary_id = w.beneficiary_id
    WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.occurrence_id = o.occurrence_id AND a.state = 'ended'
), said AS (
    INSERT INTO consent (scheme_id, beneficiary_id, purpose, state, recorded_at)
    SELECT sqlc.arg(scheme_id), w.beneficiary_id, 'outreach', 'refused', sqlc.arg(now) FROM who w
)
UPDATE beneficiary b SET given_name = '', family_name = '', name_key = ''
FROM who w
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = w.beneficiary_id;

-- name: RefuseOutreach :exec
-- Whoever of the list is reached at a number has refused. What is known of her is erased when her call has ended.
INSERT INTO consent (scheme_id, beneficiary_id, purpose, state, recorded_at)
SELECT b.scheme_id, b.beneficiary_id, b.purpose, 'refused', sqlc.arg(now)
FROM contact_number n
JOIN beneficiary b ON b.scheme_id = n.scheme_id AND b.beneficiary_id = n.beneficiary_id
WHERE n.scheme_id = sqlc.arg(scheme_id) AND n.e164 = sqlc.arg(number) AND b.purpose = 'outreach';

-- name: ReadOutreachRefused :many
-- Who of these people of the list has refused, and is not erased yet.
SELECT b.beneficiary_id
FROM beneficiary b
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = ANY (sqlc.arg(beneficiary_ids)::bigint[]) AND b.purpose = 'outreach'
    AND coalesce((
        SELECT c.state FROM consent c
        WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
        ORDER BY c.consent_id DESC LIMIT 1), '') = 'refused';

-- name: OutreachIdle :one
-- Whether the scheme has called people of its list, and none of those calls waits, goes on, or ended after an instant.
SELECT coalesce(bool_and(coalesce(o.ended_at < sqlc.arg(before)::timestamptz, false)), false)::boolean AS idle
FROM beneficiary b
JOIN occurrence o ON o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.purpose = 'outreach' AND o.kind = 'outreach'
    AND EXISTS (
        SELECT FROM contact_number n WHERE n.scheme_id = b.scheme_id AND n.beneficiary_id = b.beneficiary_id);

-- name: PurgeOutreach :execrows
-- Erases who the people of the list are, but of those whose call goes on. That they were called, and what they answered, stays for
-- the figures. It runs under LockLead.
WITH who AS (
    SELECT b.beneficiary_id FROM beneficiary b
    WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.purpose = 'outreach'
        AND EXISTS (
            SELECT FROM contact_number n WHERE n.scheme_id = b.scheme_id AND n.beneficiary_id = b.beneficiary_id)
        AND NOT EXISTS (
            SELECT FROM occurrence o
            WHERE o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id AND o.ended_at IS NULL)
), numbers AS (
    DELETE FROM contact_number n USING who w WHERE n.scheme_id = sqlc.arg(scheme_id) AND n.beneficiary_id = w.beneficiary_id
), calls AS (
    UPDATE attempt a SET number = ''
    FROM who w
    JOIN occurrence o ON o.scheme_id = sqlc.arg(scheme_id) AND o.beneficiary_id = w.beneficiary_id
    WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.occurrence_id = o.occurrence_id AND a.state = 'ended'
)
UPDATE beneficiary b SET given_name = '', family_name = '', name_key = ''
FROM who w
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = w.beneficiary_id;
