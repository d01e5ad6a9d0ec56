-- What people ask of their next call. All writes run under LockLead.

-- name: FindPromise :one
-- A call that may be changed.
SELECT o.occurrence_id, o.uid, o.agreement_id, o.beneficiary_id, o.kind, o.local_date, o.opens_at, o.closes_at, o.state, o.length_ms,
    o.instead_of
FROM occurrence o
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.occurrence_id = sqlc.arg(occurrence_id);

-- name: FindNext :one
-- The next promised call of a person that has not begun.
SELECT o.occurrence_id, o.opens_at, o.closes_at, o.kind
FROM occurrence o
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.beneficiary_id = sqlc.arg(beneficiary_id) AND o.kind IN ('scheduled', 'welcome_back')
    AND o.state = 'open' AND o.closes_at > sqlc.arg(now)
ORDER BY o.opens_at
LIMIT 1;

-- name: InsertChange :exec
INSERT INTO appointment_change (scheme_id, uid, beneficiary_id, kind, occurrence_id, agreed_on, local_date, opens_at, closes_at,
    first_day, last_day, channel, asked_at, confirmation, state, settled_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(uid), sqlc.arg(beneficiary_id), sqlc.arg(kind), sqlc.arg(occurrence_id), sqlc.narg(agreed_on),
    sqlc.narg(local_date), sqlc.narg(opens_at), sqlc.narg(closes_at), sqlc.narg(first_day), sqlc.narg(last_day), sqlc.arg(channel),
    sqlc.arg(asked_at), sqlc.arg(confirmation), sqlc.arg(state), sqlc.narg(settled_at));

-- name: IsConfirmed :one
SELECT EXISTS (
    SELECT FROM appointment_change c
    WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.beneficiary_id = sqlc.arg(beneficiary_id)
        AND c.occurrence_id = sqlc.arg(occurrence_id) AND c.kind = 'confirm');

-- name: FindPendingChange :one
-- The change that waits for somebody's word, and how its call back stands: of a person; or of the person of an attempt, where a call
-- back asks about its own, and every other call to her about what was asked for before it ended. With a uid only that one.
SELECT c.uid, c.beneficiary_id, c.kind, c.occurrence_id, c.local_date, c.opens_at, c.closes_at, c.first_day, c.last_day, c.asked_at,
    c.confirmation, o.opens_at AS promised_opens, o.closes_at AS promised_closes, s.zone,
    coalesce(f.state, 'cancelled')::text AS confirmation_state
FROM appointment_change c
JOIN scheme s ON s.scheme_id = c.scheme_id
LEFT JOIN occurrence o ON o.scheme_id = c.scheme_id AND o.occurrence_id = c.occurrence_id
LEFT JOIN occurrence f ON f.scheme_id = c.scheme_id AND f.occurrence_id = c.confirmation
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.state = 'pending'
    AND (sqlc.narg(beneficiary_id)::bigint IS NULL OR c.beneficiary_id = sqlc.narg(beneficiary_id))
    AND (sqlc.narg(attempt_id)::uuid IS NULL OR EXISTS (
        SELECT FROM attempt a
        WHERE a.scheme_id = c.scheme_id AND a.attempt_id = sqlc.narg(attempt_id) AND a.beneficiary_id = c.beneficiary_id
            AND (a.kind <> 'confirmation' OR c.confirmation = a.occurrence_id)
            AND (a.ended_at IS NULL OR c.asked_at <= a.ended_at)))
    AND (sqlc.narg(uid)::uuid IS NULL OR c.uid = sqlc.narg(uid));

-- name: CountAskedChanges :one
-- How often somebody has asked for a change of her calls by telephone since an instant.
SELECT count(*) FROM appointment_change
WHERE scheme_id = sqlc.arg(scheme_id) AND beneficiary_id = sqlc.arg(beneficiary_id) AND asked_at >= sqlc.arg(since)
    AND kind <> 'confirm' AND confirmation > 0;

-- name: SettleChange :one
UPDATE appointment_change
SET state = sqlc.arg(state), settled_at = sqlc.arg(now), agreed_on = coalesce(sqlc.narg(agreed_on), agreed_on), events = events + 1
WHERE scheme_id = sqlc.arg(scheme_id) AND uid = sqlc.arg(uid) AND state = 'pending'
RETURNING events;

-- name: LapseChanges :many
-- Changes whose call back has ended without her word.
UPDATE appointment_change
SET state = 'lapsed', settled_at = sqlc.arg(now), events = events + 1
WHERE scheme_id = sqlc.arg(scheme_id) AND confirmation = ANY (sqlc.arg(confirmations)::bigint[]) AND state = 'pending'
RETURNING uid, kind, events;

-- name: ReadPendingMoves :many
-- Where other people's calls are to be moved on a day, should they agree.
SELECT c.opens_at, c.closes_at
FROM appointment_change c
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.state = 'pending' AND c.kind = 'move' AND c.beneficiary_id <> sqlc.arg(beneficiary_id)
    AND c.local_date = sqlc.arg(local_date);

-- name: ListChanges :many
-- What was asked since an instant, the latest first; of one person when a ref is given.
SELECT c.uid, b.ref, c.kind, c.state, c.asked_at, c.settled_at, c.channel, c.opens_at, c.closes_at, c.first_day, c.last_day,
    o.opens_at AS promised_opens, o.closes_at AS promised_closes
FROM appointment_change c
JOIN beneficiary b ON b.scheme_id = c.scheme_id AND b.beneficiary_id = c.beneficiary_id
LEFT JOIN occurrence o ON o.scheme_id = c.scheme_id AND o.occurrence_id = c.occurrence_id
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.asked_at >= sqlc.arg(since) AND (sqlc.arg(ref)::text = '' OR b.ref = sqlc.arg(ref))
ORDER BY c.asked_at DESC, c.change_id DESC
LIMIT 200;

-- name: LiveChanges :one
-- What became of appointments today, and what waits for somebody's word.
SELECT count(*) FILTER (WHERE c.kind = 'confirm') AS confirmed,
    count(*) FILTER (WHERE c.kind <> 'confirm' AND c.state = 'done') AS changed,
    count(*) FILTER (WHERE c.state = 'refused') AS refused, count(*) FILTER (WHERE c.state = 'lapsed') AS lapsed,
    (SELECT count(*) FROM appointment_change p WHERE p.scheme_id = sqlc.arg(scheme_id) AND p.state = 'pending') AS pending
FROM appointment_change c
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.settled_at >= sqlc.arg(midnight) AND c.settled_at < sqlc.arg(next_midnight)
    AND c.asked_at >= sqlc.arg(midnight)::timestamptz - interval '30 days';
