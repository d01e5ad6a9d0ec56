-- +goose Up
-- Calls that need no caller. Their attempts have no offer: offer is 0 and caller_id null.
ALTER TABLE attempt
    ALTER COLUMN caller_id DROP NOT NULL,
    DROP CONSTRAINT attempt_offer_check,
    ADD CONSTRAINT attempt_offer_check CHECK (offer >= 0),
    ADD CONSTRAINT attempt_caller_check CHECK ((caller_id IS NULL) = (offer = 0)),
    DROP CONSTRAINT attempt_reason_check,
    ADD CONSTRAINT attempt_reason_check CHECK (reason IN
        ('', 'broken_by_us', 'caller_gone', 'no_caller', 'dial_by', 'pbx_lost', 'restart', 'not_permitted',
         'number_in_use', 'drained', 'invalid_number', 'answered_unheld', 'no_key')),
    -- The last answer that she gave by keypad, a word of the flow; empty when there is none, and for a survey. How many she gave.
    ADD COLUMN answer  text NOT NULL DEFAULT '',
    ADD COLUMN answers smallint NOT NULL DEFAULT 0 CHECK (answers >= 0);

-- What was answered in surveys: only how often. Nothing here leads back to a call or a person.
CREATE TABLE survey_answer (
    scheme_id bigint NOT NULL REFERENCES scheme,
    survey    text NOT NULL,
    -- The first day of the month.
    month     date NOT NULL,
    question  text NOT NULL,
    answer    text NOT NULL,
    given     bigint NOT NULL CHECK (given > 0),
    PRIMARY KEY (scheme_id, survey, month, question, answer)
);

GRANT SELECT, INSERT, UPDATE ON survey_answer TO rappel_app;

-- +goose Down
DROP TABLE survey_answer;
DELETE FROM attempt WHERE offer = 0;
ALTER TABLE attempt
    DROP CONSTRAINT attempt_caller_check,
    DROP CONSTRAINT attempt_offer_check,
    ADD CONSTRAINT attempt_offer_check CHECK (offer > 0),
    ALTER COLUMN caller_id SET NOT NULL,
    DROP CONSTRAINT attempt_reason_check,
    ADD CONSTRAINT attempt_reason_check CHECK (reason IN
        ('', 'broken_by_us', 'caller_gone', 'no_caller', 'dial_by', 'pbx_lost', 'restart', 'not_permitted',
         'number_in_use', 'drained', 'invalid_number', 'answered_unheld')),
    DROP COLUMN answer,
    DROP COLUMN answers;
