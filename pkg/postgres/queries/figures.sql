-- What the pages show (report.Records) and what the live figures begin with (report.Source).

-- name: FindScheme :one
-- A scheme by its id seen outside.
SELECT scheme_id, uid, name, zone, language, paused FROM scheme WHERE uid = sqlc.arg(uid);

-- name: WallScheme :one
SELECT scheme_id, uid, name, zone, language, paused FROM scheme WHERE scheme_id = sqlc.arg(scheme_id);

-- name: WallNames :many
SELECT c.uid, c.given_name, c.family_name
FROM caller c
JOIN caller_status s ON s.scheme_id = c.scheme_id AND s.caller_id = c.caller_id
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.enabled AND s.state <> 'off';

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

-- name: LastEvent :one
SELECT event_number FROM scheme_lead WHERE scheme_id = sqlc.arg(scheme_id);

-- name: LiveHead :one
-- The first statement of the snapshot: everything else is as of this event.
SELECT s.zone, l.event_number, l.load_from,
    ((SELECT count(*) FROM voice_message m WHERE m.scheme_id = s.scheme_id AND m.handled_at IS NULL)
        + (SELECT count(*) FROM registration r WHERE r.scheme_id = s.scheme_id AND r.handled_at IS NULL))::bigint AS messages
FROM scheme s
JOIN scheme_lead l ON l.scheme_id = s.scheme_id
WHERE s.scheme_id = sqlc.arg(scheme_id);

-- name: LiveEnded :many
SELECT state, count(*) AS occurrences
FROM occurrence
WHERE scheme_id = sqlc.arg(scheme_id) AND local_date = sqlc.arg(today)::date AND opens_at <= sqlc.arg(now)
    -- A day is found by the instants that it can hold in any zone.
    AND opens_at >= sqlc.arg(today)::date - interval '1 day' AND opens_at < sqlc.arg(today)::date + interval '2 days'
    AND state NOT IN ('open', 'claimed', 'live')
GROUP BY state;

-- name: LivePromises :many
SELECT uid, kind, state, local_date, opens_at, closes_at, length_ms
FROM occurrence
WHERE scheme_id = sqlc.arg(scheme_id) AND local_date = sqlc.arg(today)::date
    -- A day is found by the instants that it can hold in any zone.
    AND opens_at >= sqlc.arg(today)::date - interval '1 day' AND opens_at < sqlc.arg(today)::date + interval '2 days'
    AND (state IN ('open', 'claimed', 'live') OR opens_at > sqlc.arg(now));

-- name: LiveCallbacks :many
SELECT uid, kind, state, local_date, opens_at, closes_at, length_ms
FROM occurrence
WHERE scheme_id = sqlc.arg(scheme_id) AND kind = 'callback' AND state IN ('open', 'claimed', 'live')
    AND local_date <> sqlc.arg(today) AND opens_at >= coalesce(sqlc.narg(load_from)::timestamptz, '-infinity');

-- name: LiveAttempts :many
SELECT a.attempt_id, o.uid
FROM live_number n
JOIN attempt a ON a.scheme_id = n.scheme_id AND a.attempt_id = n.attempt_id
JOIN occurrence o ON o.scheme_id = a.scheme_id AND o.occurrence_id = a.occurrence_id
WHERE n.scheme_id = sqlc.arg(scheme_id);

-- name: LiveCallers :many
-- The end of an attempt stands in no index: those claimed since shortly before midnight are searched.
SELECT c.uid, c.roles, c.enabled, s.state, s.reason, s.since, coalesce(t.calls, 0)::bigint AS calls_today
FROM caller c
JOIN caller_status s ON s.scheme_id = c.scheme_id AND s.caller_id = c.caller_id
LEFT JOIN (
    SELECT a.caller_id, count(*) AS calls
    FROM attempt a
    WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.claimed_at >= sqlc.arg(since) AND a.result = 'answered'
        AND a.ended_at >= sqlc.arg(midnight) AND a.ended_at < sqlc.arg(next_midnight)
    GROUP BY a.caller_id
) t ON t.caller_id = c.caller_id
WHERE c.scheme_id = sqlc.arg(scheme_id);

-- name: LiveQueue :one
-- The parties of today; those who wait or talk still are counted by who reads them.
SELECT count(*) AS offered, count(answered_at) AS answered,
    count(*) FILTER (WHERE answered_at - queued_at <= sqlc.arg(within_ms)::bigint * interval '1 ms') AS in_time,
    count(*) FILTER (WHERE reason = 'abandoned') AS abandoned, count(ended_at) AS ended,
    coalesce(sum(extract(epoch FROM answered_at - queued_at) * 1000000), 0)::bigint AS wait_us,
    coalesce(sum(extract(epoch FROM ended_at - answered_at) * 1000000), 0)::bigint AS talk_us
FROM inbound_party
WHERE scheme_id = sqlc.arg(scheme_id) AND queued_at >= sqlc.arg(midnight) AND queued_at < sqlc.arg(next_midnight);

-- name: WallInbox :one
-- Since when the oldest item of the inbox waits; null when none does.
SELECT min(i.since)::timestamptz AS oldest
FROM (
    SELECT m.left_at AS since FROM voice_message m WHERE m.scheme_id = sqlc.arg(scheme_id) AND m.handled_at IS NULL
    UNION ALL
    SELECT c.asked_at FROM line_callback c
    JOIN occurrence o ON o.scheme_id = c.scheme_id AND o.agreement_id = -c.callback_id
    WHERE c.scheme_id = sqlc.arg(scheme_id) AND o.ended_at IS NULL
    UNION ALL
    SELECT r.left_at FROM registration r WHERE r.scheme_id = sqlc.arg(scheme_id) AND r.handled_at IS NULL
    UNION ALL
    SELECT w.began_at FROM welfare_case w WHERE w.scheme_id = sqlc.arg(scheme_id) AND w.over_at IS NULL
) i;
