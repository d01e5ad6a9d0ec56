-- What people ask of their next call by telephone. A CLI can be forged: what changes anything waits for a key that is pressed
-- when the service has rung the known number back.

-- +goose Up
ALTER TABLE occurrence
    DROP CONSTRAINT occurrence_kind_check,
    ADD CONSTRAINT occurrence_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation'));
ALTER TABLE attempt
    DROP CONSTRAINT attempt_kind_check,
    ADD CONSTRAINT attempt_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation'));
ALTER TABLE agreement
    DROP CONSTRAINT agreement_kind_check,
    ADD CONSTRAINT agreement_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation'));
ALTER TABLE trunk_cli
    DROP CONSTRAINT trunk_cli_kind_check,
    ADD CONSTRAINT trunk_cli_kind_check CHECK (kind IN
        ('', 'scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation'));
ALTER TABLE scheme_retry
    DROP CONSTRAINT scheme_retry_kind_check,
    ADD CONSTRAINT scheme_retry_kind_check CHECK (kind IN
        ('', 'scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation'));
ALTER TABLE scheme_tries
    DROP CONSTRAINT scheme_tries_kind_check,
    ADD CONSTRAINT scheme_tries_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation'));

CREATE TABLE appointment_change (
    scheme_id      bigint NOT NULL REFERENCES scheme,
    change_id      bigint GENERATED ALWAYS AS IDENTITY,
    uid            uuid NOT NULL,
    beneficiary_id bigint NOT NULL,
    -- A call that she confirms is recorded and changes nothing.
    kind           text NOT NULL,
    -- The call that it is about; 0 for an absence.
    occurrence_id  bigint NOT NULL DEFAULT 0,
    -- Of a skipped call: the date for which it was agreed, of which no other is booked.
    agreed_on      date,
    -- Of a move: where to.
    local_date     date,
    opens_at       timestamptz,
    closes_at      timestamptz,
    -- Of an absence: its days, both included.
    first_day      date,
    last_day       date,
    channel        text NOT NULL,
    asked_at       timestamptz NOT NULL,
    -- The call back in which it is agreed to; 0 where nobody needs to be asked.
    confirmation   bigint NOT NULL DEFAULT 0,
    -- What follows changes.
    state          text NOT NULL,
    settled_at     timestamptz,
    events         integer NOT NULL DEFAULT 1,
    PRIMARY KEY (scheme_id, change_id),
    UNIQUE (uid, scheme_id),
    FOREIGN KEY (scheme_id, beneficiary_id) REFERENCES beneficiary ON DELETE CASCADE,
    CONSTRAINT appointment_change_kind_check CHECK (kind IN ('confirm', 'move', 'skip', 'away')),
    CONSTRAINT appointment_change_channel_check CHECK (channel IN ('line', 'caller', 'registrar', 'message', 'page')),
    CONSTRAINT appointment_change_state_check CHECK (state IN ('pending', 'done', 'refused', 'lapsed')),
    CONSTRAINT appointment_change_settled_check CHECK ((state = 'pending') = (settled_at IS NULL)),
    CONSTRAINT appointment_change_skip_check CHECK (kind <> 'skip' OR agreed_on IS NOT NULL),
    CONSTRAINT appointment_change_move_check CHECK (kind <> 'move' OR (opens_at < closes_at AND local_date IS NOT NULL)),
    CONSTRAINT appointment_change_away_check CHECK (kind <> 'away' OR last_day >= first_day)
);
CREATE UNIQUE INDEX appointment_change_pending ON appointment_change (beneficiary_id, scheme_id) WHERE state = 'pending';
CREATE INDEX appointment_change_person ON appointment_change (beneficiary_id, asked_at, scheme_id);
CREATE INDEX appointment_change_confirmation ON appointment_change (confirmation, scheme_id) WHERE confirmation > 0;
CREATE INDEX appointment_change_asked ON appointment_change (asked_at, scheme_id);
CREATE INDEX appointment_change_skipped ON appointment_change (agreed_on, scheme_id) WHERE kind = 'skip' AND state = 'done';

GRANT SELECT, INSERT, UPDATE ON appointment_change TO rappel_app;

-- +goose Down
DROP TABLE appointment_change;
DELETE FROM occurrence WHERE kind = 'confirmation';
DELETE FROM attempt WHERE kind = 'confirmation';
DELETE FROM trunk_cli WHERE kind = 'confirmation';
DELETE FROM scheme_retry WHERE kind = 'confirmation';
DELETE FROM scheme_tries WHERE kind = 'confirmation';
ALTER TABLE occurrence
    DROP CONSTRAINT occurrence_kind_check,
    ADD CONSTRAINT occurrence_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test'));
ALTER TABLE attempt
    DROP CONSTRAINT attempt_kind_check,
    ADD CONSTRAINT attempt_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test'));
ALTER TABLE agreement
    DROP CONSTRAINT agreement_kind_check,
    ADD CONSTRAINT agreement_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test'));
ALTER TABLE trunk_cli
    DROP CONSTRAINT trunk_cli_kind_check,
    ADD CONSTRAINT trunk_cli_kind_check CHECK (kind IN
        ('', 'scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test'));
ALTER TABLE scheme_retry
    DROP CONSTRAINT scheme_retry_kind_check,
    ADD CONSTRAINT scheme_retry_kind_check CHECK (kind IN
        ('', 'scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test'));
ALTER TABLE scheme_tries
    DROP CONSTRAINT scheme_tries_kind_check,
    ADD CONSTRAINT scheme_tries_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test'));
