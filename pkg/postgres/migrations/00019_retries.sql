-- +goose Up
-- The retry ladder may differ per kind of call; the empty kind is the scheme's own.
ALTER TABLE scheme_retry
    ADD COLUMN kind text NOT NULL DEFAULT '',
    ADD CONSTRAINT scheme_retry_kind_check CHECK (kind IN
        ('', 'scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back',
         'apology', 'circle', 'test')),
    DROP CONSTRAINT scheme_retry_pkey,
    ADD PRIMARY KEY (scheme_id, kind, result);

-- How often a person is tried for one call of a kind, where that differs from scheme.max_attempts.
CREATE TABLE scheme_tries (
    scheme_id    bigint NOT NULL REFERENCES scheme,
    kind         text NOT NULL,
    max_attempts smallint NOT NULL CHECK (max_attempts > 0),
    PRIMARY KEY (scheme_id, kind),
    CONSTRAINT scheme_tries_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back',
         'apology', 'circle', 'test'))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON scheme_tries TO rappel_app;

-- How often one person is tried in vain on a day, over all her calls; 0 means no bound.
ALTER TABLE scheme ADD COLUMN tries_per_day smallint NOT NULL DEFAULT 6 CHECK (tries_per_day >= 0);

-- +goose Down
ALTER TABLE scheme DROP COLUMN tries_per_day;
DROP TABLE scheme_tries;
DELETE FROM scheme_retry WHERE kind <> '';
ALTER TABLE scheme_retry
    DROP CONSTRAINT scheme_retry_pkey,
    DROP COLUMN kind,
    ADD PRIMARY KEY (scheme_id, result);
