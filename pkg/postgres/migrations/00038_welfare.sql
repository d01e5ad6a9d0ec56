-- +goose Up
-- The welfare ladder behind the tries: people who were not reached, or not called in time, as they were promised. A row waits for
-- the registrars until somebody has looked after her, she was reached, or she said that she is away. One at a time for a person.
CREATE TABLE welfare (
    scheme_id      bigint NOT NULL,
    -- That of the first promise which ended so: the id seen outside.
    welfare_id     uuid NOT NULL,
    beneficiary_id bigint NOT NULL,
    -- How it ended.
    ended          text NOT NULL,
    began_at       timestamptz NOT NULL,
    closed_at      timestamptz,
    PRIMARY KEY (scheme_id, welfare_id),
    FOREIGN KEY (scheme_id, beneficiary_id) REFERENCES beneficiary ON DELETE CASCADE,
    CONSTRAINT welfare_ended_check CHECK (ended IN ('unreached', 'missed'))
);
CREATE UNIQUE INDEX welfare_open ON welfare (beneficiary_id, scheme_id) WHERE closed_at IS NULL;

-- When each is over: closed by hand, or because she was reached or has announced an absence since. So whatever reaches her ends it,
-- and no call has to know of it.
CREATE VIEW welfare_case AS
SELECT w.scheme_id, w.welfare_id, w.beneficiary_id, w.ended, w.began_at, least(w.closed_at, h.heard_at, a.announced_at) AS over_at
FROM welfare w
LEFT JOIN LATERAL (
    SELECT min(o.ended_at) AS heard_at FROM occurrence o
    WHERE w.closed_at IS NULL AND o.scheme_id = w.scheme_id AND o.beneficiary_id = w.beneficiary_id AND o.state = 'reached'
        AND o.ended_at > w.began_at AND o.local_date >= w.began_at::date - 1
) h ON true
LEFT JOIN LATERAL (
    SELECT min(x.announced_at) AS announced_at FROM absence x
    WHERE w.closed_at IS NULL AND x.scheme_id = w.scheme_id AND x.beneficiary_id = w.beneficiary_id AND x.revoked_at IS NULL
        AND x.announced_at > w.began_at
) a ON true;

-- Whom somebody who is called has named to be asked after her: a daughter, a neighbour who has the key, a doctor.
CREATE TABLE contact_person (
    scheme_id      bigint NOT NULL,
    beneficiary_id bigint NOT NULL,
    position       smallint NOT NULL CHECK (position > 0),
    name           text NOT NULL CHECK (name <> ''),
    relation       text NOT NULL,
    e164           text NOT NULL,
    PRIMARY KEY (scheme_id, beneficiary_id, position),
    FOREIGN KEY (scheme_id, beneficiary_id) REFERENCES beneficiary ON DELETE CASCADE,
    CONSTRAINT contact_person_relation_check CHECK (relation IN ('family', 'neighbour', 'friend', 'doctor', 'nurse', 'other')),
    CONSTRAINT contact_person_e164_check CHECK (e164 ~ '^\+[1-9][0-9]{5,14}$')
);

-- How long nobody may look after such a person, or whoever does may take, before the wall says so.
ALTER TABLE scheme ADD COLUMN welfare_ms bigint NOT NULL DEFAULT 3600000 CHECK (welfare_ms > 0);

GRANT SELECT, INSERT, UPDATE ON welfare TO rappel_app;
GRANT SELECT ON welfare_case TO rappel_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON contact_person TO rappel_app;

-- +goose Down
ALTER TABLE scheme DROP COLUMN welfare_ms;
DROP TABLE contact_person;
DROP VIEW welfare_case;
DROP TABLE welfare;
