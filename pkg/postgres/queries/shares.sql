-- name: LockTrunkGrants :exec
-- One node at a time decides what it has of the trunks.
SELECT pg_advisory_xact_lock(7301975132);

-- name: ReadTrunkGrants :many
SELECT g.endpoint, g.node, g.granted, g.inbound, g.hungry, g.renewal,
    EXISTS (SELECT FROM scheme_lead l WHERE l.holder = g.node)::boolean AS leads
FROM trunk_grant g
ORDER BY g.endpoint, g.node;

-- name: DeleteTrunkGrantsOf :exec
DELETE FROM trunk_grant WHERE node = sqlc.arg(node);

-- name: DeleteGoneTrunkGrants :exec
-- Unless the node has renewed what it has meanwhile.
DELETE FROM trunk_grant g
USING (
    SELECT unnest(sqlc.arg(endpoints)::text[]) AS endpoint, unnest(sqlc.arg(nodes)::text[]) AS node,
        unnest(sqlc.arg(renewals)::bigint[]) AS renewal
) u
WHERE g.endpoint = u.endpoint AND g.node = u.node AND g.renewal = u.renewal;

-- name: UpsertTrunkGrants :exec
INSERT INTO trunk_grant (endpoint, node, granted, inbound, hungry, renewal)
SELECT unnest(sqlc.arg(endpoints)::text[]), sqlc.arg(node)::text, unnest(sqlc.arg(granted)::integer[]),
    unnest(sqlc.arg(inbound)::integer[]), unnest(sqlc.arg(hungry)::boolean[]), unnest(sqlc.arg(renewals)::bigint[])
ON CONFLICT (endpoint, node) DO UPDATE
SET granted = excluded.granted, inbound = excluded.inbound, hungry = excluded.hungry, renewal = excluded.renewal;
