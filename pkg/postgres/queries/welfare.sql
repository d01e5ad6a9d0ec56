-- People who were not reached as they were promised, and whom to ask after them (welfare.go, ledger_welfare.go).

-- name: CloseWelfare :exec
-- What is over stands as such, so that it is not looked at again: of these people, or of all when none are named.
UPDATE welfare w SET closed_at = c.over_at
FROM welfare_case c
WHERE w.scheme_id = sqlc.arg(scheme_id) AND c.scheme_id = w.scheme_id AND c.welfare_id = w.welfare_id AND w.closed_at IS NULL
    AND c.over_at IS NOT NULL
    AND (cardinality(sqlc.arg(beneficiary_ids)::bigint[]) = 0 OR w.beneficiary_id = ANY (sqlc.arg(beneficiary_ids)::bigint[]));

-- name: RaiseWelfare :exec
-- Whoever is looked after already is not looked after twice.
INSERT INTO welfare (scheme_id, welfare_id, beneficiary_id, ended, began_at)
SELECT sqlc.arg(scheme_id), u.id, u.beneficiary, u.ended, u.began_at
FROM (
    SELECT unnest(sqlc.arg(ids)::uuid[]) AS id, unnest(sqlc.arg(beneficiary_ids)::bigint[]) AS beneficiary,
        unnest(sqlc.arg(ends)::text[]) AS ended, unnest(sqlc.arg(began)::timestamptz[]) AS began_at
) u
ON CONFLICT DO NOTHING;

-- name: HandleWelfare :execrows
UPDATE welfare SET closed_at = sqlc.arg(now)
WHERE scheme_id = sqlc.arg(scheme_id) AND welfare_id = sqlc.arg(welfare_id) AND closed_at IS NULL;

-- name: WallWelfare :many
-- Who waits to be looked after, the longest first, and who does it.
SELECT c.welfare_id, b.ref, b.class, c.ended, c.began_at, coalesce(k.taken_by, '')::text AS taken_by, k.taken_at, s.welfare_ms
FROM welfare_case c
JOIN scheme s ON s.scheme_id = c.scheme_id
JOIN beneficiary b ON b.scheme_id = c.scheme_id AND b.beneficiary_id = c.beneficiary_id
LEFT JOIN inbox_mark k ON k.scheme_id = c.scheme_id AND k.item = c.welfare_id
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.over_at IS NULL
ORDER BY c.began_at, c.welfare_id
LIMIT sqlc.arg(most);

-- name: ReadContactPeople :many
SELECT c.name, c.relation, c.e164
FROM contact_person c
JOIN beneficiary b ON b.scheme_id = c.scheme_id AND b.beneficiary_id = c.beneficiary_id
WHERE c.scheme_id = sqlc.arg(scheme_id) AND b.ref = sqlc.arg(ref)
ORDER BY c.position;

-- name: LockBeneficiary :one
-- Two who change what belongs to one person follow one another. Calls of hers are booked meanwhile.
SELECT beneficiary_id FROM beneficiary WHERE scheme_id = sqlc.arg(scheme_id) AND ref = sqlc.arg(ref) FOR NO KEY UPDATE;

-- name: DeleteContactPeople :exec
DELETE FROM contact_person WHERE scheme_id = sqlc.arg(scheme_id) AND beneficiary_id = sqlc.arg(beneficiary_id);

-- name: InsertContactPeople :exec
INSERT INTO contact_person (scheme_id, beneficiary_id, position, name, relation, e164)
SELECT sqlc.arg(scheme_id), sqlc.arg(beneficiary_id), u.position, u.name, u.relation, u.e164
FROM (
    SELECT unnest(sqlc.arg(names)::text[]) AS name, unnest(sqlc.arg(relations)::text[]) AS relation, unnest(sqlc.arg(numbers)::text[]) AS e164,
        generate_series(1, cardinality(sqlc.arg(names)::text[])) AS position
) u;
