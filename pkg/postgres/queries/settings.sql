-- How the line treats a person whose number it knows.

-- name: FindSettings :many
-- Of whoever is reached at a number.
SELECT b.language, b.longer_waits, b.straight_to_person, b.simpler
FROM beneficiary b
WHERE b.scheme_id = sqlc.arg(scheme_id)
    AND EXISTS (
        SELECT FROM contact_number t
        WHERE t.scheme_id = b.scheme_id AND t.beneficiary_id = b.beneficiary_id AND t.e164 = sqlc.arg(cli)::text)
LIMIT 20;

-- name: ReadSettings :one
SELECT language, longer_waits, straight_to_person, simpler
FROM beneficiary
WHERE scheme_id = sqlc.arg(scheme_id) AND ref = sqlc.arg(ref);

-- name: ChangeSettings :one
UPDATE beneficiary
SET language = coalesce(sqlc.narg(language), language), longer_waits = coalesce(sqlc.narg(longer_waits), longer_waits),
    straight_to_person = coalesce(sqlc.narg(straight_to_person), straight_to_person), simpler = coalesce(sqlc.narg(simpler), simpler)
WHERE scheme_id = sqlc.arg(scheme_id) AND ref = sqlc.arg(ref)
RETURNING language, longer_waits, straight_to_person, simpler;
