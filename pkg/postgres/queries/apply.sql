-- The reads and writes of one batch. All of them run under LockLead.

-- name: ReadAttempts :many
SELECT attempt_id, occurrence_id, beneficiary_id, number, state, offer, caller_id, dial_by, rung_before, accepted_at,
    ringing_at, bridged_at, ended_at, channel, result, reason, fault, cause, talk_ms, rang, end_estimated, disposition,
    follow_up, day_later, closed_at, events
FROM attempt
WHERE scheme_id = sqlc.arg(scheme_id) AND attempt_id = ANY (sqlc.arg(attempt_ids)::uuid[]);

-- name: ReadOffers :many
SELECT attempt_id, offer, caller_id, state, ended_at
FROM offer
WHERE scheme_id = sqlc.arg(scheme_id) AND attempt_id = ANY (sqlc.arg(attempt_ids)::uuid[]);

-- name: ReadOccurrences :many
SELECT occurrence_id, uid, agreement_id, beneficiary_id, kind, sequence, local_date, state, not_before, deferred, attempts,
    rang, ended_at, events
FROM occurrence
WHERE scheme_id = sqlc.arg(scheme_id) AND occurrence_id = ANY (sqlc.arg(occurrence_ids)::bigint[]);

-- name: ReadLiveNumbers :many
-- A number is held across all schemes, a person within hers.
SELECT e164, scheme_id, attempt_id, beneficiary_id
FROM live_number
WHERE e164 = ANY (sqlc.arg(numbers)::text[])
    OR (scheme_id = sqlc.arg(scheme_id) AND beneficiary_id = ANY (sqlc.arg(beneficiary_ids)::bigint[]));

-- name: ReadReservations :many
-- A caller is held across all schemes.
SELECT caller_id, scheme_id, attempt_id, offer
FROM reservation
WHERE caller_id = ANY (sqlc.arg(caller_ids)::bigint[]);

-- name: ReadCallerStatus :many
SELECT s.caller_id, c.uid, s.state, s.reason, s.since, s.missed_in_row, s.day, s.calls_today, s.hard_today, s.last_ended,
    s.events
FROM caller_status s
JOIN caller c ON c.scheme_id = s.scheme_id AND c.caller_id = s.caller_id
WHERE s.scheme_id = sqlc.arg(scheme_id) AND s.caller_id = ANY (sqlc.arg(caller_ids)::bigint[]);

-- name: ReadCallerLog :many
-- Which of these changes were written before. The instants narrow the search; the caller of the query compares the rest.
SELECT caller_id, at, state, reason
FROM caller_log
WHERE scheme_id = sqlc.arg(scheme_id) AND caller_id = ANY (sqlc.arg(caller_ids)::bigint[])
    AND at = ANY (sqlc.arg(ats)::timestamptz[]);

-- name: DeleteLiveNumbers :exec
DELETE FROM live_number
WHERE scheme_id = sqlc.arg(scheme_id) AND e164 = ANY (sqlc.arg(numbers)::text[]);

-- name: InsertLiveNumbers :exec
-- A number that another scheme took meanwhile breaks the primary key; the batch is then decided anew.
INSERT INTO live_number (e164, scheme_id, attempt_id, beneficiary_id)
SELECT unnest(sqlc.arg(numbers)::text[]), sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(attempt_ids)::uuid[]),
    unnest(sqlc.arg(beneficiary_ids)::bigint[]);

-- name: DeleteReservations :exec
DELETE FROM reservation
WHERE scheme_id = sqlc.arg(scheme_id) AND caller_id = ANY (sqlc.arg(caller_ids)::bigint[]);

-- name: InsertReservations :exec
INSERT INTO reservation (caller_id, scheme_id, attempt_id, offer, since)
SELECT unnest(sqlc.arg(caller_ids)::bigint[]), sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(attempt_ids)::uuid[]),
    unnest(sqlc.arg(offers)::smallint[]), sqlc.arg(since)::timestamptz;

-- name: InsertAttempts :exec
INSERT INTO attempt (scheme_id, attempt_id, occurrence_id, beneficiary_id, kind, number, trunk, cli, language, ring_ms,
    claimed_at, epoch, state, offer, caller_id, dial_by, rung_before, events)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(attempt_ids)::uuid[]), unnest(sqlc.arg(occurrence_ids)::bigint[]),
    unnest(sqlc.arg(beneficiary_ids)::bigint[]), unnest(sqlc.arg(kinds)::text[]), unnest(sqlc.arg(numbers)::text[]),
    unnest(sqlc.arg(trunks)::text[]), unnest(sqlc.arg(clis)::text[]), unnest(sqlc.arg(languages)::text[]),
    unnest(sqlc.arg(rings)::bigint[]), unnest(sqlc.arg(claimed_ats)::timestamptz[]), sqlc.arg(epoch)::bigint, 'intent',
    unnest(sqlc.arg(offers)::smallint[]), unnest(sqlc.arg(caller_ids)::bigint[]), unnest(sqlc.arg(dial_bys)::timestamptz[]),
    unnest(sqlc.arg(rung_befores)::boolean[]), unnest(sqlc.arg(events)::integer[]);

-- name: UpdateAttempts :exec
UPDATE attempt a
SET state = u.state, offer = u.offer, caller_id = u.caller_id, dial_by = u.dial_by, rung_before = u.rung_before,
    accepted_at = u.accepted_at, ringing_at = u.ringing_at, bridged_at = u.bridged_at, ended_at = u.ended_at,
    channel = u.channel, result = nullif(u.result, ''), reason = u.reason, fault = nullif(u.fault, ''), cause = u.cause,
    talk_ms = u.talk_ms, rang = u.rang, end_estimated = u.end_estimated, disposition = u.disposition,
    follow_up = u.follow_up, day_later = u.day_later, closed_at = u.closed_at, events = u.events
FROM (
    SELECT unnest(sqlc.arg(attempt_ids)::uuid[]) AS attempt_id, unnest(sqlc.arg(states)::text[]) AS state,
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
        unnest(sqlc.arg(events)::integer[]) AS events
) u
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.attempt_id = u.attempt_id;

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
    SELECT unnest(sqlc.arg(attempt_ids)::uuid[]) AS attempt_id, unnest(sqlc.arg(offers)::smallint[]) AS offer,
        unnest(sqlc.arg(states)::text[]) AS state, unnest(sqlc.arg(ended_ats)::timestamptz[]) AS ended_at
) u
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.attempt_id = u.attempt_id AND o.offer = u.offer;

-- name: UpdateOccurrences :exec
UPDATE occurrence o
SET state = u.state, not_before = u.not_before, deferred = u.deferred, attempts = u.attempts, rang = u.rang,
    ended_at = u.ended_at, events = u.events
FROM (
    SELECT unnest(sqlc.arg(occurrence_ids)::bigint[]) AS occurrence_id, unnest(sqlc.arg(states)::text[]) AS state,
        unnest(sqlc.arg(not_befores)::timestamptz[]) AS not_before, unnest(sqlc.arg(deferred)::smallint[]) AS deferred,
        unnest(sqlc.arg(attempts)::smallint[]) AS attempts, unnest(sqlc.arg(rangs)::boolean[]) AS rang,
        unnest(sqlc.arg(ended_ats)::timestamptz[]) AS ended_at, unnest(sqlc.arg(events)::integer[]) AS events
) u
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.occurrence_id = u.occurrence_id;

-- name: InsertOccurrences :many
-- Books calls. One that exists already is left as it is and not returned.
INSERT INTO occurrence (scheme_id, uid, agreement_id, beneficiary_id, kind, sequence, local_date, opens_at, closes_at,
    length_ms, not_before, events)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(uids)::uuid[]), unnest(sqlc.arg(agreement_ids)::bigint[]),
    unnest(sqlc.arg(beneficiary_ids)::bigint[]), unnest(sqlc.arg(kinds)::text[]), unnest(sqlc.arg(sequences)::smallint[]),
    unnest(sqlc.arg(local_dates)::date[]), unnest(sqlc.arg(opens_ats)::timestamptz[]),
    unnest(sqlc.arg(closes_ats)::timestamptz[]), unnest(sqlc.arg(lengths)::bigint[]),
    unnest(sqlc.arg(not_befores)::timestamptz[]), sqlc.arg(events)::integer
ON CONFLICT ON CONSTRAINT occurrence_booked DO NOTHING
RETURNING occurrence_id, uid;

-- name: FindBooked :many
SELECT occurrence_id, agreement_id, kind, sequence, local_date
FROM occurrence
WHERE scheme_id = sqlc.arg(scheme_id) AND agreement_id = ANY (sqlc.arg(agreement_ids)::bigint[])
    AND local_date = ANY (sqlc.arg(local_dates)::date[]);

-- name: UpdateCallerStatus :exec
UPDATE caller_status s
SET state = u.state, reason = u.reason, since = u.since, missed_in_row = u.missed_in_row, day = u.day,
    calls_today = u.calls_today, hard_today = u.hard_today, last_ended = u.last_ended, events = u.events
FROM (
    SELECT unnest(sqlc.arg(caller_ids)::bigint[]) AS caller_id, unnest(sqlc.arg(states)::text[]) AS state,
        unnest(sqlc.arg(reasons)::text[]) AS reason, unnest(sqlc.arg(sinces)::timestamptz[]) AS since,
        unnest(sqlc.arg(missed)::smallint[]) AS missed_in_row, unnest(sqlc.arg(days)::date[]) AS day,
        unnest(sqlc.arg(calls)::integer[]) AS calls_today, unnest(sqlc.arg(hard)::integer[]) AS hard_today,
        unnest(sqlc.arg(last_endeds)::timestamptz[]) AS last_ended, unnest(sqlc.arg(events)::integer[]) AS events
) u
WHERE s.scheme_id = sqlc.arg(scheme_id) AND s.caller_id = u.caller_id;

-- name: InsertCallerLog :exec
INSERT INTO caller_log (scheme_id, caller_id, at, state, reason)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(caller_ids)::bigint[]), unnest(sqlc.arg(ats)::timestamptz[]),
    unnest(sqlc.arg(states)::text[]), unnest(sqlc.arg(reasons)::text[]);

-- name: SetLastCallers :exec
INSERT INTO last_caller (scheme_id, beneficiary_id, caller_id)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(beneficiary_ids)::bigint[]), unnest(sqlc.arg(caller_ids)::bigint[])
ON CONFLICT (scheme_id, beneficiary_id) DO UPDATE SET caller_id = excluded.caller_id;
