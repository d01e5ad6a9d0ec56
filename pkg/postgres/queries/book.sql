-- The people of one scheme (roster.Book).

-- name: PageStaff :many
SELECT ref, given_name, family_name, roles, languages, skills, coalesce(number, '') AS number, extension, enabled,
    load_talk_ms, load_calls, load_hard, load_in_row, load_breather_ms
FROM caller
WHERE scheme_id = sqlc.arg(scheme_id) AND ref > sqlc.arg(after)
ORDER BY ref
LIMIT sqlc.arg(page);

-- name: FindStaff :many
SELECT ref, given_name, family_name, roles, languages, skills, coalesce(number, '') AS number, extension, enabled,
    load_talk_ms, load_calls, load_hard, load_in_row, load_breather_ms
FROM caller
WHERE scheme_id = sqlc.arg(scheme_id) AND ref = ANY (sqlc.arg(refs)::text[]);

-- name: PageBeneficiaries :many
SELECT b.beneficiary_id, b.ref, b.given_name, b.family_name, b.language, b.zone, b.class, b.purpose, b.source,
    b.longer_waits, b.simpler, b.straight_to_person, coalesce(c.state, '') AS consent_state, c.given_on, coalesce(c.how, '') AS consent_how,
    coalesce(r.ref, '') AS reference, coalesce(d.ref, '') AS deputy,
    coalesce(a.cadence, '') AS cadence, coalesce(a.per_week, 0) AS per_week, coalesce(a.days, '{}') AS days,
    coalesce(a.begins, '{}') AS begins, coalesce(a.ends, '{}') AS ends, coalesce(a.length_ms, 0) AS length_ms,
    a.valid_from, a.valid_until, coalesce(a.continuity, '') AS continuity,
    coalesce(a.caller_ring_ms, 0) AS caller_ring_ms, coalesce(a.ring_ms, 0) AS ring_ms,
    coalesce(a.window_days, '{}') AS window_days, coalesce(a.month_day, 0) AS month_day, coalesce(a.nth, 0) AS nth,
    coalesce(a.dates, '{}') AS dates, coalesce(a.skills, '{}') AS skills, coalesce(a.hard, false) AS hard
FROM beneficiary b
LEFT JOIN LATERAL (
    SELECT k.state, k.given_on, k.how FROM consent k
    WHERE k.scheme_id = b.scheme_id AND k.beneficiary_id = b.beneficiary_id AND k.purpose = b.purpose
    ORDER BY k.consent_id DESC LIMIT 1
) c ON true
LEFT JOIN agreement a ON a.scheme_id = b.scheme_id AND a.beneficiary_id = b.beneficiary_id AND a.kind = 'scheduled'
    AND a.ended_at IS NULL
LEFT JOIN caller r ON r.scheme_id = b.scheme_id AND r.caller_id = b.reference_id
LEFT JOIN caller d ON d.scheme_id = b.scheme_id AND d.caller_id = b.deputy_id
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.ref > sqlc.arg(after)
ORDER BY b.ref
LIMIT sqlc.arg(page);

-- name: FindBeneficiaries :many
SELECT b.beneficiary_id, b.ref, b.given_name, b.family_name, b.language, b.zone, b.class, b.purpose, b.source,
    b.longer_waits, b.simpler, b.straight_to_person, coalesce(c.state, '') AS consent_state, c.given_on, coalesce(c.how, '') AS consent_how,
    coalesce(r.ref, '') AS reference, coalesce(d.ref, '') AS deputy,
    coalesce(a.cadence, '') AS cadence, coalesce(a.per_week, 0) AS per_week, coalesce(a.days, '{}') AS days,
    coalesce(a.begins, '{}') AS begins, coalesce(a.ends, '{}') AS ends, coalesce(a.length_ms, 0) AS length_ms,
    a.valid_from, a.valid_until, coalesce(a.continuity, '') AS continuity,
    coalesce(a.caller_ring_ms, 0) AS caller_ring_ms, coalesce(a.ring_ms, 0) AS ring_ms,
    coalesce(a.window_days, '{}') AS window_days, coalesce(a.month_day, 0) AS month_day, coalesce(a.nth, 0) AS nth,
    coalesce(a.dates, '{}') AS dates, coalesce(a.skills, '{}') AS skills, coalesce(a.hard, false) AS hard
FROM beneficiary b
LEFT JOIN LATERAL (
    SELECT k.state, k.given_on, k.how FROM consent k
    WHERE k.scheme_id = b.scheme_id AND k.beneficiary_id = b.beneficiary_id AND k.purpose = b.purpose
    ORDER BY k.consent_id DESC LIMIT 1
) c ON true
LEFT JOIN agreement a ON a.scheme_id = b.scheme_id AND a.beneficiary_id = b.beneficiary_id AND a.kind = 'scheduled'
    AND a.ended_at IS NULL
LEFT JOIN caller r ON r.scheme_id = b.scheme_id AND r.caller_id = b.reference_id
LEFT JOIN caller d ON d.scheme_id = b.scheme_id AND d.caller_id = b.deputy_id
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.ref = ANY (sqlc.arg(refs)::text[]);

-- name: NumbersOf :many
SELECT beneficiary_id, e164, extension
FROM contact_number
WHERE scheme_id = sqlc.arg(scheme_id) AND beneficiary_id = ANY (sqlc.arg(beneficiary_ids)::bigint[])
ORDER BY beneficiary_id, position;

-- name: ContactsOf :many
SELECT beneficiary_id, name, relation, e164
FROM contact_person
WHERE scheme_id = sqlc.arg(scheme_id) AND beneficiary_id = ANY (sqlc.arg(beneficiary_ids)::bigint[])
ORDER BY beneficiary_id, position;

-- name: DeleteContacts :exec
DELETE FROM contact_person
WHERE scheme_id = sqlc.arg(scheme_id) AND beneficiary_id = ANY (sqlc.arg(beneficiary_ids)::bigint[]);

-- name: InsertContacts :exec
INSERT INTO contact_person (scheme_id, beneficiary_id, position, name, relation, e164)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(beneficiary_ids)::bigint[]), unnest(sqlc.arg(positions)::smallint[]),
    unnest(sqlc.arg(names)::text[]), unnest(sqlc.arg(relations)::text[]), unnest(sqlc.arg(numbers)::text[]);

-- name: InsertRefs :exec
INSERT INTO person_ref (scheme_id, ref, staff)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(refs)::text[]), sqlc.arg(staff)::boolean
ON CONFLICT (scheme_id, ref) DO NOTHING;

-- name: CountForeignRefs :one
-- Refs that belong to the other kind of person.
SELECT count(*) FROM person_ref
WHERE scheme_id = sqlc.arg(scheme_id) AND ref = ANY (sqlc.arg(refs)::text[]) AND staff <> sqlc.arg(staff);

-- name: UpsertStaff :many
-- Lists within a row arrive as one text, parted by the unit separator. Whoever had a SIP phone keeps its kind, its account
-- and its secret.
INSERT INTO caller AS c (scheme_id, uid, ref, given_name, family_name, name_key, roles, languages, skills, enabled, phone,
    endpoint, secret, number, extension, load_talk_ms, load_calls, load_hard, load_in_row, load_breather_ms, created_at)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(uids)::uuid[]), unnest(sqlc.arg(refs)::text[]),
    unnest(sqlc.arg(given_names)::text[]), unnest(sqlc.arg(family_names)::text[]), unnest(sqlc.arg(name_keys)::text[]),
    string_to_array(unnest(sqlc.arg(roles)::text[]), E'\x1f'), string_to_array(unnest(sqlc.arg(languages)::text[]), E'\x1f'),
    string_to_array(unnest(sqlc.arg(skills)::text[]), E'\x1f'), unnest(sqlc.arg(enabled)::boolean[]),
    unnest(sqlc.arg(phones)::text[]), unnest(sqlc.arg(endpoints)::text[]), unnest(sqlc.arg(secrets)::text[]),
    nullif(unnest(sqlc.arg(numbers)::text[]), ''), unnest(sqlc.arg(extensions)::text[]),
    unnest(sqlc.arg(load_talks)::bigint[]), unnest(sqlc.arg(load_calls)::integer[]), unnest(sqlc.arg(load_hards)::integer[]),
    unnest(sqlc.arg(load_in_rows)::integer[]), unnest(sqlc.arg(load_breathers)::bigint[]), sqlc.arg(now)::timestamptz
ON CONFLICT (scheme_id, ref) DO UPDATE
SET given_name = excluded.given_name, family_name = excluded.family_name, name_key = excluded.name_key,
    load_talk_ms = excluded.load_talk_ms, load_calls = excluded.load_calls, load_hard = excluded.load_hard,
    load_in_row = excluded.load_in_row, load_breather_ms = excluded.load_breather_ms,
    roles = excluded.roles, languages = excluded.languages, skills = excluded.skills, enabled = excluded.enabled,
    number = excluded.number, extension = excluded.extension,
    phone = CASE
        WHEN excluded.phone = 'ordinary' OR c.phone = 'ordinary' THEN excluded.phone
        ELSE c.phone
    END
RETURNING caller_id, uid;

-- name: InsertCallerStatus :exec
INSERT INTO caller_status (scheme_id, caller_id, since)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(caller_ids)::bigint[]), sqlc.arg(now)::timestamptz
ON CONFLICT (scheme_id, caller_id) DO NOTHING;

-- name: CallersByRef :many
SELECT caller_id, ref FROM caller WHERE scheme_id = sqlc.arg(scheme_id) AND ref = ANY (sqlc.arg(refs)::text[]);

-- name: UpsertBeneficiaries :many
INSERT INTO beneficiary (scheme_id, uid, ref, given_name, family_name, name_key, language, zone, class, source, purpose,
    reference_id, deputy_id, longer_waits, simpler, straight_to_person, created_at)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(uids)::uuid[]), unnest(sqlc.arg(refs)::text[]),
    unnest(sqlc.arg(given_names)::text[]), unnest(sqlc.arg(family_names)::text[]), unnest(sqlc.arg(name_keys)::text[]),
    unnest(sqlc.arg(languages)::text[]), unnest(sqlc.arg(zones)::text[]), unnest(sqlc.arg(classes)::smallint[]),
    unnest(sqlc.arg(sources)::text[]), unnest(sqlc.arg(purposes)::text[]), nullif(unnest(sqlc.arg(reference_ids)::bigint[]), 0),
    nullif(unnest(sqlc.arg(deputy_ids)::bigint[]), 0), unnest(sqlc.arg(longer_waits)::boolean[]), unnest(sqlc.arg(simpler)::boolean[]),
    unnest(sqlc.arg(straight_to_person)::boolean[]), sqlc.arg(now)::timestamptz
ON CONFLICT (scheme_id, ref) DO UPDATE
SET given_name = excluded.given_name, family_name = excluded.family_name, name_key = excluded.name_key,
    language = excluded.language, zone = excluded.zone, class = excluded.class, source = excluded.source, purpose = excluded.purpose,
    reference_id = excluded.reference_id, deputy_id = excluded.deputy_id, longer_waits = excluded.longer_waits,
    simpler = excluded.simpler, straight_to_person = excluded.straight_to_person
RETURNING beneficiary_id, ref;

-- name: ZonesByRef :many
SELECT ref, zone, beneficiary_id FROM beneficiary WHERE scheme_id = sqlc.arg(scheme_id) AND ref = ANY (sqlc.arg(refs)::text[]);

-- name: DeleteNumbers :exec
DELETE FROM contact_number
WHERE scheme_id = sqlc.arg(scheme_id) AND beneficiary_id = ANY (sqlc.arg(beneficiary_ids)::bigint[]);

-- name: InsertNumbers :exec
INSERT INTO contact_number (scheme_id, beneficiary_id, position, e164, extension)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(beneficiary_ids)::bigint[]), unnest(sqlc.arg(positions)::smallint[]),
    unnest(sqlc.arg(numbers)::text[]), unnest(sqlc.arg(extensions)::text[]);

-- name: InsertConsents :many
-- Only what differs from the latest row of the person and purpose is new.
INSERT INTO consent (scheme_id, beneficiary_id, purpose, state, given_on, how, recorded_at)
SELECT sqlc.arg(scheme_id)::bigint, u.beneficiary_id, u.purpose, u.state, u.given_on, u.how, sqlc.arg(now)::timestamptz
FROM (
    SELECT unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary_id, unnest(sqlc.arg(purposes)::text[]) AS purpose,
        unnest(sqlc.arg(states)::text[]) AS state, unnest(sqlc.arg(given_on)::date[]) AS given_on,
        unnest(sqlc.arg(hows)::text[]) AS how
) u
LEFT JOIN LATERAL (
    SELECT k.state, k.given_on, k.how FROM consent k
    WHERE k.scheme_id = sqlc.arg(scheme_id) AND k.beneficiary_id = u.beneficiary_id AND k.purpose = u.purpose
    ORDER BY k.consent_id DESC LIMIT 1
) latest ON true
WHERE (latest.state, latest.given_on, latest.how) IS DISTINCT FROM (u.state, u.given_on, u.how)
RETURNING beneficiary_id;

-- name: EnsureRegisters :exec
-- One register per purpose is there without being asked for.
INSERT INTO register (scheme_id, name, purpose)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(purposes)::text[]), unnest(sqlc.arg(purposes)::text[])
ON CONFLICT (scheme_id, name) DO NOTHING;

-- name: InsertEntries :exec
INSERT INTO register_entry (scheme_id, register_id, beneficiary_id, entered_at)
SELECT r.scheme_id, r.register_id, u.beneficiary_id, sqlc.arg(now)::timestamptz
FROM (
    SELECT unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary_id, unnest(sqlc.arg(purposes)::text[]) AS purpose
) u
JOIN register r ON r.scheme_id = sqlc.arg(scheme_id) AND r.name = u.purpose
ON CONFLICT (scheme_id, register_id, beneficiary_id) DO NOTHING;

-- name: CurrentAgreements :many
SELECT agreement_id, beneficiary_id, cadence, per_week, days, begins, ends, length_ms, valid_from, valid_until, continuity,
    caller_ring_ms, ring_ms, window_days, month_day, nth, dates, place_days, place_week, skills, hard
FROM agreement
WHERE scheme_id = sqlc.arg(scheme_id) AND beneficiary_id = ANY (sqlc.arg(beneficiary_ids)::bigint[]) AND kind = 'scheduled'
    AND ended_at IS NULL;

-- name: EndAgreements :exec
UPDATE agreement
SET ended_at = sqlc.arg(now)
WHERE scheme_id = sqlc.arg(scheme_id) AND agreement_id = ANY (sqlc.arg(agreement_ids)::bigint[]);

-- name: InsertAgreements :exec
-- Lists within a row arrive as one text, parted by commas, skills by the unit separator.
INSERT INTO agreement (scheme_id, uid, beneficiary_id, cadence, per_week, days, begins, ends, length_ms, valid_from,
    valid_until, continuity, caller_ring_ms, ring_ms, window_days, month_day, nth, dates,
    place_days, place_week, skills, hard, created_at)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(uids)::uuid[]), unnest(sqlc.arg(beneficiary_ids)::bigint[]),
    unnest(sqlc.arg(cadences)::text[]), unnest(sqlc.arg(per_weeks)::smallint[]),
    string_to_array(unnest(sqlc.arg(days)::text[]), ',')::smallint[],
    string_to_array(unnest(sqlc.arg(begins)::text[]), ',')::smallint[],
    string_to_array(unnest(sqlc.arg(ends)::text[]), ',')::smallint[],
    unnest(sqlc.arg(lengths)::bigint[]), unnest(sqlc.arg(valid_froms)::date[]), unnest(sqlc.arg(valid_untils)::date[]),
    unnest(sqlc.arg(continuities)::text[]), unnest(sqlc.arg(caller_rings)::bigint[]), unnest(sqlc.arg(rings)::bigint[]),
    string_to_array(unnest(sqlc.arg(window_days)::text[]), ',')::smallint[], unnest(sqlc.arg(month_days)::smallint[]),
    unnest(sqlc.arg(nths)::smallint[]), string_to_array(unnest(sqlc.arg(dates)::text[]), ',')::date[],
    nullif(unnest(sqlc.arg(place_days)::smallint[]), -1::smallint), unnest(sqlc.arg(place_weeks)::smallint[]),
    string_to_array(unnest(sqlc.arg(skills)::text[]), E'\x1f'), unnest(sqlc.arg(hards)::boolean[]), sqlc.arg(now)::timestamptz;

-- name: CancelOccurrences :many
-- The open calls of these agreements on which no attempt was made. Those that hang on an agreement without being promised by
-- it, such as one that she asked for, stay, and so does one that is tried again. Of whoever has declined none stays, whatever it
-- hangs on; of whoever is only proposed, none but what asks her or what she asked for. It runs under LockLead.
UPDATE occurrence o
SET state = 'cancelled', ended_at = sqlc.arg(now), events = events + 1
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.state = 'open' AND (
    o.agreement_id = ANY (sqlc.arg(agreement_ids)::bigint[]) AND o.attempts = 0 AND (
        o.kind IN ('scheduled', 'welcome_back', 'first_call') OR EXISTS (
            SELECT FROM agreement a
            WHERE a.scheme_id = o.scheme_id AND a.agreement_id = o.agreement_id AND a.kind = o.kind))
    OR o.beneficiary_id = ANY (sqlc.arg(declined)::bigint[])
    OR o.beneficiary_id = ANY (sqlc.arg(proposed)::bigint[]) AND o.kind NOT IN ('first_call', 'callback'))
RETURNING uid, events, attempts, deferred, rang;

-- name: AlikeBeneficiaries :many
SELECT p.ref, o.ref AS other, o.same_name, o.same_number
FROM beneficiary p
CROSS JOIN LATERAL (
    SELECT b.ref, (b.name_key = p.name_key AND p.name_key <> '')::boolean AS same_name, EXISTS (
            SELECT FROM contact_number x
            JOIN contact_number y ON y.scheme_id = x.scheme_id AND y.e164 = x.e164
            WHERE x.scheme_id = p.scheme_id AND x.beneficiary_id = p.beneficiary_id AND y.beneficiary_id = b.beneficiary_id
        ) AS same_number
    FROM beneficiary b
    WHERE b.scheme_id = p.scheme_id AND b.beneficiary_id <> p.beneficiary_id AND b.beneficiary_id IN (
        SELECT n.beneficiary_id FROM beneficiary n
        WHERE n.scheme_id = p.scheme_id AND n.name_key = p.name_key AND p.name_key <> ''
        UNION
        SELECT y.beneficiary_id FROM contact_number x
        JOIN contact_number y ON y.scheme_id = x.scheme_id AND y.e164 = x.e164
        WHERE x.scheme_id = p.scheme_id AND x.beneficiary_id = p.beneficiary_id)
    ORDER BY b.ref
    LIMIT 10
) o
WHERE p.scheme_id = sqlc.arg(scheme_id) AND p.ref = ANY (sqlc.arg(refs)::text[]);

-- name: AlikeStaff :many
SELECT p.ref, o.ref AS other, o.same_name, o.same_number
FROM caller p
CROSS JOIN LATERAL (
    SELECT c.ref, (c.name_key = p.name_key AND p.name_key <> '')::boolean AS same_name,
        coalesce(c.number = p.number, false)::boolean AS same_number
    FROM caller c
    WHERE c.scheme_id = p.scheme_id AND c.caller_id <> p.caller_id
        AND ((c.name_key = p.name_key AND p.name_key <> '') OR c.number = p.number)
    ORDER BY c.ref
    LIMIT 10
) o
WHERE p.scheme_id = sqlc.arg(scheme_id) AND p.ref = ANY (sqlc.arg(refs)::text[]);
