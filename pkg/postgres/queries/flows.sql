-- Dialogues of a scheme in the place of those that ship (postgres.FlowVersion). Rows are only added.

-- name: FlowNumbers :many
-- The newest publication of every scheme that has one.
SELECT p.scheme_id, max(p.number)::integer AS number FROM flow_publication p GROUP BY p.scheme_id;

-- name: FlowNumber :one
SELECT coalesce(max(p.number), 0)::integer AS number FROM flow_publication p WHERE p.scheme_id = sqlc.arg(scheme_id);

-- name: PublishedFlows :many
-- What a scheme speaks in the place of flows that ship.
SELECT v.name, v.version, v.text, v.written_at, v.written_by
FROM flow_version v
JOIN (
    SELECT DISTINCT ON (p.name) p.name, p.version
    FROM flow_publication p
    WHERE p.scheme_id = sqlc.arg(scheme_id)
    ORDER BY p.name, p.number DESC) c ON c.name = v.name AND c.version = v.version
WHERE v.scheme_id = sqlc.arg(scheme_id)
ORDER BY v.name;

-- name: FlowVersions :many
-- What was written of a flow, or of all without a name, the newest first.
SELECT v.name, v.version, v.text, v.written_at, v.written_by
FROM flow_version v
WHERE v.scheme_id = sqlc.arg(scheme_id) AND (sqlc.arg(name) = '' OR v.name = sqlc.arg(name))
ORDER BY v.name, v.version DESC;

-- name: InsertFlowVersion :one
INSERT INTO flow_version (scheme_id, name, version, text, written_at, written_by)
SELECT sqlc.arg(scheme_id)::bigint, sqlc.arg(name)::text, coalesce(max(v.version), 0) + 1, sqlc.arg(text)::text, sqlc.arg(now)::timestamptz,
    sqlc.arg(written_by)::text
FROM flow_version v
WHERE v.scheme_id = sqlc.arg(scheme_id) AND v.name = sqlc.arg(name)
RETURNING version;

-- name: FlowPublications :many
-- When a flow, or any without a name, was published, the newest first.
SELECT p.number, p.name, coalesce(p.version, 0)::integer AS version, p.published_at, p.published_by
FROM flow_publication p
WHERE p.scheme_id = sqlc.arg(scheme_id) AND (sqlc.arg(name) = '' OR p.name = sqlc.arg(name))
ORDER BY p.number DESC;

-- name: InsertFlowPublication :exec
INSERT INTO flow_publication (scheme_id, number, name, version, published_at, published_by)
VALUES (sqlc.arg(scheme_id), sqlc.arg(number), sqlc.arg(name), sqlc.narg(version), sqlc.arg(now), sqlc.arg(published_by));
