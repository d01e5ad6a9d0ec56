-- What a day plan is made of besides what a dispatcher loads: shifts, refs, what has ended, and history.

-- name: ListShifts :many
-- In the order of refs; of one caller when a ref is given.
SELECT c.caller_id, c.ref, h.days, h.begins, h.ends, h.first_day, h.last_day
FROM shift h
JOIN caller c ON c.scheme_id = h.scheme_id AND c.caller_id = h.caller_id
WHERE h.scheme_id = sqlc.arg(scheme_id) AND (sqlc.arg(ref)::text = '' OR c.ref = sqlc.arg(ref))
ORDER BY c.ref, h.shift_id;

-- name: InsertShift :execrows
INSERT INTO shift (scheme_id, caller_id, days, begins, ends, first_day, last_day)
SELECT c.scheme_id, c.caller_id, sqlc.arg(days)::smallint, sqlc.arg(begins)::smallint[], sqlc.arg(ends)::smallint[],
    sqlc.arg(first_day)::date, sqlc.arg(last_day)::date
FROM caller c
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.ref = sqlc.arg(ref);

-- name: DeleteShifts :execrows
-- Those worked on no other days than these.
DELETE FROM shift h
USING caller c
WHERE h.scheme_id = sqlc.arg(scheme_id) AND c.scheme_id = h.scheme_id AND c.caller_id = h.caller_id AND c.ref = sqlc.arg(ref)
    AND h.days & ~sqlc.arg(days)::smallint = 0;

-- name: CutShifts :execrows
-- Those worked on other days too lose these.
UPDATE shift h
SET days = h.days & ~sqlc.arg(days)::smallint
FROM caller c
WHERE h.scheme_id = sqlc.arg(scheme_id) AND c.scheme_id = h.scheme_id AND c.caller_id = h.caller_id AND c.ref = sqlc.arg(ref)
    AND h.days & sqlc.arg(days)::smallint <> 0;

-- name: CallerRefs :many
SELECT caller_id, ref FROM caller WHERE scheme_id = sqlc.arg(scheme_id);

-- name: BeneficiaryRefs :many
SELECT b.beneficiary_id, b.ref
FROM beneficiary b
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = ANY (sqlc.arg(beneficiary_ids)::bigint[]);

-- name: CountEnded :many
-- How promises whose window begins in a stretch of time ended.
SELECT state, count(*) AS occurrences
FROM occurrence
WHERE scheme_id = sqlc.arg(scheme_id) AND opens_at >= sqlc.arg(since) AND opens_at < sqlc.arg(until)
    AND state IN ('reached', 'unreached', 'missed')
GROUP BY state;

-- name: HistoryTries :many
-- Attempts of people's calls by local hour and result.
SELECT extract(hour FROM claimed_at AT TIME ZONE sqlc.arg(zone)::text)::smallint AS hour, result::text AS result, count(*) AS attempts,
    (coalesce(avg(extract(epoch FROM bridged_at - ringing_at)) FILTER (WHERE result = 'answered' AND bridged_at >= ringing_at), 0) * 1000)::bigint
        AS answer_ms
FROM attempt
WHERE scheme_id = sqlc.arg(scheme_id) AND claimed_at >= sqlc.arg(since) AND claimed_at < sqlc.arg(until) AND caller_id <> 0
    AND result IN ('answered', 'busy', 'no_answer', 'machine', 'failed', 'congestion') AND fault <> 'ours'
GROUP BY 1, 2;

-- name: HistoryTalk :one
-- A hundred and one quantiles of the talk of answered calls, how many those were, and what callers said of them.
SELECT count(*) AS talks,
    coalesce(percentile_disc(ARRAY(SELECT i / 100.0::double precision FROM generate_series(0, 100) i)) WITHIN GROUP (ORDER BY talk_ms), '{}')::bigint[]
        AS quantiles,
    count(*) FILTER (WHERE disposition <> '') AS closed, count(*) FILTER (WHERE disposition = 'difficult') AS hard
FROM attempt
WHERE scheme_id = sqlc.arg(scheme_id) AND claimed_at >= sqlc.arg(since) AND claimed_at < sqlc.arg(until) AND caller_id <> 0
    AND result = 'answered' AND talk_ms > 0;

-- name: HistoryOffers :many
-- What callers made of the first offers of attempts, and how soon they answered those that they took.
SELECT o.state, count(*) AS offers,
    (coalesce(avg(extract(epoch FROM a.accepted_at - o.made_at)) FILTER (WHERE a.accepted_at >= o.made_at), 0) * 1000)::bigint AS answer_ms
FROM attempt a
JOIN offer o ON o.scheme_id = a.scheme_id AND o.attempt_id = a.attempt_id AND o.offer = 1
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.claimed_at >= sqlc.arg(since) AND a.claimed_at < sqlc.arg(until) AND a.caller_id <> 0
    AND o.state IN ('accepted', 'declined', 'timed_out', 'failed')
GROUP BY o.state;

-- name: HistoryLine :many
-- Who wanted a registrar, by local hour: how many, how many were answered and for how long, how long all waited, and how many
-- of them gave up.
SELECT extract(hour FROM queued_at AT TIME ZONE sqlc.arg(zone)::text)::smallint AS hour, count(*) AS calls, count(answered_at) AS taken,
    (coalesce(sum(extract(epoch FROM ended_at - answered_at)), 0) * 1000)::bigint AS handle_ms,
    (coalesce(sum(extract(epoch FROM coalesce(answered_at, left_at, queued_at) - queued_at)), 0) * 1000)::bigint AS waited_ms,
    count(*) FILTER (WHERE reason = 'abandoned') AS gone
FROM inbound_party
WHERE scheme_id = sqlc.arg(scheme_id) AND queued_at >= sqlc.arg(since) AND queued_at < sqlc.arg(until)
GROUP BY 1;

-- name: HistoryLineDays :one
SELECT count(DISTINCT (queued_at AT TIME ZONE sqlc.arg(zone)::text)::date) AS days
FROM inbound_party
WHERE scheme_id = sqlc.arg(scheme_id) AND queued_at >= sqlc.arg(since) AND queued_at < sqlc.arg(until);
