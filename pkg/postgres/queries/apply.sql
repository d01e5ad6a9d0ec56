-- The reads and writes of one batch. All of them run under LockLead. Rows are joined to the list of their keys, one lookup
-- each. The scheme stands in that list like the other keys, not in a condition of its own: while the planner does not know yet
-- how much of a table one scheme is, it would read the whole scheme to find one row.

-- name: ReadAttempts :many
SELECT a.attempt_id, a.occurrence_id, a.beneficiary_id, a.number, a.state, a.offer,
    coalesce(a.caller_id, 0)::bigint AS caller_id, a.dial_by, a.rung_before,
    a.accepted_at, a.ringing_at, a.bridged_at, a.ended_at, a.channel, a.result, a.reason, a.fault, a.cause, a.talk_ms, a.rang,
    a.end_estimated, a.disposition, a.follow_up, a.day_later, a.closed_at, a.answer, a.answers, a.events
FROM (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(attempt_ids)::uuid[])) u (scheme_id, attempt_id)
JOIN attempt a ON a.scheme_id = u.scheme_id AND a.attempt_id = u.attempt_id;

-- name: ReadOffers :many
SELECT o.attempt_id, o.offer, o.caller_id, o.state, o.ended_at
FROM (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(attempt_ids)::uuid[])) u (scheme_id, attempt_id)
JOIN offer o ON o.scheme_id = u.scheme_id AND o.attempt_id = u.attempt_id;

-- name: ReadOccurrences :many
SELECT o.occurrence_id, o.uid, o.agreement_id, o.beneficiary_id, o.kind, o.sequence, o.local_date, o.state, o.not_before,
    o.deferred, o.attempts, o.rang, o.ended_at, o.events
FROM (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(occurrence_ids)::bigint[])) u (scheme_id, occurrence_id)
JOIN occurrence o ON o.scheme_id = u.scheme_id AND o.occurrence_id = u.occurrence_id;

-- name: ReadLiveNumbers :many
-- A number is held across all schemes, a person within hers.
SELECT n.e164, n.scheme_id, n.attempt_id, n.beneficiary_id
FROM (SELECT unnest(sqlc.arg(numbers)::text[]) AS e164) u
JOIN live_number n ON n.e164 = u.e164
UNION ALL
SELECT n.e164, n.scheme_id, n.attempt_id, n.beneficiary_id
FROM (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(occurrence_ids)::bigint[])) u (scheme_id, occurrence_id)
JOIN occurrence o ON o.scheme_id = u.scheme_id AND o.occurrence_id = u.occurrence_id
JOIN live_number n ON n.beneficiary_id = o.beneficiary_id AND n.scheme_id = o.scheme_id;

-- name: ReadReservations :many
-- A caller is held across all schemes.
SELECT r.caller_id, r.scheme_id, r.attempt_id, r.offer
FROM (SELECT unnest(sqlc.arg(caller_ids)::bigint[]) AS caller_id) u
JOIN reservation r ON r.caller_id = u.caller_id;

-- name: ReadCallerStatus :many
SELECT s.caller_id, c.uid, s.state, s.reason, s.since, s.missed_in_row, s.day, s.calls_today, s.hard_today, s.last_ended,
    s.events, s.talk_today_ms, s.hard_in_row, s.row_before, s.last_call, s.hard_ended
FROM (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(caller_ids)::bigint[])) u (scheme_id, caller_id)
JOIN caller_status s ON s.scheme_id = u.scheme_id AND s.caller_id = u.caller_id
JOIN caller c ON c.scheme_id = u.scheme_id AND c.caller_id = u.caller_id;

-- name: DeleteLiveNumbers :exec
DELETE FROM live_number n
USING (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(numbers)::text[])) u (scheme_id, e164)
WHERE n.scheme_id = u.scheme_id AND n.e164 = u.e164;

-- name: InsertLiveNumbers :exec
-- A number that another scheme took meanwhile breaks the primary key; the batch is then decided anew.
INSERT INTO live_number (e164, scheme_id, attempt_id, beneficiary_id)
SELECT unnest(sqlc.arg(numbers)::text[]), sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(attempt_ids)::uuid[]),
    unnest(sqlc.arg(beneficiary_ids)::bigint[]);

-- name: DeleteReservations :exec
DELETE FROM reservation r
USING (SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(caller_ids)::bigint[])) u (scheme_id, caller_id)
WHERE r.scheme_id = u.scheme_id AND r.caller_id = u.caller_id;

-- name: InsertReservations :exec
INSERT INTO reservation (caller_id, scheme_id, attempt_id, offer, since)
SELECT unnest(sqlc.arg(caller_ids)::bigint[]), sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(attempt_ids)::uuid[]),
    unnest(sqlc.arg(offers)::smallint[]), sqlc.arg(since)::timestamptz;

-- name: InsertAttempts :exec
INSERT INTO attempt (scheme_id, attempt_id, occurrence_id, beneficiary_id, kind, number, trunk, cli, language, ring_ms,
    claimed_at, epoch, state, offer, caller_id, dial_by, rung_before, events, node)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(attempt_ids)::uuid[]), unnest(sqlc.arg(occurrence_ids)::bigint[]),
    unnest(sqlc.arg(beneficiary_ids)::bigint[]), unnest(sqlc.arg(kinds)::text[]), unnest(sqlc.arg(numbers)::text[]),
    unnest(sqlc.arg(trunks)::text[]), unnest(sqlc.arg(clis)::text[]), unnest(sqlc.arg(languages)::text[]),
    unnest(sqlc.arg(rings)::bigint[]), unnest(sqlc.arg(claimed_ats)::timestamptz[]), sqlc.arg(epoch)::bigint, 'intent',
    unnest(sqlc.arg(offers)::smallint[]), nullif(unnest(sqlc.arg(caller_ids)::bigint[]), 0),
    unnest(sqlc.arg(dial_bys)::timestamptz[]), unnest(sqlc.arg(rung_befores)::boolean[]), unnest(sqlc.arg(events)::integer[]),
    nullif(unnest(sqlc.arg(nodes)::text[]), '');

-- name: UpdateAttempts :exec
UPDATE attempt a
SET state = u.state, offer = u.offer, caller_id = nullif(u.caller_id, 0), dial_by = u.dial_by, rung_before = u.rung_before,
    accepted_at = u.accepted_at, ringing_at = u.ringing_at, bridged_at = u.bridged_at, ended_at = u.ended_at,
    channel = u.channel, result = nullif(u.result, ''), reason = u.reason, fault = nullif(u.fault, ''), cause = u.cause,
    talk_ms = u.talk_ms, rang = u.rang, end_estimated = u.end_estimated, disposition = u.disposition,
    follow_up = u.follow_up, day_later = u.day_later, closed_at = u.closed_at, answer = u.answer, answers = u.answers, events = u.events
FROM (
    SELECT sqlc.arg(scheme_id)::bigint AS scheme_id, unnest(sqlc.arg(attempt_ids)::uuid[]) AS attempt_id, unnest(sqlc.arg(states)::text[]) AS state,
        unnest(sqlc.arg(offers)::smallint[]) AS offer, unnest(sqlc.arg(caller_ids)::bigint[]) AS caller_id,
        unnest(sqlc.arg(dial_bys)::timestamptz[]) AS dial_by, unnest(sqlc.arg(rung_befores)::boolean[]) AS rung_before,
        unnest(sqlc.arg(accepted_ats)::timestamptz[]) AS accepted_at,
        unnest(sqlc.arg(ringing_ats)::timestamptz[]) AS ringing_at,
        unnest(sqlc.arg(bridged_ats)::timestamptz[]) AS bridged_at, unnest(sqlc.arg(ended_ats)::timestamptz[]) AS ended_at,
        unnest(sqlc.arg(channels)::text[]) AS channel, unnest(sqlc.arg(results)::text[]) AS result,
        unnest(sqlc.arg(reasons)::text[]) AS reason, unnest(sqlc.arg(faults)::text[]) AS fault,
        unnest(sqlc.arg(causes)::smallint[]) AS cause, unnest(sqlc.arg(talks)::bigint[]) AS talk_ms,
        unnest(sqlc.arg(rangs)::boolean[]) AS rang, unnest(sqlc.arg(estimates)::boolean[]) AS end_estimated,
        unnest(sqlc.arg(dispositions)::text[]) AS disposition, unnest(sqlc.arg(follow_ups)::boolean[]) AS follow_up,
        unnest(sqlc.arg(day_laters)::boolean[]) AS day_later, unnest(sqlc.arg(closed_ats)::timestamptz[]) AS closed_at,
        unnest(sqlc.arg(answers)::text[]) AS answer, unnest(sqlc.arg(answer_counts)::smallint[]) AS answers,
        unnest(sqlc.arg(events)::integer[]) AS events
) u
WHERE a.scheme_id = u.scheme_id AND a.attempt_id = u.attempt_id;

-- name: InsertOffers :exec
INSERT INTO offer (scheme_id, attempt_id, offer, caller_id, endpoint, number, language, caller_ring_ms, made_at, state,
    ended_at)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(attempt_ids)::uuid[]), unnest(sqlc.arg(offers)::smallint[]),
    unnest(sqlc.arg(caller_ids)::bigint[]), unnest(sqlc.arg(endpoints)::text[]), unnest(sqlc.arg(numbers)::text[]),
    unnest(sqlc.arg(languages)::text[]), unnest(sqlc.arg(rings)::bigint[]), unnest(sqlc.arg(made_ats)::timestamptz[]),
    unnest(sqlc.arg(states)::text[]), unnest(sqlc.arg(ended_ats)::timestamptz[]);

-- name: UpdateOffers :exec
UPDATE offer o
SET state = u.state, ended_at = u.ended_at
FROM (
    SELECT sqlc.arg(scheme_id)::bigint AS scheme_id, unnest(sqlc.arg(attempt_ids)::uuid[]) AS attempt_id, unnest(sqlc.arg(offers)::smallint[]) AS offer,
        unnest(sqlc.arg(states)::text[]) AS state, unnest(sqlc.arg(ended_ats)::timestamptz[]) AS ended_at
) u
WHERE o.scheme_id = u.scheme_id AND o.attempt_id = u.attempt_id AND o.offer = u.offer;

-- name: UpdateOccurrences :exec
UPDATE occurrence o
SET state = u.state, not_before = u.not_before, deferred = u.deferred, attempts = u.attempts, rang = u.rang,
    ended_at = u.ended_at, events = u.events
FROM (
    SELECT sqlc.arg(scheme_id)::bigint AS scheme_id, unnest(sqlc.arg(occurrence_ids)::bigint[]) AS occurrence_id, unnest(sqlc.arg(states)::text[]) AS state,
        unnest(sqlc.arg(not_befores)::timestamptz[]) AS not_before, unnest(sqlc.arg(deferred)::smallint[]) AS deferred,
        unnest(sqlc.arg(attempts)::smallint[]) AS attempts, unnest(sqlc.arg(rangs)::boolean[]) AS rang,
        unnest(sqlc.arg(ended_ats)::timestamptz[]) AS ended_at, unnest(sqlc.arg(events)::integer[]) AS events
) u
WHERE o.scheme_id = u.scheme_id AND o.occurrence_id = u.occurrence_id;

-- name: InsertOccurrences :many
-- Books calls. One that exists already is left as it is and not returned; so is one that would follow from an agreement
-- that ended meanwhile: another one has taken its place, or none. What hangs on an agreement of another kind was not promised
-- by it. Nor is anything booked without consent, whoever asks for it: before a person has agreed, only her first call is, and in
-- a surge what the heat register is for (Store.Surge).
INSERT INTO occurrence (scheme_id, uid, agreement_id, beneficiary_id, kind, sequence, local_date, opens_at, closes_at,
    length_ms, not_before, instead_of, rang, events)
SELECT sqlc.arg(scheme_id)::bigint, u.uid, u.agreement_id, u.beneficiary_id, u.kind, u.sequence, u.local_date, u.opens_at, u.closes_at,
    u.length_ms, u.not_before, u.instead_of, u.rang, sqlc.arg(events)::integer
FROM (
    SELECT unnest(sqlc.arg(uids)::uuid[]) AS uid,
        unnest(sqlc.arg(agreement_ids)::bigint[]) AS agreement_id, unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary_id,
        unnest(sqlc.arg(kinds)::text[]) AS kind, unnest(sqlc.arg(sequences)::smallint[]) AS sequence,
        unnest(sqlc.arg(local_dates)::date[]) AS local_date, unnest(sqlc.arg(opens_ats)::timestamptz[]) AS opens_at,
        unnest(sqlc.arg(closes_ats)::timestamptz[]) AS closes_at, unnest(sqlc.arg(lengths)::bigint[]) AS length_ms,
        unnest(sqlc.arg(not_befores)::timestamptz[]) AS not_before, unnest(sqlc.arg(insteads)::date[]) AS instead_of,
        unnest(sqlc.arg(rangs)::boolean[]) AS rang
) u
WHERE (u.kind IN ('callback', 'call_today', 'apology') OR (
    -- One lookup a row: a join might read the whole table.
    SELECT a.kind FROM agreement a
    WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.agreement_id = u.agreement_id AND a.ended_at IS NOT NULL
) IS DISTINCT FROM CASE WHEN u.kind IN ('welcome_back', 'first_call') THEN 'scheduled' ELSE u.kind END)
    -- What she asked for herself needs no consent, nor does the call that asks for it; a person whom nobody knows has given none.
    AND (u.kind IN ('callback', 'outreach', 'confirmation') OR u.beneficiary_id <= 0 OR (
        SELECT CASE coalesce((
                SELECT c.state FROM consent c
                WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
                ORDER BY c.consent_id DESC LIMIT 1), 'proposed')
            WHEN 'given' THEN u.kind <> 'first_call'
            WHEN 'proposed' THEN u.kind = 'first_call' OR sqlc.arg(surge)::boolean AND b.purpose = 'heat_register'
            ELSE false END
        FROM beneficiary b
        WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = u.beneficiary_id))
ON CONFLICT ON CONSTRAINT occurrence_booked DO NOTHING
RETURNING occurrence_id, uid;

-- name: FindBooked :many
SELECT o.occurrence_id, o.agreement_id, o.kind, o.sequence, o.local_date
FROM (
    SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(agreement_ids)::bigint[]), unnest(sqlc.arg(local_dates)::date[])
) u (scheme_id, agreement_id, local_date)
JOIN occurrence o ON o.scheme_id = u.scheme_id AND o.agreement_id = u.agreement_id AND o.local_date = u.local_date
WHERE o.state NOT IN ('moved', 'cancelled')
ORDER BY o.sequence;

-- name: ReadFollowing :many
-- Every call of a person on a later day, moved and cancelled ones too.
SELECT o.occurrence_id, o.uid, o.agreement_id, o.beneficiary_id, o.kind, o.sequence, o.local_date, o.state, o.not_before,
    o.deferred, o.attempts, o.rang, o.ended_at, o.events
FROM occurrence o
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.beneficiary_id = sqlc.arg(beneficiary_id) AND o.local_date > sqlc.arg(after)
ORDER BY o.local_date, o.sequence;

-- name: ReadTerms :one
SELECT a.agreement_id, a.beneficiary_id, a.cadence, a.per_week, a.days, a.begins, a.ends, a.length_ms, a.valid_from,
    a.valid_until, a.continuity, a.caller_ring_ms, a.ring_ms, a.window_days, a.month_day, a.nth, a.dates, a.place_days,
    a.place_week, b.zone, a.skills, a.hard
FROM agreement a
JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.agreement_id = sqlc.arg(agreement_id);

-- name: ReadAway :many
-- Who of these people is away on her day, or is not to be called.
SELECT u.beneficiary_id::bigint AS beneficiary_id, u.local_date::date AS local_date
FROM (
    SELECT sqlc.arg(scheme_id)::bigint AS scheme_id, unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary_id,
        unnest(sqlc.arg(local_dates)::date[]) AS local_date
) u
WHERE EXISTS (
    SELECT FROM absence a
    WHERE a.scheme_id = u.scheme_id AND a.beneficiary_id = u.beneficiary_id AND a.revoked_at IS NULL
        AND u.local_date BETWEEN a.first_day AND a.last_day
) OR EXISTS (
    SELECT FROM no_call_period p
    WHERE p.scheme_id = u.scheme_id AND coalesce(p.beneficiary_id, u.beneficiary_id) = u.beneficiary_id AND p.revoked_at IS NULL
        AND u.local_date BETWEEN p.first_day AND p.last_day
);

-- name: UpdateCallerStatus :exec
UPDATE caller_status s
SET state = u.state, reason = u.reason, since = u.since, missed_in_row = u.missed_in_row, day = u.day,
    calls_today = u.calls_today, hard_today = u.hard_today, last_ended = u.last_ended, events = u.events,
    talk_today_ms = u.talk_today_ms, hard_in_row = u.hard_in_row, row_before = u.row_before, last_call = u.last_call,
    hard_ended = u.hard_ended
FROM (
    SELECT sqlc.arg(scheme_id)::bigint AS scheme_id, unnest(sqlc.arg(caller_ids)::bigint[]) AS caller_id, unnest(sqlc.arg(states)::text[]) AS state,
        unnest(sqlc.arg(reasons)::text[]) AS reason, unnest(sqlc.arg(sinces)::timestamptz[]) AS since,
        unnest(sqlc.arg(missed)::smallint[]) AS missed_in_row, unnest(sqlc.arg(days)::date[]) AS day,
        unnest(sqlc.arg(calls)::integer[]) AS calls_today, unnest(sqlc.arg(hard)::integer[]) AS hard_today,
        unnest(sqlc.arg(last_endeds)::timestamptz[]) AS last_ended, unnest(sqlc.arg(events)::integer[]) AS events,
        unnest(sqlc.arg(talks)::bigint[]) AS talk_today_ms, unnest(sqlc.arg(in_rows)::integer[]) AS hard_in_row,
        unnest(sqlc.arg(rows_before)::integer[]) AS row_before, unnest(sqlc.arg(last_calls)::uuid[]) AS last_call,
        unnest(sqlc.arg(hard_endeds)::timestamptz[]) AS hard_ended
) u
WHERE s.scheme_id = u.scheme_id AND s.caller_id = u.caller_id;

-- name: SetLastCallers :exec
INSERT INTO last_caller (scheme_id, beneficiary_id, caller_id)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(beneficiary_ids)::bigint[]), unnest(sqlc.arg(caller_ids)::bigint[])
ON CONFLICT (scheme_id, beneficiary_id) DO UPDATE SET caller_id = excluded.caller_id;
