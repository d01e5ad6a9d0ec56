-- +goose Up
-- A reminder of a call that is no longer to come ends without ringing.
ALTER TABLE attempt
    DROP CONSTRAINT attempt_reason_check,
    ADD CONSTRAINT attempt_reason_check CHECK (reason IN
        ('', 'broken_by_us', 'caller_gone', 'no_caller', 'dial_by', 'pbx_lost', 'restart', 'not_permitted',
         'number_in_use', 'drained', 'invalid_number', 'answered_unheld', 'no_key', 'nothing_to_say'));

-- +goose Down
UPDATE attempt SET reason = '' WHERE reason = 'nothing_to_say';
ALTER TABLE attempt
    DROP CONSTRAINT attempt_reason_check,
    ADD CONSTRAINT attempt_reason_check CHECK (reason IN
        ('', 'broken_by_us', 'caller_gone', 'no_caller', 'dial_by', 'pbx_lost', 'restart', 'not_permitted',
         'number_in_use', 'drained', 'invalid_number', 'answered_unheld', 'no_key'));
