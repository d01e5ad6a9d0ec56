-- What waits for the registrars (inbox.go, registration.go).

-- name: ListInbox :many
-- Messages, callbacks, registrations and people to look after, the oldest first: those that wait, or all, or the one of an id.
SELECT i.item::uuid AS item, i.kind::text AS kind, i.left_at::timestamptz AS left_at, i.cli::text AS cli,
    i.number::text AS number, i.language::text AS language, i.recording::text AS recording, i.length_ms::bigint AS length_ms,
    i.source::text AS source, i.cadence::text AS cadence, i.per_week::smallint AS per_week, i.days::smallint[] AS days,
    i.part::text AS part, i.consent::text AS consent, i.wording::text AS wording, i.handled_at,
    coalesce(k.taken_by, '')::text AS taken_by, k.taken_at, coalesce(k.handled_by, '')::text AS handled_by,
    coalesce(nullif(i.person, ''), k.person, '')::text AS person
FROM (
    SELECT m.scheme_id, m.message_id AS item, 'message' AS kind, m.left_at, m.cli, m.cli AS number, m.language, m.recording,
        m.length_ms, '' AS source, '' AS cadence, 0 AS per_week, '{}'::smallint[] AS days, '' AS part, '' AS consent,
        '' AS wording, m.handled_at, '' AS person
    FROM voice_message m
    WHERE m.scheme_id = sqlc.arg(scheme_id) AND (m.handled_at IS NULL OR sqlc.arg(all_of_them)::boolean)
    UNION ALL
    SELECT c.scheme_id, c.uid, 'callback', c.asked_at, c.number, c.number, c.language, '', 0, '', '', 0, '{}', '', '', '', o.ended_at, ''
    FROM line_callback c
    JOIN occurrence o ON o.scheme_id = c.scheme_id AND o.agreement_id = -c.callback_id
    WHERE c.scheme_id = sqlc.arg(scheme_id) AND (o.ended_at IS NULL OR sqlc.arg(all_of_them)::boolean)
    UNION ALL
    SELECT r.scheme_id, r.registration_id, 'registration', r.left_at, r.cli, r.number, r.language, r.recording, 0, r.source, r.cadence,
        r.per_week, r.days, r.part, r.consent, r.wording, r.handled_at, ''
    FROM registration r
    WHERE r.scheme_id = sqlc.arg(scheme_id) AND (r.handled_at IS NULL OR sqlc.arg(all_of_them)::boolean)
    UNION ALL
    SELECT w.scheme_id, w.welfare_id, 'welfare', w.began_at, '', coalesce((
            SELECT n.e164 FROM contact_number n
            WHERE n.scheme_id = w.scheme_id AND n.beneficiary_id = w.beneficiary_id ORDER BY n.position LIMIT 1), ''),
        b.language, '', 0, '', '', 0, '{}', '', '', w.ended, w.over_at, b.ref
    FROM welfare_case w
    JOIN beneficiary b ON b.scheme_id = w.scheme_id AND b.beneficiary_id = w.beneficiary_id
    WHERE w.scheme_id = sqlc.arg(scheme_id) AND (w.over_at IS NULL OR sqlc.arg(all_of_them)::boolean)
) i
LEFT JOIN inbox_mark k ON k.scheme_id = i.scheme_id AND k.item = i.item
WHERE sqlc.narg(item)::uuid IS NULL OR i.item = sqlc.narg(item)::uuid
ORDER BY i.handled_at IS NOT NULL, i.left_at
LIMIT 500;

-- name: RefsAt :many
SELECT n.e164, b.ref
FROM contact_number n
JOIN beneficiary b ON b.scheme_id = n.scheme_id AND b.beneficiary_id = n.beneficiary_id
WHERE n.scheme_id = sqlc.arg(scheme_id) AND n.e164 = ANY (sqlc.arg(numbers)::text[])
ORDER BY b.ref;

-- name: RegistrationsAt :many
SELECT r.number, count(*) AS registrations
FROM registration r
WHERE r.scheme_id = sqlc.arg(scheme_id) AND r.number = ANY (sqlc.arg(numbers)::text[]) AND r.handled_at IS NULL
GROUP BY r.number;

-- name: TakeItem :execrows
-- Taking again what is one's own changes nothing; what another has taken stays hers.
INSERT INTO inbox_mark AS k (scheme_id, item, taken_by, taken_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(item), sqlc.arg(taken_by), sqlc.arg(now))
ON CONFLICT (scheme_id, item) DO UPDATE SET taken_by = excluded.taken_by, taken_at = coalesce(k.taken_at, excluded.taken_at)
WHERE k.taken_by IN ('', excluded.taken_by);

-- name: MarkHandled :exec
INSERT INTO inbox_mark AS k (scheme_id, item, handled_by, person)
VALUES (sqlc.arg(scheme_id), sqlc.arg(item), sqlc.arg(handled_by), sqlc.arg(person))
ON CONFLICT (scheme_id, item) DO UPDATE SET handled_by = excluded.handled_by, person = excluded.person;

-- name: InsertRegistration :one
INSERT INTO registration (scheme_id, registration_id, cli, number, recording, source, language, cadence, per_week, days, part, consent,
    wording, left_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(registration_id), sqlc.arg(cli), sqlc.arg(number), sqlc.arg(recording), sqlc.arg(source),
    sqlc.arg(language), sqlc.arg(cadence), sqlc.arg(per_week), sqlc.arg(days), sqlc.arg(part), sqlc.arg(consent),
    sqlc.arg(wording), sqlc.arg(left_at))
ON CONFLICT (scheme_id, registration_id) DO NOTHING
RETURNING registration_id;

-- name: CountRegistration :exec
INSERT INTO registration_count AS c (scheme_id, month, source, outcome, count)
VALUES (sqlc.arg(scheme_id), sqlc.arg(month), sqlc.arg(source), sqlc.arg(outcome), 1)
ON CONFLICT (scheme_id, month, source, outcome) DO UPDATE SET count = c.count + 1;

-- name: HandleRegistration :execrows
UPDATE registration SET handled_at = sqlc.arg(now), recording = ''
WHERE scheme_id = sqlc.arg(scheme_id) AND registration_id = sqlc.arg(registration_id) AND handled_at IS NULL;

-- name: DeleteRegistration :execrows
DELETE FROM registration WHERE scheme_id = sqlc.arg(scheme_id) AND registration_id = sqlc.arg(registration_id);

-- name: DeleteRegistrationsAt :many
-- Every registration at a number that waits.
DELETE FROM registration
WHERE scheme_id = sqlc.arg(scheme_id) AND number = sqlc.arg(number) AND handled_at IS NULL
RETURNING registration_id, recording, source;

-- name: CancelLineCallback :many
-- The call that a callback stands for, unless somebody is in it. It runs under LockLead.
UPDATE occurrence o
SET state = 'cancelled', ended_at = sqlc.arg(now), events = events + 1
FROM line_callback c
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.uid = sqlc.arg(item) AND o.scheme_id = c.scheme_id
    AND o.agreement_id = -c.callback_id AND o.state = 'open'
RETURNING o.uid, o.events;

-- name: CancelCallbacksTo :many
-- Whatever call the line still owes a number. It runs under LockLead.
UPDATE occurrence o
SET state = 'cancelled', ended_at = sqlc.arg(now), events = events + 1
FROM line_callback c
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.number = sqlc.arg(number) AND o.scheme_id = c.scheme_id
    AND o.agreement_id = -c.callback_id AND o.state = 'open'
RETURNING o.uid, o.events;

-- name: IsBeingCalled :one
-- Whether a call that the line owes a number is under way.
SELECT EXISTS (
    SELECT FROM line_callback c
    JOIN occurrence o ON o.scheme_id = c.scheme_id AND o.agreement_id = -c.callback_id
    WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.number = sqlc.arg(number) AND o.state IN ('claimed', 'live'));

-- name: EraseCallbackNumbers :exec
-- The callbacks of a number that are over no longer tell it; calls made to it neither.
UPDATE line_callback c SET number = ''
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.number = sqlc.arg(number);

-- name: EraseAttemptNumbers :exec
UPDATE attempt a SET number = ''
FROM line_callback c
JOIN occurrence o ON o.scheme_id = c.scheme_id AND o.agreement_id = -c.callback_id
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.number = sqlc.arg(number) AND a.scheme_id = o.scheme_id
    AND a.occurrence_id = o.occurrence_id;
