-- Parties on the line who want a registrar, and the calls that they were promised instead of waiting.

-- name: ReadParties :many
SELECT p.party_id, p.language, p.queued_at, p.answered_at, p.left_at, p.ended_at, p.reason, p.caller_id, p.events, p.call_key
FROM (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(party_ids)::uuid[])) u (scheme_id, party_id)
JOIN inbound_party p ON p.scheme_id = u.scheme_id AND p.party_id = u.party_id;

-- name: ReadOpenParties :many
SELECT party_id, language, queued_at, answered_at, left_at, ended_at, reason, caller_id, events, call_key
FROM inbound_party
WHERE scheme_id = sqlc.arg(scheme_id) AND queued_at > sqlc.arg(since) AND left_at IS NULL AND ended_at IS NULL
ORDER BY party_id;

-- name: WriteParties :exec
INSERT INTO inbound_party (scheme_id, party_id, language, queued_at, answered_at, left_at, ended_at, reason, caller_id, events,
    call_key)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(party_ids)::uuid[]), unnest(sqlc.arg(languages)::text[]),
    unnest(sqlc.arg(queued_ats)::timestamptz[]), unnest(sqlc.arg(answered_ats)::timestamptz[]),
    unnest(sqlc.arg(left_ats)::timestamptz[]), unnest(sqlc.arg(ended_ats)::timestamptz[]), unnest(sqlc.arg(reasons)::text[]),
    unnest(sqlc.arg(caller_ids)::bigint[]), unnest(sqlc.arg(events)::integer[]), unnest(sqlc.arg(call_keys)::text[])
ON CONFLICT (scheme_id, party_id) DO UPDATE
SET answered_at = excluded.answered_at, left_at = excluded.left_at, ended_at = excluded.ended_at, reason = excluded.reason,
    caller_id = excluded.caller_id, events = excluded.events;

-- name: FindOpenCallback :one
-- The callback that a number is owed already.
SELECT o.occurrence_id
FROM line_callback c
JOIN occurrence o ON o.scheme_id = c.scheme_id AND o.agreement_id = -c.callback_id AND o.state IN ('open', 'claimed', 'live')
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.number = sqlc.arg(number)
LIMIT 1;

-- name: FindPeopleAt :many
-- Whoever is reached at a number, two at most: only one person is somebody in particular.
SELECT b.beneficiary_id
FROM beneficiary b
WHERE b.scheme_id = sqlc.arg(scheme_id)
    AND EXISTS (
        SELECT FROM contact_number t
        WHERE t.scheme_id = b.scheme_id AND t.beneficiary_id = b.beneficiary_id AND t.e164 = sqlc.arg(number))
LIMIT 2;

-- name: InsertCallback :one
INSERT INTO line_callback (scheme_id, uid, number, language, beneficiary_id, asked_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(uid), sqlc.arg(number), sqlc.arg(language), sqlc.narg(beneficiary_id), sqlc.arg(asked_at))
RETURNING callback_id;

-- name: ReadCallbacks :many
SELECT c.callback_id, c.number, c.language, coalesce(c.beneficiary_id, -c.callback_id)::bigint AS beneficiary_id
FROM (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(callback_ids)::bigint[])) u (scheme_id, callback_id)
JOIN line_callback c ON c.scheme_id = u.scheme_id AND c.callback_id = u.callback_id;

-- name: ReadWanted :one
-- Whom a call today is for, with what was agreed with her in the agreement that it will hang on (ReadCarriers); nothing agreed gives
-- a length of 0.
SELECT b.language, b.class, coalesce(b.reference_id, 0)::bigint AS reference_id, coalesce(b.deputy_id, 0)::bigint AS deputy_id,
    coalesce(a.length_ms, 0)::bigint AS length_ms, coalesce(a.continuity, 'preferred')::text AS continuity,
    coalesce(a.skills, '{}')::text[] AS skills, coalesce(a.hard, false)::boolean AS hard, coalesce((
        SELECT c.state FROM consent c
        WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
        ORDER BY c.consent_id DESC LIMIT 1), 'proposed')::text AS consent
FROM beneficiary b
LEFT JOIN LATERAL (
    SELECT g.length_ms, g.continuity, g.skills, g.hard
    FROM agreement g
    WHERE g.scheme_id = b.scheme_id AND g.beneficiary_id = b.beneficiary_id AND g.kind IN ('scheduled', 'callback')
    ORDER BY (g.kind = 'scheduled' AND g.ended_at IS NULL) DESC, g.agreement_id DESC
    LIMIT 1
) a ON true
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = sqlc.arg(beneficiary_id);
