-- Schemes are tenants: scheme_id stands in every table and key. Inside the database keys are bigint; what is seen outside
-- carries a UUIDv7 made by the service (uid). Instants are timestamptz and always handed in: no table asks for the time.
-- Durations are milliseconds; hours of the day are minutes after local midnight.

-- +goose Up
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

CREATE TABLE scheme (
    scheme_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid          uuid NOT NULL UNIQUE,
    name         text NOT NULL UNIQUE CHECK (name <> ''),
    zone         text NOT NULL CHECK (zone <> ''),
    country      text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    language     text NOT NULL DEFAULT 'fr',
    paused       boolean NOT NULL DEFAULT false,
    opens        smallint NOT NULL DEFAULT 570,
    closes       smallint NOT NULL DEFAULT 1020,
    hold_ms      bigint NOT NULL DEFAULT 600000 CHECK (hold_ms >= 0),
    wrap_up_ms   bigint NOT NULL DEFAULT 120000 CHECK (wrap_up_ms >= 0),
    max_attempts smallint NOT NULL DEFAULT 3 CHECK (max_attempts > 0),
    created_at   timestamptz NOT NULL,
    CONSTRAINT scheme_language_check CHECK (language IN ('fr', 'nl', 'de', 'en')),
    CONSTRAINT scheme_hours_check CHECK (opens >= 0 AND opens < closes AND closes <= 1440)
);

-- How long after an attempt that ended with this result the next one may start. A result without a row uses the service's
-- default.
CREATE TABLE scheme_retry (
    scheme_id bigint NOT NULL REFERENCES scheme,
    result    text NOT NULL,
    after_ms  bigint NOT NULL CHECK (after_ms >= 0),
    PRIMARY KEY (scheme_id, result),
    CONSTRAINT scheme_retry_result_check CHECK (result IN
        ('answered', 'busy', 'no_answer', 'machine', 'failed', 'congestion', 'cancelled', 'unknown'))
);

-- One row per scheme, written by every batch: who leads, the last event number, and the instant before which no occurrence
-- that is still open opens (so that loading does not read the past). The row is the lock under which a scheme's batches
-- follow one another.
CREATE TABLE scheme_lead (
    scheme_id    bigint PRIMARY KEY REFERENCES scheme,
    epoch        bigint NOT NULL DEFAULT 0,
    holder       text NOT NULL DEFAULT '',
    taken_at     timestamptz,
    event_number bigint NOT NULL DEFAULT 0,
    -- Counts the scheme's own events, those whose entity is the scheme.
    own_events   integer NOT NULL DEFAULT 0,
    load_from    timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE TABLE trunk (
    scheme_id        bigint NOT NULL REFERENCES scheme,
    trunk_id         bigint GENERATED ALWAYS AS IDENTITY,
    -- The SIP endpoint's name on the PBX, which all schemes share.
    endpoint         text NOT NULL UNIQUE CHECK (endpoint ~ '^[a-z][a-z0-9_-]{0,39}$'),
    kind             text NOT NULL,
    enabled          boolean NOT NULL DEFAULT true,
    position         smallint NOT NULL DEFAULT 1,
    host             text NOT NULL DEFAULT '',
    port             integer NOT NULL DEFAULT 5060 CHECK (port BETWEEN 1 AND 65535),
    transport        text NOT NULL DEFAULT 'udp',
    username         text NOT NULL DEFAULT '',
    secret           text NOT NULL DEFAULT '',
    from_domain      text NOT NULL DEFAULT '',
    codecs           text[] NOT NULL DEFAULT '{alaw,ulaw}' CHECK (cardinality(codecs) > 0),
    dtmf             text NOT NULL DEFAULT 'rfc4733',
    lines            integer NOT NULL CHECK (lines > 0),
    inbound_reserve  integer NOT NULL,
    calls_per_second double precision NOT NULL CHECK (calls_per_second > 0),
    PRIMARY KEY (scheme_id, trunk_id),
    CONSTRAINT trunk_kind_check CHECK (kind IN ('registration', 'address', 'simulated')),
    CONSTRAINT trunk_transport_check CHECK (transport IN ('udp', 'tcp', 'tls')),
    CONSTRAINT trunk_dtmf_check CHECK (dtmf IN ('rfc4733', 'inband', 'info', 'auto')),
    CONSTRAINT trunk_reserve_check CHECK (inbound_reserve >= 1 AND inbound_reserve <= lines),
    CONSTRAINT trunk_host_check CHECK (kind = 'simulated' OR host <> '')
);

-- The numbers that the operator of a trunk lets us present.
CREATE TABLE trunk_permitted_cli (
    scheme_id bigint NOT NULL,
    trunk_id  bigint NOT NULL,
    e164      text NOT NULL CHECK (e164 ~ '^\+[1-9][0-9]{5,14}$'),
    PRIMARY KEY (scheme_id, trunk_id, e164),
    FOREIGN KEY (scheme_id, trunk_id) REFERENCES trunk ON DELETE CASCADE
);

-- The number presented per kind of call; the empty kind is the default. The foreign key refuses a number that is not
-- permitted when it is configured, not when somebody is rung.
CREATE TABLE trunk_cli (
    scheme_id bigint NOT NULL,
    trunk_id  bigint NOT NULL,
    kind      text NOT NULL,
    e164      text NOT NULL,
    PRIMARY KEY (scheme_id, trunk_id, kind),
    FOREIGN KEY (scheme_id, trunk_id, e164) REFERENCES trunk_permitted_cli ON DELETE CASCADE,
    CONSTRAINT trunk_cli_kind_check CHECK (kind IN
        ('', 'scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back',
         'apology', 'circle', 'test'))
);

-- A number that people dial. It belongs to one scheme in the whole installation.
CREATE TABLE did (
    scheme_id bigint NOT NULL REFERENCES scheme,
    e164      text PRIMARY KEY CHECK (e164 ~ '^\+[1-9][0-9]{5,14}$'),
    -- As the trunk delivers it, when that is not E.164.
    delivered text NOT NULL UNIQUE CHECK (delivered <> ''),
    flow      text NOT NULL DEFAULT 'registration' CHECK (flow <> ''),
    languages text[] NOT NULL,
    CONSTRAINT did_languages_check CHECK (cardinality(languages) > 0 AND languages <@ ARRAY['fr', 'nl', 'de', 'en'])
);

-- Where the scheme may ring: an outbound number must begin with one of its prefixes.
CREATE TABLE destination (
    scheme_id bigint NOT NULL REFERENCES scheme,
    prefix    text NOT NULL CHECK (prefix ~ '^\+[1-9][0-9]{0,14}$'),
    PRIMARY KEY (scheme_id, prefix)
);

-- +goose Down
DROP TABLE destination, did, trunk_cli, trunk_permitted_cli, trunk, scheme_lead, scheme_retry, scheme;
