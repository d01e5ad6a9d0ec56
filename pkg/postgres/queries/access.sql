-- Who may sign in to the pages (auth.Store).

-- name: FindOnlyScheme :many
-- The installation's schemes, as long as there is one only.
SELECT scheme_id, uid FROM scheme ORDER BY scheme_id LIMIT 2;

-- name: InsertAccount :exec
INSERT INTO account (scheme_id, uid, name, role, created_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(uid), sqlc.arg(name), sqlc.arg(role), sqlc.arg(now))
ON CONFLICT (scheme_id, name) DO NOTHING;

-- name: FindAccount :one
SELECT a.account_id, a.uid, a.name, a.role, a.language, a.disabled, s.uid AS scheme_uid
FROM account a
JOIN scheme s ON s.scheme_id = a.scheme_id
WHERE a.scheme_id = sqlc.arg(scheme_id) AND a.name = sqlc.arg(name);

-- name: ListAccountsOf :many
SELECT a.account_id, a.uid, a.name, a.role, a.language, a.disabled, s.uid AS scheme_uid
FROM account a
JOIN scheme s ON s.scheme_id = a.scheme_id
WHERE a.scheme_id = sqlc.arg(scheme_id)
ORDER BY a.name;

-- name: DisableAccount :execrows
UPDATE account SET disabled = sqlc.arg(disabled) WHERE scheme_id = sqlc.arg(scheme_id) AND name = sqlc.arg(name);

-- name: InsertLink :execrows
-- The scheme is that of the account.
INSERT INTO sign_in_link (link_hash, scheme_id, account_id, created_at, expires_at)
SELECT sqlc.arg(link_hash), a.scheme_id, a.account_id, sqlc.arg(now), sqlc.arg(expires_at)
FROM account a
WHERE a.account_id = sqlc.arg(account_id);

-- name: TakeLink :one
-- Of two takers at once the second waits for the first and then finds the link used.
UPDATE sign_in_link l
SET used_at = sqlc.arg(now)
FROM account a
JOIN scheme s ON s.scheme_id = a.scheme_id
WHERE l.link_hash = sqlc.arg(link_hash) AND l.used_at IS NULL AND l.expires_at > sqlc.arg(now)
    AND a.scheme_id = l.scheme_id AND a.account_id = l.account_id AND NOT a.disabled
RETURNING a.scheme_id, a.account_id, a.uid, a.name, a.role, a.language, s.uid AS scheme_uid;

-- name: InsertSession :exec
INSERT INTO session (session_hash, scheme_id, account_id, created_at, expires_at)
VALUES (sqlc.arg(session_hash), sqlc.arg(scheme_id), sqlc.arg(account_id), sqlc.arg(now), sqlc.arg(expires_at));

-- name: FindSession :one
SELECT a.scheme_id, a.account_id, a.uid, a.name, a.role, a.language, s.uid AS scheme_uid, n.expires_at
FROM session n
JOIN account a ON a.scheme_id = n.scheme_id AND a.account_id = n.account_id
JOIN scheme s ON s.scheme_id = a.scheme_id
WHERE n.session_hash = sqlc.arg(session_hash) AND n.ended_at IS NULL AND n.expires_at > sqlc.arg(now) AND NOT a.disabled;

-- name: EndSession :exec
UPDATE session SET ended_at = sqlc.arg(now) WHERE session_hash = sqlc.arg(session_hash) AND ended_at IS NULL;

-- name: InsertToken :execrows
INSERT INTO api_token (token_hash, scheme_id, uid, name, scope, created_at)
VALUES (sqlc.arg(token_hash), sqlc.arg(scheme_id), sqlc.arg(uid), sqlc.arg(name), sqlc.arg(scope), sqlc.arg(now))
ON CONFLICT (name, scheme_id) WHERE revoked_at IS NULL DO NOTHING;

-- name: FindToken :one
SELECT t.scheme_id, t.uid, t.name, t.scope, t.created_at, s.uid AS scheme_uid
FROM api_token t
JOIN scheme s ON s.scheme_id = t.scheme_id
WHERE t.token_hash = sqlc.arg(token_hash) AND t.revoked_at IS NULL;

-- name: ListTokens :many
SELECT t.uid, t.name, t.scope, t.created_at, t.revoked_at, s.uid AS scheme_uid
FROM api_token t
JOIN scheme s ON s.scheme_id = t.scheme_id
WHERE t.scheme_id = sqlc.arg(scheme_id)
ORDER BY t.created_at, t.uid;

-- name: RevokeToken :execrows
UPDATE api_token SET revoked_at = sqlc.arg(now)
WHERE scheme_id = sqlc.arg(scheme_id) AND name = sqlc.arg(name) AND revoked_at IS NULL;

-- name: InsertAct :one
INSERT INTO audit (scheme_id, who, at, what)
VALUES (sqlc.arg(scheme_id), sqlc.arg(who), sqlc.arg(now), sqlc.arg(what))
RETURNING audit_id;

-- name: EndAct :exec
UPDATE audit SET status = sqlc.arg(status)
WHERE scheme_id = sqlc.arg(scheme_id) AND audit_id = sqlc.arg(audit_id) AND status = 0;

-- name: ListActs :many
-- What tokens and sessions did, the last first.
SELECT a.who, COALESCE(t.name, c.name, '')::text AS name, a.at, a.what, a.status
FROM audit a
LEFT JOIN api_token t ON t.scheme_id = a.scheme_id AND t.uid = a.who
LEFT JOIN account c ON c.scheme_id = a.scheme_id AND c.uid = a.who
WHERE a.scheme_id = sqlc.arg(scheme_id) AND (sqlc.arg(name)::text = '' OR t.name = sqlc.arg(name))
ORDER BY a.audit_id DESC
LIMIT 200;
