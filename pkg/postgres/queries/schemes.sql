-- Schemes, trunks, numbers that people dial, destinations, and the SIP accounts made from them.

-- name: InsertScheme :one
INSERT INTO scheme (uid, name, spoken, zone, country, region, language, paused, opens, closes, hold_ms, wrap_up_ms, max_attempts, tries_per_day,
    load_talk_ms, load_calls, load_hard, load_in_row, load_breather_ms, created_at)
VALUES (sqlc.arg(uid), sqlc.arg(name), sqlc.arg(spoken), sqlc.arg(zone), sqlc.arg(country), sqlc.arg(region), sqlc.arg(language), sqlc.arg(paused),
    sqlc.arg(opens), sqlc.arg(closes), sqlc.arg(hold_ms), sqlc.arg(wrap_up_ms), sqlc.arg(max_attempts), sqlc.arg(tries_per_day),
    sqlc.arg(load_talk_ms), sqlc.arg(load_calls), sqlc.arg(load_hard), sqlc.arg(load_in_row), sqlc.arg(load_breather_ms), sqlc.arg(created_at))
RETURNING scheme_id;

-- name: InsertLead :exec
INSERT INTO scheme_lead (scheme_id) VALUES (sqlc.arg(scheme_id));

-- name: UpdateScheme :execrows
UPDATE scheme
SET name = sqlc.arg(name), spoken = sqlc.arg(spoken), zone = sqlc.arg(zone), country = sqlc.arg(country), region = sqlc.arg(region), language = sqlc.arg(language),
    paused = sqlc.arg(paused), opens = sqlc.arg(opens), closes = sqlc.arg(closes), hold_ms = sqlc.arg(hold_ms),
    wrap_up_ms = sqlc.arg(wrap_up_ms), max_attempts = sqlc.arg(max_attempts), tries_per_day = sqlc.arg(tries_per_day),
    load_talk_ms = sqlc.arg(load_talk_ms), load_calls = sqlc.arg(load_calls), load_hard = sqlc.arg(load_hard), load_in_row = sqlc.arg(load_in_row), load_breather_ms = sqlc.arg(load_breather_ms),
    overflow_ms = sqlc.arg(overflow_ms), overflow_to = sqlc.arg(overflow_to), welfare_ms = sqlc.arg(welfare_ms)
WHERE scheme_id = sqlc.arg(scheme_id);

-- name: ListSchemes :many
-- Every scheme of the installation, for whoever starts their dispatchers.
SELECT s.scheme_id, s.uid, s.name, s.spoken, s.zone, s.country, s.region, s.language, s.paused, s.opens, s.closes, s.hold_ms,
    s.wrap_up_ms, s.max_attempts, s.tries_per_day, s.load_talk_ms, s.load_calls, s.load_hard, s.load_in_row, s.load_breather_ms,
    s.overflow_ms, s.overflow_to, s.welfare_ms, l.event_number
FROM scheme s
JOIN scheme_lead l ON l.scheme_id = s.scheme_id
ORDER BY s.scheme_id;

-- name: HoldScheme :one
-- The same of one scheme, which stays as it is until the transaction ends.
SELECT s.scheme_id, s.uid, s.name, s.spoken, s.zone, s.country, s.region, s.language, s.paused, s.opens, s.closes, s.hold_ms,
    s.wrap_up_ms, s.max_attempts, s.tries_per_day, s.load_talk_ms, s.load_calls, s.load_hard, s.load_in_row, s.load_breather_ms,
    s.overflow_ms, s.overflow_to, s.welfare_ms, l.event_number
FROM scheme s
JOIN scheme_lead l ON l.scheme_id = s.scheme_id
WHERE s.scheme_id = sqlc.arg(scheme_id)
FOR UPDATE OF s;

-- name: ListRetry :many
SELECT scheme_id, kind, result, after_ms FROM scheme_retry ORDER BY scheme_id, kind, result;

-- name: ListTries :many
SELECT scheme_id, kind, max_attempts FROM scheme_tries ORDER BY scheme_id, kind;

-- name: DeleteTries :exec
DELETE FROM scheme_tries WHERE scheme_id = sqlc.arg(scheme_id);

-- name: InsertTries :exec
INSERT INTO scheme_tries (scheme_id, kind, max_attempts)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(kinds)::text[]), unnest(sqlc.arg(tries)::smallint[]);

-- name: DeleteRetry :exec
DELETE FROM scheme_retry WHERE scheme_id = sqlc.arg(scheme_id);

-- name: InsertRetry :exec
INSERT INTO scheme_retry (scheme_id, kind, result, after_ms)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(kinds)::text[]), unnest(sqlc.arg(results)::text[]), unnest(sqlc.arg(afters)::bigint[]);

-- name: UpsertTrunk :one
-- No row comes back when another scheme has a trunk of that name.
INSERT INTO trunk (scheme_id, endpoint, kind, enabled, position, host, port, transport, username, secret, from_domain, codecs,
    dtmf, lines, inbound_reserve, calls_per_second, nodes)
VALUES (sqlc.arg(scheme_id), sqlc.arg(endpoint), sqlc.arg(kind), sqlc.arg(enabled), sqlc.arg(position), sqlc.arg(host),
    sqlc.arg(port), sqlc.arg(transport), sqlc.arg(username), sqlc.arg(secret), sqlc.arg(from_domain), sqlc.arg(codecs),
    sqlc.arg(dtmf), sqlc.arg(lines), sqlc.arg(inbound_reserve), sqlc.arg(calls_per_second), sqlc.arg(nodes))
ON CONFLICT (endpoint) DO UPDATE
SET kind = excluded.kind, enabled = excluded.enabled, position = excluded.position, host = excluded.host, port = excluded.port,
    transport = excluded.transport, username = excluded.username, secret = excluded.secret,
    from_domain = excluded.from_domain, codecs = excluded.codecs, dtmf = excluded.dtmf, lines = excluded.lines,
    inbound_reserve = excluded.inbound_reserve, calls_per_second = excluded.calls_per_second, nodes = excluded.nodes
WHERE trunk.scheme_id = excluded.scheme_id
RETURNING trunk_id;

-- name: DeletePermittedCLI :exec
-- The numbers presented go with them.
DELETE FROM trunk_permitted_cli WHERE scheme_id = sqlc.arg(scheme_id) AND trunk_id = sqlc.arg(trunk_id);

-- name: InsertPermittedCLI :exec
INSERT INTO trunk_permitted_cli (scheme_id, trunk_id, e164)
SELECT sqlc.arg(scheme_id)::bigint, sqlc.arg(trunk_id)::bigint, unnest(sqlc.arg(numbers)::text[]);

-- name: InsertCLI :exec
INSERT INTO trunk_cli (scheme_id, trunk_id, kind, e164)
SELECT sqlc.arg(scheme_id)::bigint, sqlc.arg(trunk_id)::bigint, unnest(sqlc.arg(kinds)::text[]), unnest(sqlc.arg(numbers)::text[]);

-- name: UpsertDID :execrows
-- No row is written when the number belongs to another scheme.
INSERT INTO did (scheme_id, e164, delivered, flow, languages)
VALUES (sqlc.arg(scheme_id), sqlc.arg(e164), sqlc.arg(delivered), sqlc.arg(flow), sqlc.arg(languages))
ON CONFLICT (e164) DO UPDATE
SET delivered = excluded.delivered, flow = excluded.flow, languages = excluded.languages
WHERE did.scheme_id = excluded.scheme_id;

-- name: DeleteDID :execrows
DELETE FROM did WHERE scheme_id = sqlc.arg(scheme_id) AND e164 = sqlc.arg(e164);

-- name: ListDIDs :many
SELECT e164, delivered, flow, languages FROM did WHERE scheme_id = sqlc.arg(scheme_id) ORDER BY e164;

-- name: ListPools :many
-- Who there is of each role and language.
SELECT r.role::text AS role, l.language::text AS language, count(*) AS people, count(*) FILTER (WHERE t.state <> 'off') AS on_shift
FROM caller c
JOIN caller_status t ON t.scheme_id = c.scheme_id AND t.caller_id = c.caller_id, unnest(c.roles) AS r (role), unnest(c.languages) AS l (language)
WHERE c.scheme_id = sqlc.arg(scheme_id) AND c.enabled
GROUP BY r.role, l.language
ORDER BY r.role DESC, l.language;

-- name: DeleteDestinations :exec
DELETE FROM destination WHERE scheme_id = sqlc.arg(scheme_id);

-- name: InsertDestinations :exec
INSERT INTO destination (scheme_id, prefix)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(prefixes)::text[]);

-- name: ListDestinations :many
SELECT prefix FROM destination WHERE scheme_id = sqlc.arg(scheme_id) ORDER BY prefix;

-- name: AccountVersion :one
-- Counts the changes of callers and trunks in the whole installation.
SELECT version FROM account_version;

-- name: ListAccounts :many
-- The SIP accounts of the whole installation: the PBX is shared.
SELECT scheme_id, caller_id, endpoint, secret, phone, enabled FROM caller ORDER BY caller_id;

-- name: ListTrunks :many
-- The trunks of the whole installation: the PBX is shared.
SELECT scheme_id, trunk_id, endpoint, kind, enabled, position, host, port, transport, username, secret, from_domain, codecs,
    dtmf, lines, inbound_reserve, calls_per_second, nodes
FROM trunk
ORDER BY trunk_id;

-- name: ListPermittedCLI :many
SELECT scheme_id, trunk_id, e164 FROM trunk_permitted_cli ORDER BY scheme_id, trunk_id, e164;

-- name: ListCLI :many
SELECT scheme_id, trunk_id, kind, e164 FROM trunk_cli ORDER BY scheme_id, trunk_id, kind;

-- name: ListPhones :many
-- Secrets stay where they are.
SELECT ref, phone, endpoint, enabled, handed_at FROM caller WHERE scheme_id = sqlc.arg(scheme_id) ORDER BY ref;

-- name: FindPhone :one
SELECT ref, phone, endpoint, secret, enabled, handed_at FROM caller
WHERE scheme_id = sqlc.arg(scheme_id) AND ref = sqlc.arg(ref)
FOR UPDATE;

-- name: HandPhone :exec
UPDATE caller SET handed_at = sqlc.arg(now), secret = sqlc.arg(secret)
WHERE scheme_id = sqlc.arg(scheme_id) AND ref = sqlc.arg(ref);

-- name: ReadSharedTrunks :many
-- The trunks of other schemes that a scheme may use; a number that is no longer permitted takes the trunk away.
SELECT t.endpoint, t.lines, t.inbound_reserve, t.calls_per_second, t.nodes, s.e164
FROM trunk_share s
JOIN trunk t ON t.endpoint = s.endpoint AND t.enabled
JOIN trunk_permitted_cli p ON p.scheme_id = t.scheme_id AND p.trunk_id = t.trunk_id AND p.e164 = s.e164
WHERE s.scheme_id = sqlc.arg(scheme_id)
ORDER BY t.position, t.endpoint;

-- name: UpsertTrunkShare :execrows
-- No row is written when the trunk is the scheme's own, or does not exist, or does not permit the number.
INSERT INTO trunk_share (scheme_id, endpoint, e164)
SELECT sqlc.arg(scheme_id)::bigint, t.endpoint, p.e164
FROM trunk t
JOIN trunk_permitted_cli p ON p.scheme_id = t.scheme_id AND p.trunk_id = t.trunk_id
WHERE t.endpoint = sqlc.arg(endpoint) AND p.e164 = sqlc.arg(e164) AND t.scheme_id <> sqlc.arg(scheme_id)
ON CONFLICT (scheme_id, endpoint) DO UPDATE SET e164 = excluded.e164;

-- name: DeleteTrunkShare :execrows
DELETE FROM trunk_share WHERE scheme_id = sqlc.arg(scheme_id) AND endpoint = sqlc.arg(endpoint);

-- name: ListLanguages :many
SELECT scheme.language AS language FROM scheme WHERE scheme.scheme_id = sqlc.arg(scheme_id)
UNION SELECT unnest(did.languages) FROM did WHERE did.scheme_id = sqlc.arg(scheme_id)
UNION SELECT beneficiary.language FROM beneficiary WHERE beneficiary.scheme_id = sqlc.arg(scheme_id)
UNION SELECT caller.languages[1] FROM caller WHERE caller.scheme_id = sqlc.arg(scheme_id)
ORDER BY language;
