-- Who will not be called (refusal.go).

-- name: ReadRefusalCheck :one
SELECT uid, refusal_check FROM scheme WHERE scheme_id = sqlc.arg(scheme_id);

-- name: SetRefusalCheck :execrows
-- The first refusal says with which key all are made; of two at once, one finds the other's.
UPDATE scheme SET refusal_check = sqlc.arg(refusal_check)
WHERE scheme_id = sqlc.arg(scheme_id) AND (refusal_check IS NULL OR refusal_check = sqlc.arg(refusal_check));

-- name: InsertRefusals :exec
INSERT INTO refusal (scheme_id, number_hash, refused_on, how)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(hashes)::bytea[]), sqlc.arg(refused_on)::date, sqlc.arg(how)::text
ON CONFLICT (scheme_id, number_hash) DO NOTHING;

-- name: FindRefusals :many
SELECT number_hash FROM refusal
WHERE scheme_id = sqlc.arg(scheme_id) AND number_hash = ANY (sqlc.arg(hashes)::bytea[]);

-- name: DeleteRefusal :execrows
DELETE FROM refusal WHERE scheme_id = sqlc.arg(scheme_id) AND number_hash = sqlc.arg(number_hash);

-- name: ReadOpenOf :many
-- The calls of a person that are not over.
SELECT o.occurrence_id, o.state
FROM occurrence o
WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.beneficiary_id = sqlc.arg(beneficiary_id) AND o.state IN ('open', 'claimed', 'live');

-- name: ErasePerson :exec
-- Erases who a person is: her name, her numbers and where she was called, what was registered and left to make a person of her, and
-- what was agreed with her, and when she was away. Who had proposed her is counted elsewhere. Her ref becomes one that says nothing of her. That she was called stays, for the figures.
WITH said AS (
    INSERT INTO consent (scheme_id, beneficiary_id, purpose, state, recorded_at)
    SELECT b.scheme_id, b.beneficiary_id, b.purpose, sqlc.arg(state)::text, sqlc.arg(now)::timestamptz
    FROM beneficiary b
    WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = sqlc.arg(beneficiary_id)
), numbers AS (
    DELETE FROM contact_number n WHERE n.scheme_id = sqlc.arg(scheme_id) AND n.beneficiary_id = sqlc.arg(beneficiary_id)
), calls AS (
    UPDATE attempt a SET number = ''
    FROM occurrence o
    WHERE o.scheme_id = sqlc.arg(scheme_id) AND o.beneficiary_id = sqlc.arg(beneficiary_id)
        AND a.scheme_id = o.scheme_id AND a.occurrence_id = o.occurrence_id
), away AS (
    DELETE FROM absence x WHERE x.scheme_id = sqlc.arg(scheme_id) AND x.beneficiary_id = sqlc.arg(beneficiary_id)
), not_called AS (
    DELETE FROM no_call_period x WHERE x.scheme_id = sqlc.arg(scheme_id) AND x.beneficiary_id = sqlc.arg(beneficiary_id)
), owed AS (
    UPDATE line_callback c SET number = ''
    WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.beneficiary_id = sqlc.arg(beneficiary_id)
), agreed AS (
    UPDATE agreement g SET ended_at = sqlc.arg(now)
    WHERE g.scheme_id = sqlc.arg(scheme_id) AND g.beneficiary_id = sqlc.arg(beneficiary_id) AND g.ended_at IS NULL
), asked AS (
    DELETE FROM contact_person p WHERE p.scheme_id = sqlc.arg(scheme_id) AND p.beneficiary_id = sqlc.arg(beneficiary_id)
), worry AS (
    UPDATE welfare w SET closed_at = sqlc.arg(now)::timestamptz
    WHERE w.scheme_id = sqlc.arg(scheme_id) AND w.beneficiary_id = sqlc.arg(beneficiary_id) AND w.closed_at IS NULL
), keyed AS (
    DELETE FROM registration r USING inbox_mark k
    WHERE k.scheme_id = sqlc.arg(scheme_id) AND k.person = sqlc.arg(ref) AND r.scheme_id = k.scheme_id AND r.registration_id = k.item
), marks AS (
    UPDATE inbox_mark k SET person = '' WHERE k.scheme_id = sqlc.arg(scheme_id) AND k.person = sqlc.arg(ref)
)
UPDATE beneficiary b
SET ref = sqlc.arg(becomes), given_name = '', family_name = '', name_key = '', reference_id = NULL, deputy_id = NULL,
    source = 'service', class = 0
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = sqlc.arg(beneficiary_id);

-- name: ForgetRef :exec
DELETE FROM person_ref WHERE scheme_id = sqlc.arg(scheme_id) AND ref = sqlc.arg(ref) AND NOT staff;

-- name: ConsentOf :one
-- How a person stands towards being called, with her ref; an empty state means that nothing was said.
SELECT coalesce((
    SELECT c.state FROM consent c
    WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
    ORDER BY c.consent_id DESC LIMIT 1), '')::text AS state
FROM beneficiary b
WHERE b.scheme_id = sqlc.arg(scheme_id) AND b.beneficiary_id = sqlc.arg(beneficiary_id);
