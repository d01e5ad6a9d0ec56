-- Promised calls, attempts, offers, and what may be held by one call only.
--
-- Columns that change while a call runs stand in no index and in no index predicate, and their tables leave room in every
-- page: such updates stay in the page (HOT) and touch no index. What is under way is found through small tables from which
-- rows go when the call ends (live_number, reservation), what is open through scheme_lead.load_from.
--
-- Tables written by every batch have no foreign keys: the batch reads and locks the rows they point to.
--
-- Of the indexes of a table only the primary key begins with scheme_id: while the planner does not know yet how much of a
-- table one scheme is, any index that begins so looks good, and would read a whole scheme to find one row.

-- +goose Up
CREATE TABLE occurrence (
    scheme_id      bigint NOT NULL,
    occurrence_id  bigint GENERATED ALWAYS AS IDENTITY,
    uid            uuid NOT NULL,
    agreement_id   bigint NOT NULL,
    beneficiary_id bigint NOT NULL,
    kind           text NOT NULL,
    -- Counts the occurrences of one agreement, kind and day from 0: a call moved within its day gets the next number.
    sequence       smallint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    local_date     date NOT NULL,
    opens_at       timestamptz NOT NULL,
    closes_at      timestamptz NOT NULL,
    length_ms      bigint NOT NULL CHECK (length_ms > 0),
    -- What follows changes.
    state          text NOT NULL DEFAULT 'open',
    not_before     timestamptz NOT NULL,
    deferred       smallint NOT NULL DEFAULT 0 CHECK (deferred >= 0),
    attempts       smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    rang           boolean NOT NULL DEFAULT false,
    ended_at       timestamptz,
    events         integer NOT NULL DEFAULT 0,
    PRIMARY KEY (scheme_id, occurrence_id),
    CONSTRAINT occurrence_booked UNIQUE (agreement_id, local_date, kind, sequence, scheme_id),
    CONSTRAINT occurrence_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test')),
    CONSTRAINT occurrence_state_check CHECK (state IN
        ('open', 'claimed', 'live', 'reached', 'unreached', 'missed', 'moved', 'cancelled')),
    CONSTRAINT occurrence_ended_check CHECK ((ended_at IS NULL) = (state IN ('open', 'claimed', 'live'))),
    CONSTRAINT occurrence_window_check CHECK (opens_at < closes_at)
) WITH (fillfactor = 60);
CREATE UNIQUE INDEX occurrence_uid ON occurrence (uid, scheme_id);
CREATE INDEX occurrence_opens ON occurrence (opens_at, scheme_id);
CREATE INDEX occurrence_day ON occurrence (local_date, scheme_id);
CREATE INDEX occurrence_person ON occurrence (beneficiary_id, local_date, scheme_id);

CREATE TABLE attempt (
    scheme_id      bigint NOT NULL,
    attempt_id     uuid NOT NULL,
    occurrence_id  bigint NOT NULL,
    beneficiary_id bigint NOT NULL,
    kind           text NOT NULL,
    number         text NOT NULL CHECK (number ~ '^\+[1-9][0-9]{5,14}$'),
    trunk          text NOT NULL,
    cli            text NOT NULL,
    language       text NOT NULL,
    ring_ms        bigint NOT NULL,
    claimed_at     timestamptz NOT NULL,
    epoch          bigint NOT NULL,
    -- What follows changes.
    state          text NOT NULL,
    offer          smallint NOT NULL CHECK (offer > 0),
    caller_id      bigint NOT NULL,
    dial_by        timestamptz NOT NULL,
    rung_before    boolean NOT NULL DEFAULT false,
    accepted_at    timestamptz,
    ringing_at     timestamptz,
    bridged_at     timestamptz,
    ended_at       timestamptz,
    channel        text NOT NULL DEFAULT '',
    result         text,
    reason         text NOT NULL DEFAULT '',
    fault          text,
    cause          smallint NOT NULL DEFAULT 0,
    talk_ms        bigint NOT NULL DEFAULT 0 CHECK (talk_ms >= 0),
    rang           boolean NOT NULL DEFAULT false,
    end_estimated  boolean NOT NULL DEFAULT false,
    disposition    text NOT NULL DEFAULT '',
    follow_up      boolean NOT NULL DEFAULT false,
    day_later      boolean NOT NULL DEFAULT false,
    closed_at      timestamptz,
    events         integer NOT NULL DEFAULT 0,
    PRIMARY KEY (scheme_id, attempt_id),
    CONSTRAINT attempt_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test')),
    CONSTRAINT attempt_state_check CHECK (state IN ('intent', 'offered', 'accepted', 'ringing', 'bridged', 'ended')),
    CONSTRAINT attempt_result_check CHECK (result IN
        ('answered', 'busy', 'no_answer', 'machine', 'failed', 'congestion', 'cancelled', 'unknown')),
    CONSTRAINT attempt_reason_check CHECK (reason IN
        ('', 'broken_by_us', 'caller_gone', 'no_caller', 'dial_by', 'pbx_lost', 'restart', 'not_permitted',
         'number_in_use', 'drained', 'invalid_number', 'answered_unheld')),
    CONSTRAINT attempt_fault_check CHECK (fault IN ('none', 'ours', 'theirs', 'network')),
    CONSTRAINT attempt_disposition_check CHECK (disposition IN ('', 'courtesy', 'difficult')),
    CONSTRAINT attempt_ended_check CHECK
        ((state = 'ended') = (ended_at IS NOT NULL) AND (state = 'ended') = (result IS NOT NULL)
         AND (state = 'ended') = (fault IS NOT NULL))
) WITH (fillfactor = 50);
CREATE INDEX attempt_claimed ON attempt (claimed_at, scheme_id);
CREATE INDEX attempt_occurrence ON attempt (occurrence_id, scheme_id);

CREATE TABLE offer (
    scheme_id      bigint NOT NULL,
    attempt_id     uuid NOT NULL,
    offer          smallint NOT NULL CHECK (offer > 0),
    caller_id      bigint NOT NULL,
    endpoint       text NOT NULL,
    number         text NOT NULL,
    language       text NOT NULL,
    caller_ring_ms bigint NOT NULL,
    made_at        timestamptz NOT NULL,
    -- What follows changes.
    state          text NOT NULL DEFAULT 'ringing',
    ended_at       timestamptz,
    PRIMARY KEY (scheme_id, attempt_id, offer),
    CONSTRAINT offer_state_check CHECK (state IN
        ('ringing', 'accepted', 'declined', 'timed_out', 'failed', 'recalled')),
    CONSTRAINT offer_ended_check CHECK (state <> 'ringing' OR ended_at IS NULL)
) WITH (fillfactor = 70);

-- One live attempt per number and per person. The number is the key without the scheme: one phone, one call, everywhere.
CREATE TABLE live_number (
    e164           text PRIMARY KEY,
    scheme_id      bigint NOT NULL,
    attempt_id     uuid NOT NULL,
    beneficiary_id bigint NOT NULL,
    CONSTRAINT live_number_person UNIQUE (beneficiary_id, scheme_id),
    CONSTRAINT live_number_attempt UNIQUE (attempt_id, scheme_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- One reservation per caller, in whatever scheme.
CREATE TABLE reservation (
    caller_id  bigint PRIMARY KEY,
    scheme_id  bigint NOT NULL,
    attempt_id uuid NOT NULL,
    offer      smallint NOT NULL,
    since      timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Who talked to a person last. It is apart from the person, whose row is locked by those who edit her.
CREATE TABLE last_caller (
    scheme_id      bigint NOT NULL,
    beneficiary_id bigint NOT NULL,
    caller_id      bigint NOT NULL,
    PRIMARY KEY (scheme_id, beneficiary_id)
) WITH (fillfactor = 70);

-- What a caller does now. The counters are those of the local day in day.
CREATE TABLE caller_status (
    scheme_id     bigint NOT NULL,
    caller_id     bigint NOT NULL,
    state         text NOT NULL DEFAULT 'off',
    reason        text NOT NULL DEFAULT '',
    since         timestamptz NOT NULL,
    missed_in_row smallint NOT NULL DEFAULT 0,
    day           date NOT NULL DEFAULT '-infinity',
    calls_today   integer NOT NULL DEFAULT 0,
    hard_today    integer NOT NULL DEFAULT 0,
    last_ended    timestamptz,
    events        integer NOT NULL DEFAULT 0,
    PRIMARY KEY (scheme_id, caller_id),
    FOREIGN KEY (scheme_id, caller_id) REFERENCES caller ON DELETE CASCADE,
    CONSTRAINT caller_status_state_check CHECK (state IN
        ('off', 'ready', 'ready_once', 'reserved', 'in_call', 'wrap_up', 'break', 'debrief', 'set_aside'))
) WITH (fillfactor = 40);

-- Append-only: every state a caller was in.
CREATE TABLE caller_log (
    scheme_id bigint NOT NULL,
    caller_id bigint NOT NULL,
    at        timestamptz NOT NULL,
    state     text NOT NULL,
    reason    text NOT NULL,
    CONSTRAINT caller_log_state_check CHECK (state IN
        ('off', 'ready', 'ready_once', 'reserved', 'in_call', 'wrap_up', 'break', 'debrief', 'set_aside'))
);
CREATE INDEX caller_log_at ON caller_log (caller_id, at, scheme_id);

-- What an inbound party left for the registrars.
CREATE TABLE voice_message (
    scheme_id  bigint NOT NULL REFERENCES scheme,
    message_id uuid NOT NULL,
    cli        text NOT NULL DEFAULT '',
    language   text NOT NULL,
    recording  text NOT NULL,
    length_ms  bigint NOT NULL DEFAULT 0,
    left_at    timestamptz NOT NULL,
    handled_at timestamptz,
    handled_by bigint,
    PRIMARY KEY (scheme_id, message_id),
    CONSTRAINT voice_message_language_check CHECK (language IN ('fr', 'nl', 'de', 'en'))
);
CREATE INDEX voice_message_left ON voice_message (scheme_id, left_at);

-- +goose Down
DROP TABLE voice_message, caller_log, caller_status, last_caller, reservation, live_number, offer, attempt, occurrence;
