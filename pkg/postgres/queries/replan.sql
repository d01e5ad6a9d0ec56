-- What limits the promises of people, and bringing the promises in line with it. All writes run under LockLead.

-- name: ReadAgreementsOf :many
-- As ReadAgreements, of some people.
SELECT a.agreement_id, a.beneficiary_id, a.kind, a.cadence, a.per_week, a.days, a.begins, a.ends, a.length_ms, a.valid_from,
    a.valid_until, a.window_days, a.month_day, a.nth, a.dates, a.place_days, a.place_week, b.zone,
    CASE WHEN said.state = 'given' THEN '' WHEN a.kind = 'scheduled' AND NOT EXISTS (
        SELECT FROM occurrence o
        WHERE o.scheme_id = a.scheme_id AND o.beneficiary_id = a.beneficiary_id AND o.kind = 'first_call' AND (
            o.state IN ('open', 'claimed', 'live') OR o.state = 'reached' AND NOT EXISTS (
                SELECT FROM consent_answer w WHERE w.scheme_id = o.scheme_id AND w.occurrence_id = o.occurrence_id))
    ) THEN 'due' ELSE 'none' END::text AS first_call
FROM (SELECT unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary_id) u
JOIN agreement a ON a.beneficiary_id = u.beneficiary_id
JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
JOIN LATERAL (SELECT coalesce((
    SELECT c.state FROM consent c
    WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
    ORDER BY c.consent_id DESC LIMIT 1), 'proposed') AS state) said ON said.state IN ('given', 'proposed')
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.ended_at IS NULL
    AND EXISTS (
        SELECT FROM contact_number n WHERE n.scheme_id = a.scheme_id AND n.beneficiary_id = a.beneficiary_id)
ORDER BY a.agreement_id;

-- name: ReadPromises :many
-- The calls that agreements promised these people on a day or later, whatever became of them. What only hangs on an agreement,
-- such as a call that she asked for, is of another kind than it.
SELECT o.occurrence_id, o.agreement_id, o.beneficiary_id, o.kind, o.sequence, o.local_date, o.opens_at, o.closes_at, o.state,
    o.attempts, o.instead_of
FROM (SELECT unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary_id) u
JOIN occurrence o ON o.beneficiary_id = u.beneficiary_id
JOIN agreement a ON a.scheme_id = o.scheme_id AND a.agreement_id = o.agreement_id
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.local_date >= sqlc.arg(first_day) AND (
    o.kind IN ('scheduled', 'welcome_back', 'first_call')
    OR a.kind = o.kind AND a.kind IN ('presence', 'reminder', 'survey'))
ORDER BY o.local_date, o.sequence;

-- name: ReadBesides :many
-- The open calls of a person from a day to a day which she has not asked for herself, and which no agreement about calls of their
-- kind has promised: those of a surge, an apology.
SELECT o.occurrence_id
FROM occurrence o
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.beneficiary_id = sqlc.arg(beneficiary_id) AND o.state = 'open'
    AND o.local_date BETWEEN sqlc.arg(first_day)::date AND sqlc.arg(last_day)::date
    AND o.kind <> ALL (sqlc.arg(requested)::text[]) AND o.kind <> 'first_call'
ORDER BY o.occurrence_id;

-- name: EndPromises :many
UPDATE occurrence o
SET state = u.state, ended_at = sqlc.arg(now), events = o.events + 1
FROM (SELECT unnest(sqlc.arg(occurrence_ids)::bigint[]) AS occurrence_id, unnest(sqlc.arg(states)::text[]) AS state) u
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.occurrence_id = u.occurrence_id AND o.state = 'open'
RETURNING o.uid, o.events, o.state, o.attempts, o.deferred, o.rang;

-- name: HandPromises :exec
-- Puts promises that stay under the agreement that has taken the place of theirs.
UPDATE occurrence o
SET agreement_id = u.agreement_id
FROM (
    SELECT unnest(sqlc.arg(occurrence_ids)::bigint[]) AS occurrence_id, unnest(sqlc.arg(agreement_ids)::bigint[]) AS agreement_id
) u
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.occurrence_id = u.occurrence_id AND NOT EXISTS (
    SELECT FROM occurrence x
    WHERE x.agreement_id = u.agreement_id AND x.local_date = o.local_date AND x.kind = o.kind AND x.sequence = o.sequence
        AND x.scheme_id = o.scheme_id);

-- name: FindBeneficiary :one
SELECT beneficiary_id, uid, zone FROM beneficiary WHERE scheme_id = sqlc.arg(scheme_id) AND ref = sqlc.arg(ref);

-- name: FindPause :many
-- The absence, or the no-call period, of a person on just these days.
SELECT a.uid, a.welcome_back
FROM absence a
WHERE NOT sqlc.arg(no_call)::boolean AND a.scheme_id = sqlc.arg(scheme_id) AND a.beneficiary_id = sqlc.arg(beneficiary_id)
    AND a.first_day = sqlc.arg(first_day) AND a.last_day = sqlc.arg(last_day) AND a.revoked_at IS NULL
UNION ALL
SELECT p.uid, false
FROM no_call_period p
WHERE sqlc.arg(no_call)::boolean AND p.scheme_id = sqlc.arg(scheme_id) AND p.beneficiary_id = sqlc.arg(beneficiary_id)
    AND p.first_day = sqlc.arg(first_day) AND p.last_day = sqlc.arg(last_day) AND p.revoked_at IS NULL;

-- name: WelcomeBack :exec
UPDATE absence SET welcome_back = sqlc.arg(welcome_back) WHERE scheme_id = sqlc.arg(scheme_id) AND uid = sqlc.arg(uid);

-- name: InsertAbsence :exec
INSERT INTO absence (scheme_id, uid, beneficiary_id, first_day, last_day, announced_at, channel, welcome_back)
VALUES (sqlc.arg(scheme_id), sqlc.arg(uid), sqlc.arg(beneficiary_id), sqlc.arg(first_day), sqlc.arg(last_day),
    sqlc.arg(announced_at), sqlc.arg(channel), sqlc.arg(welcome_back));

-- name: InsertNoCall :exec
INSERT INTO no_call_period (scheme_id, uid, beneficiary_id, first_day, last_day)
VALUES (sqlc.arg(scheme_id), sqlc.arg(uid), sqlc.arg(beneficiary_id), sqlc.arg(first_day), sqlc.arg(last_day));

-- name: ListPauses :many
-- Absences and no-call periods that are not over on a day, of everybody or of one person.
SELECT a.uid, b.ref, b.uid AS beneficiary_uid, a.beneficiary_id, a.first_day, a.last_day, a.welcome_back, a.channel, false AS no_call
FROM absence a
JOIN beneficiary b ON b.scheme_id = a.scheme_id AND b.beneficiary_id = a.beneficiary_id
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.last_day >= sqlc.arg(today) AND a.revoked_at IS NULL
    AND (sqlc.arg(ref)::text = '' OR b.ref = sqlc.arg(ref))
UNION ALL
SELECT p.uid, b.ref, b.uid, p.beneficiary_id, p.first_day, p.last_day, false, '', true
FROM no_call_period p
JOIN beneficiary b ON b.scheme_id = p.scheme_id AND b.beneficiary_id = p.beneficiary_id
WHERE p.scheme_id = sqlc.arg(scheme_id) AND p.last_day >= sqlc.arg(today) AND p.revoked_at IS NULL
    AND (sqlc.arg(ref)::text = '' OR b.ref = sqlc.arg(ref))
ORDER BY first_day, ref;

-- name: ShortenAbsence :execrows
UPDATE absence SET last_day = sqlc.arg(last_day) WHERE scheme_id = sqlc.arg(scheme_id) AND uid = sqlc.arg(uid);

-- name: RevokeAbsence :execrows
UPDATE absence SET revoked_at = sqlc.arg(now) WHERE scheme_id = sqlc.arg(scheme_id) AND uid = sqlc.arg(uid);

-- name: ShortenNoCall :execrows
UPDATE no_call_period SET last_day = sqlc.arg(last_day) WHERE scheme_id = sqlc.arg(scheme_id) AND uid = sqlc.arg(uid);

-- name: RevokeNoCall :execrows
UPDATE no_call_period SET revoked_at = sqlc.arg(now) WHERE scheme_id = sqlc.arg(scheme_id) AND uid = sqlc.arg(uid);

-- name: DeleteHours :exec
DELETE FROM scheme_hours WHERE scheme_id = sqlc.arg(scheme_id) AND of_line = sqlc.arg(of_line);

-- name: InsertHours :exec
-- Lists within a row arrive as one text, parted by commas.
INSERT INTO scheme_hours (scheme_id, of_line, weekday, begins, ends)
SELECT sqlc.arg(scheme_id)::bigint, sqlc.arg(of_line)::boolean, unnest(sqlc.arg(weekdays)::smallint[]),
    string_to_array(unnest(sqlc.arg(begins)::text[]), ',')::smallint[],
    string_to_array(unnest(sqlc.arg(ends)::text[]), ',')::smallint[];

-- name: InsertException :exec
INSERT INTO hours_exception (scheme_id, of_line, uid, first_day, last_day, begins, ends, made_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(of_line), sqlc.arg(uid), sqlc.arg(first_day), sqlc.arg(last_day), sqlc.arg(begins), sqlc.arg(ends),
    sqlc.arg(made_at));

-- name: RevokeExceptions :many
-- The exceptions that hold on a day and no longer than it.
UPDATE hours_exception SET revoked_at = sqlc.arg(now)
WHERE scheme_id = sqlc.arg(scheme_id) AND of_line = sqlc.arg(of_line) AND first_day = sqlc.arg(first_day) AND last_day = sqlc.arg(last_day) AND revoked_at IS NULL
RETURNING uid;
