-- What the telephone reads and keeps (callflow.Records).

-- name: FindLine :one
-- A number belongs to one scheme in the whole installation; the scheme is the answer. An operator who does not say which number
-- was dialled sends "s": where there is only one, it was that.
SELECT d.scheme_id, d.e164, d.flow, d.languages, s.spoken, s.zone, s.country, s.region
FROM did d
JOIN scheme s ON s.scheme_id = d.scheme_id
WHERE d.e164 = sqlc.arg(dialled) OR d.delivered = sqlc.arg(dialled)
    OR (sqlc.arg(dialled)::text = 's' AND (SELECT count(*) FROM did) = 1)
ORDER BY d.e164 = sqlc.arg(dialled) DESC
LIMIT 1;

-- name: FindLineOf :one
SELECT spoken, zone, country, region FROM scheme WHERE scheme_id = sqlc.arg(scheme_id);

-- name: ListLines :many
-- Every number of the installation.
SELECT e164, delivered, languages FROM did ORDER BY e164;

-- name: LineLanguages :many
-- Every language that some number of the installation is answered in: first those in which most are answered first. Whoever
-- dials a number that is nobody's speaks one of them.
SELECT l.language::text AS language
FROM did d, unnest(d.languages) WITH ORDINALITY AS l (language, place)
GROUP BY l.language
ORDER BY sum(1 / l.place) DESC, count(*) DESC, l.language;

-- name: FindCaller :one
-- An endpoint belongs to one caller in the whole installation; the scheme is part of the answer.
SELECT c.scheme_id, c.caller_id, c.languages, s.zone, t.state
FROM caller c
JOIN scheme s ON s.scheme_id = c.scheme_id
JOIN caller_status t ON t.scheme_id = c.scheme_id AND t.caller_id = c.caller_id
WHERE c.endpoint = sqlc.arg(endpoint) AND c.enabled;

-- name: FindCallersAt :many
-- Whoever works for the scheme from the ordinary phone with this number.
SELECT c.caller_id, c.given_name, c.languages, s.zone, t.state
FROM caller c
JOIN scheme s ON s.scheme_id = c.scheme_id
JOIN caller_status t ON t.scheme_id = c.scheme_id AND t.caller_id = c.caller_id
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.number = sqlc.arg(cli)::text AND c.phone = 'ordinary' AND c.enabled
ORDER BY c.caller_id;

-- name: IsCalledAt :one
-- Whether the scheme calls somebody at the number.
SELECT EXISTS (
    SELECT FROM contact_number t WHERE t.scheme_id = sqlc.arg(scheme_id) AND t.e164 = sqlc.arg(cli)::text);

-- name: ReadSpoken :one
-- What a scheme is called on the telephone; empty when it has no such name.
SELECT spoken FROM scheme WHERE scheme_id = sqlc.arg(scheme_id);

-- name: FindUpcoming :one
-- The next promised call of the person of an attempt.
SELECT o.opens_at, o.closes_at, o.beneficiary_id, o.occurrence_id, (o.kind = 'scheduled' AND o.state = 'open')::boolean AS changeable,
    s.zone
FROM attempt a
JOIN scheme s ON s.scheme_id = a.scheme_id
JOIN occurrence o ON o.beneficiary_id = a.beneficiary_id AND o.scheme_id = a.scheme_id
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.attempt_id = sqlc.arg(attempt_id) AND o.closes_at > sqlc.arg(now)
    AND o.kind IN ('scheduled', 'welcome_back') AND o.state IN ('open', 'claimed')
ORDER BY o.opens_at
LIMIT 1;

-- name: FindProposed :one
-- The promised call that follows the one of an attempt, as dispatch.DayLater finds it; no call gives an empty state.
SELECT a.state, s.zone, coalesce(n.state, '')::text AS next_state, n.opens_at, n.closes_at
FROM attempt a
JOIN scheme s ON s.scheme_id = a.scheme_id
JOIN occurrence o ON o.scheme_id = a.scheme_id AND o.occurrence_id = a.occurrence_id
LEFT JOIN LATERAL (
    SELECT f.state, f.opens_at, f.closes_at
    FROM occurrence f
    WHERE f.scheme_id = o.scheme_id AND f.beneficiary_id = o.beneficiary_id AND f.agreement_id = o.agreement_id
        AND f.kind = 'scheduled' AND f.state NOT IN ('moved', 'cancelled') AND f.local_date > o.local_date
        AND o.state NOT IN ('open', 'claimed', 'live')
    ORDER BY f.local_date
    LIMIT 1
) n ON true
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.attempt_id = sqlc.arg(attempt_id);

-- name: FindAppointments :many
-- Everybody reached at a number, each with the next promised call that is not over: of a caller, else of a machine that asks
-- whether all is well. Of a call to which she has not agreed, nothing is told.
SELECT b.beneficiary_id, b.given_name, n.opens_at, n.closes_at, coalesce(n.occurrence_id, 0)::bigint AS occurrence_id,
    coalesce(n.kind = 'scheduled' AND n.state = 'open', false)::boolean AS changeable
FROM beneficiary b
LEFT JOIN LATERAL (
    SELECT o.opens_at, o.closes_at, o.occurrence_id, o.kind, o.state
    FROM occurrence o
    WHERE o.scheme_id = b.scheme_id AND o.beneficiary_id = b.beneficiary_id AND o.state IN ('open', 'claimed', 'live')
        AND o.closes_at > sqlc.arg(now) AND o.local_date >= sqlc.arg(today)
        AND o.kind NOT IN ('reminder', 'survey', 'outreach', 'confirmation')
    ORDER BY o.kind = 'presence', o.opens_at
    LIMIT 1
) n ON true
WHERE b.scheme_id = sqlc.arg(scheme_id)
    AND EXISTS (
        SELECT FROM contact_number t
        WHERE t.scheme_id = b.scheme_id AND t.beneficiary_id = b.beneficiary_id AND t.e164 = sqlc.arg(cli))
    AND coalesce((
        SELECT c.state FROM consent c
        WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
        ORDER BY c.consent_id DESC LIMIT 1), 'proposed') = 'given'
ORDER BY n.opens_at NULLS LAST, b.beneficiary_id;

-- name: FindFirstName :one
SELECT given_name FROM beneficiary WHERE scheme_id = sqlc.arg(scheme_id) AND beneficiary_id = sqlc.arg(beneficiary_id);

-- name: FindLastAttempt :one
SELECT attempt_id
FROM attempt
WHERE scheme_id = sqlc.arg(scheme_id) AND caller_id = sqlc.arg(caller_id)::bigint AND result = 'answered'
    AND ended_at > sqlc.arg(since) AND claimed_at > sqlc.arg(claimed_since)
ORDER BY ended_at DESC
LIMIT 1;

-- name: InsertMessage :one
INSERT INTO voice_message (scheme_id, message_id, cli, language, recording, length_ms, left_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(message_id), sqlc.arg(cli), sqlc.arg(language), sqlc.arg(recording),
    sqlc.arg(length_ms), sqlc.arg(left_at))
ON CONFLICT (scheme_id, message_id) DO NOTHING
RETURNING message_id;

-- name: ListMessages :many
SELECT message_id, cli, language, recording, length_ms, left_at, handled_at
FROM voice_message
WHERE scheme_id = sqlc.arg(scheme_id) AND (handled_at IS NULL OR sqlc.arg(handled_too)::boolean)
ORDER BY left_at DESC
LIMIT sqlc.arg(most);

-- name: HandleMessage :execrows
UPDATE voice_message
SET handled_at = sqlc.arg(now), handled_by = sqlc.narg(handled_by)
WHERE scheme_id = sqlc.arg(scheme_id) AND message_id = sqlc.arg(message_id) AND handled_at IS NULL;
