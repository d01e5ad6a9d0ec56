-- What a dispatcher starts from.

-- name: ReadScheme :one
SELECT s.uid, s.name, s.zone, s.country, s.region, s.language, s.paused, s.opens, s.closes, s.hold_ms, s.wrap_up_ms, s.max_attempts,
    s.tries_per_day, s.load_talk_ms, s.load_calls, s.load_hard, s.load_in_row, s.load_breather_ms,
    s.overflow_ms, s.overflow_to, l.epoch, l.event_number, l.load_from, (l.restored_at IS NOT NULL)::boolean AS restored
FROM scheme s
JOIN scheme_lead l ON l.scheme_id = s.scheme_id
WHERE s.scheme_id = sqlc.arg(scheme_id);

-- name: ReadRetry :many
SELECT kind, result, after_ms FROM scheme_retry WHERE scheme_id = sqlc.arg(scheme_id);

-- name: ReadTries :many
SELECT kind, max_attempts FROM scheme_tries WHERE scheme_id = sqlc.arg(scheme_id);

-- name: ReadVain :many
-- The attempts since an instant that did not reach the person and count as hers (dispatch.Finish.Vain).
SELECT a.beneficiary_id, b.zone, a.ended_at
FROM attempt a
JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.claimed_at >= sqlc.arg(since) AND a.state = 'ended' AND a.kind <> 'confirmation'
    AND (a.result IN ('busy', 'no_answer', 'machine')
        OR a.result = 'failed' AND a.reason <> 'not_permitted' AND (a.fault = 'theirs' OR a.reason = 'invalid_number'));

-- name: ReadTrunks :many
SELECT trunk_id, endpoint, kind, enabled, position, host, port, transport, username, secret, from_domain, codecs, dtmf,
    lines, inbound_reserve, calls_per_second, nodes
FROM trunk
WHERE scheme_id = sqlc.arg(scheme_id)
ORDER BY position, trunk_id;

-- name: ReadCLI :many
SELECT trunk_id, kind, e164 FROM trunk_cli WHERE scheme_id = sqlc.arg(scheme_id);

-- name: ReadPauses :many
-- No-call periods, absences and skipped calls that are not over since long, of one person or (beneficiary_id 0) of the scheme. An
-- infinite last day is sent as null.
SELECT coalesce(p.beneficiary_id, 0)::bigint AS beneficiary_id, p.first_day, nullif(p.last_day, 'infinity')::date AS last_day,
    false AS welcome_back, false AS skip
FROM no_call_period p
WHERE p.scheme_id = sqlc.arg(scheme_id) AND p.last_day >= sqlc.arg(since) AND p.revoked_at IS NULL
UNION ALL
SELECT a.beneficiary_id, a.first_day, nullif(a.last_day, 'infinity')::date, a.welcome_back, false
FROM absence a
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.last_day >= sqlc.arg(since) AND a.revoked_at IS NULL
UNION ALL
SELECT k.beneficiary_id, k.agreed_on, k.agreed_on, false, true
FROM appointment_change k
WHERE k.scheme_id = sqlc.arg(scheme_id) AND k.kind = 'skip' AND k.state = 'done' AND k.agreed_on >= sqlc.arg(since);

-- name: ReadHours :many
SELECT weekday, begins, ends FROM scheme_hours
WHERE scheme_id = sqlc.arg(scheme_id) AND of_line = sqlc.arg(of_line)
ORDER BY weekday;

-- name: ReadExceptions :many
-- Dates with other hours that are not over since long, in the order in which they were made.
SELECT uid, first_day, nullif(last_day, 'infinity')::date AS last_day, begins, ends, made_at
FROM hours_exception
WHERE scheme_id = sqlc.arg(scheme_id) AND of_line = sqlc.arg(of_line) AND last_day >= sqlc.arg(since) AND revoked_at IS NULL
ORDER BY exception_id;

-- name: ReadCallers :many
SELECT c.caller_id, c.roles, c.languages, c.skills, c.enabled, c.phone, c.endpoint, coalesce(c.number, '') AS number,
    s.state, s.since, s.missed_in_row, s.day, s.calls_today, s.hard_today, s.last_ended, s.talk_today_ms, s.hard_in_row,
    s.row_before, s.last_call, s.hard_ended, c.load_talk_ms, c.load_calls, c.load_hard, c.load_in_row, c.load_breather_ms
FROM caller c
JOIN caller_status s ON s.scheme_id = c.scheme_id AND s.caller_id = c.caller_id
WHERE c.scheme_id = sqlc.arg(scheme_id)
ORDER BY c.caller_id;

-- name: ReadLive :many
-- Attempts that have not ended, with the node at whose PBX they are and their last offer; those of calls that need
-- no caller have none.
SELECT a.attempt_id, a.occurrence_id, a.kind, a.number, a.trunk, a.cli, a.language, a.ring_ms, a.claimed_at, a.state, a.offer,
    coalesce(a.caller_id, 0)::bigint AS caller_id, a.dial_by, a.rung_before, a.bridged_at, a.channel, a.answer, a.answers,
    coalesce(o.endpoint, '') AS endpoint, coalesce(o.number, '') AS caller_number, coalesce(o.language, '') AS caller_language,
    coalesce(o.caller_ring_ms, 0)::bigint AS caller_ring_ms, coalesce(a.node, '') AS placed_at, coalesce(a.node, l.holder, '') AS node
FROM live_number n
JOIN attempt a ON a.scheme_id = n.scheme_id AND a.attempt_id = n.attempt_id
LEFT JOIN offer o ON o.scheme_id = a.scheme_id AND o.attempt_id = a.attempt_id AND o.offer = a.offer
LEFT JOIN scheme_leader l ON l.scheme_id = a.scheme_id AND l.epoch = a.epoch
WHERE n.scheme_id = sqlc.arg(scheme_id)
    AND (coalesce(cardinality(sqlc.arg(attempt_ids)::uuid[]), 0) = 0 OR n.attempt_id = ANY(sqlc.arg(attempt_ids)::uuid[]))
ORDER BY a.attempt_id;

-- name: StreamOccurrences :many
-- What is not ended and opens in time. No index knows what is open: load_from keeps the search out of the past.
SELECT occurrence_id, agreement_id, beneficiary_id, kind, state, opens_at, closes_at, not_before, length_ms, deferred,
    attempts, rang, local_date
FROM occurrence
WHERE scheme_id = sqlc.arg(scheme_id) AND opens_at >= sqlc.arg(load_from) AND opens_at < sqlc.arg(until)
    AND state IN ('open', 'claimed', 'live');

-- name: StreamOccurrencesByID :many
SELECT occurrence_id, agreement_id, beneficiary_id, kind, state, opens_at, closes_at, not_before, length_ms, deferred,
    attempts, rang, local_date
FROM occurrence
WHERE scheme_id = sqlc.arg(scheme_id) AND occurrence_id = ANY (sqlc.arg(occurrence_ids)::bigint[])
    AND state IN ('open', 'claimed', 'live');

-- name: OpensAhead :one
-- When the call opens before which as many others open after now; no row when fewer open before until.
SELECT opens_at FROM occurrence
WHERE scheme_id = sqlc.arg(scheme_id) AND opens_at > sqlc.arg(now) AND opens_at < sqlc.arg(until)
ORDER BY opens_at OFFSET sqlc.arg(ahead)::integer LIMIT 1;

-- name: StreamAgreements :many
-- The current agreements.
SELECT a.agreement_id, a.beneficiary_id, a.cadence, a.per_week, a.days, a.begins, a.ends, a.length_ms, a.valid_from,
    a.valid_until, a.continuity, a.caller_ring_ms, a.ring_ms, coalesce(b.reference_id, 0) AS reference_id,
    coalesce(b.deputy_id, 0) AS deputy_id, b.class, b.language, coalesce(l.caller_id, 0) AS last_caller_id, a.window_days,
    a.month_day, a.nth, a.dates, coalesce(a.place_days, 0) AS place_days, a.place_week, b.zone,
    a.skills, a.hard, a.kind
FROM agreement a
JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
LEFT JOIN last_caller l ON l.scheme_id = a.scheme_id AND l.beneficiary_id = a.beneficiary_id
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.ended_at IS NULL;

-- name: StreamAgreementsByID :many
-- The same columns.
SELECT a.agreement_id, a.beneficiary_id, a.cadence, a.per_week, a.days, a.begins, a.ends, a.length_ms, a.valid_from,
    a.valid_until, a.continuity, a.caller_ring_ms, a.ring_ms, coalesce(b.reference_id, 0) AS reference_id,
    coalesce(b.deputy_id, 0) AS deputy_id, b.class, b.language, coalesce(l.caller_id, 0) AS last_caller_id, a.window_days,
    a.month_day, a.nth, a.dates, coalesce(a.place_days, 0) AS place_days, a.place_week, b.zone,
    a.skills, a.hard, a.kind
FROM (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(agreement_ids)::bigint[])) u (scheme_id, agreement_id)
JOIN agreement a ON a.scheme_id = u.scheme_id AND a.agreement_id = u.agreement_id
JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
LEFT JOIN last_caller l ON l.scheme_id = a.scheme_id AND l.beneficiary_id = a.beneficiary_id;

-- name: StreamNumbers :many
SELECT beneficiary_id, e164 FROM contact_number WHERE scheme_id = sqlc.arg(scheme_id) ORDER BY beneficiary_id, position;

-- name: StreamNumbersOf :many
SELECT n.beneficiary_id, n.e164
FROM (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(beneficiary_ids)::bigint[])) u (scheme_id, beneficiary_id)
JOIN contact_number n ON n.scheme_id = u.scheme_id AND n.beneficiary_id = u.beneficiary_id
ORDER BY n.beneficiary_id, n.position;
