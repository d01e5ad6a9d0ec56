-- What the pages show (report.Figures).

-- name: FindScheme :one
-- A scheme by its id seen outside.
SELECT scheme_id, uid, name, zone, language, paused FROM scheme WHERE uid = sqlc.arg(uid);

-- name: WallScheme :one
SELECT scheme_id, uid, name, zone, language, paused FROM scheme WHERE scheme_id = sqlc.arg(scheme_id);

-- name: WallToday :many
SELECT state, (opens_at <= sqlc.arg(now))::boolean AS begun, count(*) AS occurrences,
    count(*) FILTER (WHERE closes_at <= sqlc.arg(late)) AS late
FROM occurrence
WHERE scheme_id = sqlc.arg(scheme_id) AND local_date = sqlc.arg(today)
GROUP BY 1, 2;

-- name: WallAttempts :one
SELECT count(*) FROM attempt
WHERE scheme_id = sqlc.arg(scheme_id) AND claimed_at >= sqlc.arg(midnight) AND claimed_at < sqlc.arg(next_midnight);

-- name: WallMessages :one
SELECT count(*) FROM voice_message WHERE scheme_id = sqlc.arg(scheme_id) AND handled_at IS NULL;

-- name: WallCallers :many
SELECT c.uid, c.given_name, c.family_name, c.roles, s.state, s.reason, s.since, s.day, s.calls_today
FROM caller c
JOIN caller_status s ON s.scheme_id = c.scheme_id AND s.caller_id = c.caller_id
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.enabled AND s.state <> 'off'
ORDER BY c.family_name, c.given_name, c.caller_id;

-- name: WallCallersOff :one
SELECT count(*) FROM caller c
JOIN caller_status s ON s.scheme_id = c.scheme_id AND s.caller_id = c.caller_id
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.enabled AND s.state = 'off';

-- name: WallLive :many
-- A call that needs no caller has no offer.
SELECT a.attempt_id, a.kind, a.state, a.claimed_at, a.accepted_at, a.ringing_at, a.bridged_at, coalesce(o.made_at, a.claimed_at)::timestamptz AS made_at, o.ended_at,
    coalesce(c.given_name, '') AS given_name, coalesce(c.family_name, '') AS family_name, coalesce(b.ref, '') AS beneficiary,
    coalesce(b.class, 0)::smallint AS class
FROM live_number n
JOIN attempt a ON a.scheme_id = n.scheme_id AND a.attempt_id = n.attempt_id
LEFT JOIN offer o ON o.scheme_id = a.scheme_id AND o.attempt_id = a.attempt_id AND o.offer = a.offer
LEFT JOIN caller c ON c.scheme_id = a.scheme_id AND c.caller_id = a.caller_id
LEFT JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
WHERE n.scheme_id = sqlc.arg(scheme_id)
ORDER BY a.claimed_at, a.attempt_id;

-- name: WallLast :many
-- The end of an attempt stands in no index: the ones claimed last are searched.
SELECT a.attempt_id, a.kind, a.ended_at, coalesce(a.result, '') AS result, a.reason, coalesce(a.fault, '') AS fault, a.talk_ms,
    coalesce(c.given_name, '') AS given_name, coalesce(c.family_name, '') AS family_name, coalesce(b.ref, '') AS beneficiary
FROM (
    SELECT x.* FROM attempt x
    WHERE x.scheme_id = sqlc.arg(scheme_id) AND x.claimed_at > sqlc.arg(since)
    ORDER BY x.claimed_at DESC
    LIMIT sqlc.arg(among)
) a
LEFT JOIN caller c ON c.scheme_id = a.scheme_id AND c.caller_id = a.caller_id
LEFT JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
WHERE a.state = 'ended'
ORDER BY a.ended_at DESC, a.attempt_id
LIMIT sqlc.arg(most);
