-- Whoever was proposed by somebody else, until she has answered (consent.go). All writes run under LockLead.

-- name: FindFirstCall :one
-- The first call that an attempt made, and who made it.
SELECT a.beneficiary_id, a.state, coalesce(a.result, '')::text AS result, o.occurrence_id, o.kind, coalesce(c.ref, '')::text AS caller
FROM attempt a
JOIN occurrence o ON o.scheme_id = a.scheme_id AND o.occurrence_id = a.occurrence_id
LEFT JOIN caller c ON c.scheme_id = a.scheme_id AND c.caller_id = a.caller_id
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.attempt_id = sqlc.arg(attempt_id);

-- name: ReadProposal :one
-- Whom others have proposed, how she stands towards it, and the last first call in which she was reached.
SELECT b.ref, b.source, b.purpose, coalesce((
        SELECT c.state FROM consent c
        WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
        ORDER BY c.consent_id DESC LIMIT 1), 'proposed')::text AS state,
    coalesce((
        SELECT o.occurrence_id FROM occurrence o
        WHERE o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id AND o.kind = 'first_call' AND o.state = 'reached'
        ORDER BY o.ended_at DESC LIMIT 1), 0)::bigint AS asked
FROM beneficiary b
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = sqlc.arg(beneficiary_id);

-- name: ReadProposedBy :one
-- Who proposed the person of an attempt.
SELECT b.source
FROM attempt a
JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.attempt_id = sqlc.arg(attempt_id);

-- name: InsertConsent :exec
INSERT INTO consent (scheme_id, beneficiary_id, purpose, state, given_on, how, recorded_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(beneficiary_id), sqlc.arg(purpose), sqlc.arg(state), sqlc.arg(given_on), sqlc.arg(how),
    sqlc.arg(now));

-- name: InsertConsentAnswer :exec
INSERT INTO consent_answer (scheme_id, beneficiary_id, occurrence_id, answer, answered_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(beneficiary_id), sqlc.arg(occurrence_id), sqlc.arg(answer), sqlc.arg(now));

-- name: IsAnswered :one
SELECT EXISTS (
    SELECT FROM consent_answer w WHERE w.scheme_id = sqlc.arg(scheme_id) AND w.occurrence_id = sqlc.arg(occurrence_id));

-- name: ReadFirstCalls :many
-- The first calls of a person that are not over.
SELECT o.occurrence_id, o.state
FROM occurrence o
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.beneficiary_id = sqlc.arg(beneficiary_id) AND o.kind = 'first_call'
    AND o.state IN ('open', 'claimed', 'live');

-- name: ListProposals :many
-- Everybody who has not answered yet, whoever has waited longest first: since when, until when at most, when she is called next,
-- when she was asked without anybody having said what she answered, and how often she was asked or tried in vain.
WITH p AS (
    SELECT c.scheme_id, c.beneficiary_id, c.purpose, min(c.recorded_at)::timestamptz AS since
    FROM consent c
    WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.state = 'proposed' AND NOT EXISTS (
        SELECT FROM consent x
        WHERE x.scheme_id = c.scheme_id AND x.beneficiary_id = c.beneficiary_id AND x.purpose = c.purpose
            AND x.consent_id > c.consent_id AND x.state <> 'proposed')
    GROUP BY c.scheme_id, c.beneficiary_id, c.purpose
)
SELECT b.beneficiary_id, b.ref, b.source, b.language, p.since::timestamptz AS since,
    (greatest(p.since, s.asks_since) + make_interval(days => s.proposal_days))::timestamptz AS until,
    n.opens_at, n.closes_at, w.ended_at AS asked_at, coalesce(w.caller, '')::text AS asked_by, (
        SELECT count(*) FROM occurrence o
        WHERE o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id AND o.kind = 'first_call'
            AND (o.state IN ('reached', 'unreached') OR o.state = 'missed' AND o.attempts > 0)) AS calls
FROM p
JOIN scheme s ON s.scheme_id = p.scheme_id
JOIN beneficiary b ON b.scheme_id = p.scheme_id AND b.beneficiary_id = p.beneficiary_id AND b.purpose = p.purpose
LEFT JOIN LATERAL (
    SELECT o.opens_at, o.closes_at FROM occurrence o
    WHERE o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id AND o.kind = 'first_call'
        AND o.state IN ('open', 'claimed', 'live')
    ORDER BY o.opens_at LIMIT 1
) n ON true
LEFT JOIN LATERAL (
    SELECT o.ended_at, (
        SELECT c.ref FROM attempt a
        JOIN caller c ON c.scheme_id = a.scheme_id AND c.caller_id = a.caller_id
        WHERE a.scheme_id = o.scheme_id AND a.occurrence_id = o.occurrence_id AND a.result = 'answered'
        ORDER BY a.ended_at DESC LIMIT 1) AS caller
    FROM occurrence o
    WHERE o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id AND o.kind = 'first_call' AND o.state = 'reached'
        AND NOT EXISTS (SELECT FROM consent_answer x WHERE x.scheme_id = o.scheme_id AND x.occurrence_id = o.occurrence_id)
    ORDER BY o.ended_at DESC LIMIT 1
) w ON true
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.purpose <> 'outreach'
ORDER BY p.since, b.ref
LIMIT sqlc.arg(most);

-- name: ListLapsed :many
-- Whose time to answer is over, of those who were asked or tried in vain, whoever has waited longest first.
SELECT b.beneficiary_id
FROM beneficiary b
JOIN scheme s ON s.scheme_id = b.scheme_id
JOIN LATERAL (
    SELECT min(c.recorded_at) AS since FROM consent c
    WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose AND c.state = 'proposed'
        AND NOT EXISTS (
            SELECT FROM consent x
            WHERE x.scheme_id = c.scheme_id AND x.beneficiary_id = c.beneficiary_id AND x.purpose = c.purpose
                AND x.consent_id > c.consent_id AND x.state <> 'proposed')
) p ON greatest(p.since, s.asks_since) + make_interval(days => s.proposal_days) < sqlc.arg(now)::timestamptz
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.purpose <> 'outreach' AND EXISTS (
    SELECT FROM occurrence o
    WHERE o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id AND o.kind = 'first_call'
        AND (o.state IN ('reached', 'unreached') OR o.state = 'missed' AND o.attempts > 0))
ORDER BY p.since, b.ref
LIMIT sqlc.arg(most);

-- name: CountProposals :one
-- How many have not answered yet, and of those to how many somebody has talked at a first call and not told the answer.
SELECT count(*) AS waiting, count(*) FILTER (WHERE EXISTS (
    SELECT FROM occurrence o
    WHERE o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id AND o.kind = 'first_call' AND o.state = 'reached'
        AND NOT EXISTS (SELECT FROM consent_answer x WHERE x.scheme_id = o.scheme_id AND x.occurrence_id = o.occurrence_id))) AS untold
FROM beneficiary b
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.purpose <> 'outreach' AND EXISTS (
    SELECT FROM consent c
    WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose AND c.state = 'proposed')
    AND NOT EXISTS (
    SELECT FROM consent c
    WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose AND c.state <> 'proposed'
        AND c.consent_id > (
            SELECT max(p.consent_id) FROM consent p
            WHERE p.scheme_id = c.scheme_id AND p.beneficiary_id = c.beneficiary_id AND p.purpose = c.purpose AND p.state = 'proposed'));

-- name: ReadOrigins :many
-- Who registers people, and what came of it, by month.
SELECT month, source, outcome, count
FROM registration_count
WHERE scheme_id = sqlc.arg(scheme_id)
ORDER BY month DESC, source, outcome;

-- name: SetProposals :exec
UPDATE scheme SET proposal_days = sqlc.arg(proposal_days)
WHERE scheme_id = sqlc.arg(scheme_id);

-- name: ReadProposalRules :one
SELECT proposal_days FROM scheme WHERE scheme_id = sqlc.arg(scheme_id);

-- name: LapseRegistrations :many
-- Registrations that nobody has made anything of in time: of a person whom somebody else has proposed, and unfinished ones.
WITH gone AS (
    DELETE FROM registration r USING scheme s
    WHERE r.scheme_id = sqlc.arg(scheme_id) AND s.scheme_id = r.scheme_id AND r.handled_at IS NULL AND r.consent <> 'given'
        AND greatest(r.left_at, s.asks_since) + make_interval(days => s.proposal_days) < sqlc.arg(now)::timestamptz
    RETURNING r.scheme_id, r.registration_id, r.source, r.recording
), files AS (
    INSERT INTO recording_erasure (scheme_id, recording, since)
    SELECT g.scheme_id, g.recording, sqlc.arg(now)::timestamptz FROM gone g WHERE g.recording <> ''
    ON CONFLICT DO NOTHING
)
SELECT registration_id, source FROM gone;

-- name: HerOwnNumbers :many
-- The numbers of a person at which nobody else of the scheme is reached.
SELECT n.e164 FROM contact_number n
WHERE n.scheme_id = sqlc.arg(scheme_id) AND n.beneficiary_id = sqlc.arg(beneficiary_id) AND NOT EXISTS (
    SELECT FROM contact_number o
    WHERE o.scheme_id = n.scheme_id AND o.e164 = n.e164 AND o.beneficiary_id <> n.beneficiary_id);

-- name: EraseTraces :exec
-- What else is known of whoever is reached at these numbers, which are one person's alone: what she has said to the line, what was
-- registered there, and the number where it was shown.
WITH messages AS (
    DELETE FROM voice_message m
    WHERE m.scheme_id = sqlc.arg(scheme_id) AND m.cli = ANY (sqlc.arg(numbers)::text[])
    RETURNING m.scheme_id, m.recording
), registrations AS (
    DELETE FROM registration r
    WHERE r.scheme_id = sqlc.arg(scheme_id) AND r.number = ANY (sqlc.arg(numbers)::text[])
    RETURNING r.scheme_id, r.recording
), files AS (
    INSERT INTO recording_erasure (scheme_id, recording, since)
    SELECT g.scheme_id, g.recording, sqlc.arg(now)::timestamptz
    FROM (SELECT * FROM messages UNION SELECT * FROM registrations) g
    WHERE g.recording <> ''
    ON CONFLICT DO NOTHING
), shown AS (
    UPDATE registration r SET cli = ''
    WHERE r.scheme_id = sqlc.arg(scheme_id) AND r.cli = ANY (sqlc.arg(numbers)::text[]) AND r.number <> ALL (sqlc.arg(numbers)::text[])
), calls AS (
    UPDATE attempt a SET number = ''
    FROM line_callback c
    JOIN occurrence o ON o.scheme_id = c.scheme_id AND o.agreement_id = -c.callback_id
    WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.number = ANY (sqlc.arg(numbers)::text[]) AND a.scheme_id = o.scheme_id
        AND a.occurrence_id = o.occurrence_id AND a.state = 'ended'
)
UPDATE line_callback c SET number = ''
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.number = ANY (sqlc.arg(numbers)::text[]) AND NOT EXISTS (
    SELECT FROM occurrence o
    WHERE o.scheme_id = c.scheme_id AND o.agreement_id = -c.callback_id AND o.state IN ('claimed', 'live'));

-- name: ForgetInAudit :one
SELECT forget_in_audit(sqlc.arg(scheme_id)::bigint, sqlc.arg(ref)::text);

-- name: ReadErasures :many
SELECT recording, since FROM recording_erasure WHERE scheme_id = sqlc.arg(scheme_id) ORDER BY since LIMIT 1000;

-- name: DeleteErasure :exec
DELETE FROM recording_erasure WHERE scheme_id = sqlc.arg(scheme_id) AND recording = sqlc.arg(recording);

-- name: LiveConsent :one
-- Whom others have proposed and who has not answered yet, and of those, whoever was asked without anybody having said what she
-- answered.
SELECT count(*) AS proposed, count(*) FILTER (WHERE EXISTS (
    SELECT FROM occurrence o
    WHERE o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id AND o.kind = 'first_call' AND o.state = 'reached'
        AND NOT EXISTS (SELECT FROM consent_answer x WHERE x.scheme_id = o.scheme_id AND x.occurrence_id = o.occurrence_id)
)) AS unanswered
FROM (
    SELECT DISTINCT c.scheme_id, c.beneficiary_id, c.purpose
    FROM consent c
    WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.state = 'proposed' AND c.purpose <> 'outreach' AND NOT EXISTS (
        SELECT FROM consent x
        WHERE x.scheme_id = c.scheme_id AND x.beneficiary_id = c.beneficiary_id AND x.purpose = c.purpose
            AND x.consent_id > c.consent_id AND x.state <> 'proposed')
) p
JOIN beneficiary b ON b.scheme_id = p.scheme_id AND b.beneficiary_id = p.beneficiary_id AND b.purpose = p.purpose;
