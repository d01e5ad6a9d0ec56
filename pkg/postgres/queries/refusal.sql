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
