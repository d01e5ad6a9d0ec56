-- Whoever was proposed by somebody else is asked first: until she has agreed, a caller's first call is the only one she gets.

-- +goose Up
ALTER TABLE occurrence
    DROP CONSTRAINT occurrence_kind_check,
    ADD CONSTRAINT occurrence_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation', 'first_call')) NOT VALID;
ALTER TABLE attempt
    DROP CONSTRAINT attempt_kind_check,
    ADD CONSTRAINT attempt_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation', 'first_call')) NOT VALID;
ALTER TABLE agreement
    DROP CONSTRAINT agreement_kind_check,
    ADD CONSTRAINT agreement_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation', 'first_call'));
ALTER TABLE trunk_cli
    DROP CONSTRAINT trunk_cli_kind_check,
    ADD CONSTRAINT trunk_cli_kind_check CHECK (kind IN
        ('', 'scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation', 'first_call'));
ALTER TABLE scheme_retry
    DROP CONSTRAINT scheme_retry_kind_check,
    ADD CONSTRAINT scheme_retry_kind_check CHECK (kind IN
        ('', 'scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation', 'first_call'));
ALTER TABLE scheme_tries
    DROP CONSTRAINT scheme_tries_kind_check,
    ADD CONSTRAINT scheme_tries_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test', 'confirmation', 'first_call'));

-- What came of asking. Of somebody who was erased it names nobody.
CREATE TABLE consent_answer (
    scheme_id      bigint NOT NULL REFERENCES scheme,
    answer_id      bigint GENERATED ALWAYS AS IDENTITY,
    beneficiary_id bigint NOT NULL,
    -- The first call in which she was asked; 0 where it was none.
    occurrence_id  bigint NOT NULL DEFAULT 0,
    answer         text NOT NULL,
    answered_at    timestamptz NOT NULL,
    PRIMARY KEY (scheme_id, answer_id),
    CONSTRAINT consent_answer_check CHECK (answer IN ('agreed', 'refused', 'later', 'lapsed'))
);
CREATE INDEX consent_answer_occurrence ON consent_answer (occurrence_id, scheme_id);

-- Who was proposed, and how her first call stands, is found without reading a whole scheme. Neither column ever changes.
CREATE INDEX consent_proposed ON consent (scheme_id, beneficiary_id) WHERE state = 'proposed';
CREATE INDEX occurrence_first_call ON occurrence (beneficiary_id, scheme_id) WHERE kind = 'first_call';

ALTER TABLE scheme
    -- For how many days a proposal waits for an answer before it is erased.
    ADD COLUMN proposal_days smallint NOT NULL DEFAULT 30 CHECK (proposal_days BETWEEN 1 AND 365),
    -- Nobody who was proposed before is erased because she was never asked: her days count from here.
    ADD COLUMN asks_since timestamptz NOT NULL DEFAULT '-infinity';
UPDATE scheme SET asks_since = now();

-- Calls that were booked before anybody had agreed to them: the next plan books the first call instead.
UPDATE occurrence o
SET state = 'cancelled', ended_at = now(), events = o.events + 1
FROM beneficiary b
WHERE b.scheme_id = o.scheme_id AND b.beneficiary_id = o.beneficiary_id AND b.purpose <> 'outreach' AND o.state = 'open'
    AND o.kind IN ('scheduled', 'welcome_back', 'presence', 'reminder', 'survey', 'apology', 'call_today')
    AND coalesce((
        SELECT c.state FROM consent c
        WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id AND c.purpose = b.purpose
        ORDER BY c.consent_id DESC LIMIT 1), 'proposed') = 'proposed';

ALTER TABLE registration_count
    DROP CONSTRAINT registration_count_outcome_check,
    ADD CONSTRAINT registration_count_outcome_check CHECK (outcome IN
        ('finished', 'unfinished', 'registered', 'refused', 'discarded', 'agreed', 'lapsed'));
CREATE INDEX registration_cli ON registration (cli, left_at, scheme_id);

-- Recordings of somebody who was erased, until their files are gone: what crashes in between is made up for.
CREATE TABLE recording_erasure (
    scheme_id bigint NOT NULL REFERENCES scheme,
    recording text NOT NULL CHECK (recording <> ''),
    since     timestamptz NOT NULL,
    PRIMARY KEY (scheme_id, recording)
);

-- The audit keeps that something was done, and not to whom, once she is erased. The service may rewrite nothing else of it.
-- +goose StatementBegin
CREATE FUNCTION forget_in_audit(scheme bigint, ref text) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH forgotten AS (
        UPDATE audit a
        SET what = array_to_string(array_replace(string_to_array(a.what, '/'), ref, 'erased'), '/')
        WHERE a.scheme_id = scheme AND ref = ANY (string_to_array(a.what, '/'))
        RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION forget_in_audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_in_audit TO rappel_app;

GRANT SELECT, INSERT ON consent_answer TO rappel_app;
GRANT SELECT, INSERT, DELETE ON recording_erasure TO rappel_app;
GRANT DELETE ON voice_message TO rappel_app;

-- +goose Down
REVOKE DELETE ON voice_message FROM rappel_app;
DROP FUNCTION forget_in_audit;
DROP TABLE recording_erasure;
DROP INDEX registration_cli, consent_proposed, occurrence_first_call;
DELETE FROM registration_count WHERE outcome IN ('agreed', 'lapsed');
ALTER TABLE registration_count
    DROP CONSTRAINT registration_count_outcome_check,
    ADD CONSTRAINT registration_count_outcome_check CHECK (outcome IN
        ('finished', 'unfinished', 'registered', 'refused', 'discarded'));
ALTER TABLE scheme DROP COLUMN proposal_days, DROP COLUMN asks_since;
DROP TABLE consent_answer;
DELETE FROM occurrence WHERE kind = 'first_call';
DELETE FROM attempt WHERE kind = 'first_call';
DELETE FROM trunk_cli WHERE kind = 'first_call';
DELETE FROM scheme_retry WHERE kind = 'first_call';
DELETE FROM scheme_tries WHERE kind = 'first_call';
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
