-- People: staff, beneficiaries with their numbers, registers, consent and agreement.

-- +goose Up

-- Counts the changes of SIP accounts and trunks in the whole installation, so that whoever writes the PBX's accounts sees
-- a change by reading one row.
CREATE TABLE account_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 10);
INSERT INTO account_version DEFAULT VALUES;

-- A ref names one person of the scheme, whether staff or beneficiary.
CREATE TABLE person_ref (
    scheme_id bigint NOT NULL REFERENCES scheme,
    ref       text COLLATE "C" NOT NULL CHECK (ref <> ''),
    staff     boolean NOT NULL,
    PRIMARY KEY (scheme_id, ref),
    UNIQUE (scheme_id, ref, staff)
);

-- Everybody who works for a scheme and answers a telephone.
CREATE TABLE caller (
    scheme_id   bigint NOT NULL REFERENCES scheme,
    caller_id   bigint GENERATED ALWAYS AS IDENTITY,
    uid         uuid NOT NULL,
    ref         text COLLATE "C" NOT NULL,
    staff       boolean NOT NULL DEFAULT true CHECK (staff),
    given_name  text NOT NULL DEFAULT '',
    family_name text NOT NULL DEFAULT '',
    name_key    text NOT NULL DEFAULT '',
    roles       text[] NOT NULL,
    languages   text[] NOT NULL,
    skills      text[] NOT NULL DEFAULT '{}',
    enabled     boolean NOT NULL DEFAULT true,
    phone       text NOT NULL DEFAULT 'softphone',
    -- SIP account on the PBX, shared by all schemes; never a number, so that it cannot be dialled or guessed.
    endpoint    text NOT NULL UNIQUE CHECK (endpoint ~ '^c-[a-z2-7]{8,}$'),
    secret      text NOT NULL CHECK (length(secret) >= 20),
    number      text,
    extension   text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (scheme_id, caller_id),
    UNIQUE (uid, scheme_id),
    UNIQUE (ref, scheme_id),
    FOREIGN KEY (scheme_id, ref, staff) REFERENCES person_ref (scheme_id, ref, staff),
    CONSTRAINT caller_phone_check CHECK (phone IN ('softphone', 'sip', 'ordinary')),
    CONSTRAINT caller_roles_check CHECK (cardinality(roles) > 0 AND roles <@ ARRAY['caller', 'registrar', 'coordinator']),
    CONSTRAINT caller_languages_check CHECK (cardinality(languages) > 0 AND languages <@ ARRAY['fr', 'nl', 'de', 'en']),
    CONSTRAINT caller_number_check CHECK (number ~ '^\+[1-9][0-9]{5,14}$'),
    CONSTRAINT caller_ordinary_check CHECK (phone <> 'ordinary' OR number IS NOT NULL)
);
CREATE INDEX caller_name ON caller (name_key, scheme_id);
CREATE INDEX caller_by_number ON caller (number, scheme_id);

-- Two callers who work together.
CREATE TABLE pair (
    scheme_id bigint NOT NULL,
    pair_id   bigint GENERATED ALWAYS AS IDENTITY,
    one_id    bigint NOT NULL,
    other_id  bigint NOT NULL,
    PRIMARY KEY (scheme_id, pair_id),
    UNIQUE (scheme_id, one_id, other_id),
    FOREIGN KEY (scheme_id, one_id) REFERENCES caller ON DELETE CASCADE,
    FOREIGN KEY (scheme_id, other_id) REFERENCES caller ON DELETE CASCADE,
    CHECK (one_id < other_id)
);

CREATE TABLE beneficiary (
    scheme_id      bigint NOT NULL REFERENCES scheme,
    beneficiary_id bigint GENERATED ALWAYS AS IDENTITY,
    uid            uuid NOT NULL,
    ref            text COLLATE "C" NOT NULL,
    staff          boolean NOT NULL DEFAULT false CHECK (NOT staff),
    given_name     text NOT NULL DEFAULT '',
    family_name    text NOT NULL DEFAULT '',
    name_key       text NOT NULL DEFAULT '',
    language       text NOT NULL DEFAULT 'fr',
    class          smallint NOT NULL DEFAULT 0,
    source         text NOT NULL DEFAULT 'service',
    -- The purpose under which the town's list knows the person; registers are apart.
    purpose        text NOT NULL DEFAULT 'calling_scheme',
    -- The caller who knows the person, and who stands in for her.
    reference_id   bigint,
    deputy_id      bigint,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (scheme_id, beneficiary_id),
    FOREIGN KEY (scheme_id, reference_id) REFERENCES caller,
    FOREIGN KEY (scheme_id, deputy_id) REFERENCES caller,
    UNIQUE (uid, scheme_id),
    UNIQUE (ref, scheme_id),
    FOREIGN KEY (scheme_id, ref, staff) REFERENCES person_ref (scheme_id, ref, staff),
    CONSTRAINT beneficiary_language_check CHECK (language IN ('fr', 'nl', 'de', 'en')),
    CONSTRAINT beneficiary_class_check CHECK (class BETWEEN 0 AND 3),
    CONSTRAINT beneficiary_purpose_check CHECK (purpose IN ('calling_scheme', 'heat_register', 'outreach')),
    CONSTRAINT beneficiary_source_check CHECK (source IN
        ('self', 'family', 'neighbour', 'pharmacist', 'nurse', 'shop', 'service'))
);
CREATE INDEX beneficiary_name ON beneficiary (name_key, scheme_id);

-- The numbers of a person in the order in which they are tried. Several people may share one.
CREATE TABLE contact_number (
    scheme_id      bigint NOT NULL,
    beneficiary_id bigint NOT NULL,
    position       smallint NOT NULL CHECK (position > 0),
    e164           text NOT NULL,
    extension      text NOT NULL DEFAULT '' CHECK (extension ~ '^[0-9]{0,11}$'),
    PRIMARY KEY (scheme_id, beneficiary_id, position),
    FOREIGN KEY (scheme_id, beneficiary_id) REFERENCES beneficiary ON DELETE CASCADE,
    CONSTRAINT contact_number_e164_check CHECK (e164 ~ '^\+[1-9][0-9]{5,14}$')
);
CREATE INDEX contact_number_e164 ON contact_number (e164, scheme_id);

-- A register is a list of people with one purpose. Using it for another needs fresh consent.
CREATE TABLE register (
    scheme_id   bigint NOT NULL REFERENCES scheme,
    register_id bigint GENERATED ALWAYS AS IDENTITY,
    name        text NOT NULL,
    purpose     text NOT NULL,
    PRIMARY KEY (scheme_id, register_id),
    UNIQUE (scheme_id, name),
    CONSTRAINT register_purpose_check CHECK (purpose IN ('calling_scheme', 'heat_register', 'outreach'))
);

CREATE TABLE register_entry (
    scheme_id      bigint NOT NULL,
    register_id    bigint NOT NULL,
    beneficiary_id bigint NOT NULL,
    entered_at     timestamptz NOT NULL,
    left_at        timestamptz,
    PRIMARY KEY (scheme_id, register_id, beneficiary_id),
    FOREIGN KEY (scheme_id, register_id) REFERENCES register,
    FOREIGN KEY (scheme_id, beneficiary_id) REFERENCES beneficiary ON DELETE CASCADE
);

-- Append-only: the latest row (highest consent_id) of a person and purpose says where the person stands.
CREATE TABLE consent (
    scheme_id      bigint NOT NULL,
    consent_id     bigint GENERATED ALWAYS AS IDENTITY,
    beneficiary_id bigint NOT NULL,
    purpose        text NOT NULL,
    state          text NOT NULL,
    given_on       date,
    how            text NOT NULL DEFAULT '' CHECK (octet_length(how) <= 200),
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (scheme_id, consent_id),
    FOREIGN KEY (scheme_id, beneficiary_id) REFERENCES beneficiary,
    CONSTRAINT consent_purpose_check CHECK (purpose IN ('calling_scheme', 'heat_register', 'outreach')),
    CONSTRAINT consent_state_check CHECK (state IN ('proposed', 'given', 'refused', 'withdrawn'))
);
CREATE INDEX consent_person ON consent (beneficiary_id, purpose, consent_id DESC, scheme_id);

-- What was agreed about the calls. A change ends the row and makes another, so that an occurrence always shows the terms
-- it was booked under.
CREATE TABLE agreement (
    scheme_id      bigint NOT NULL,
    agreement_id   bigint GENERATED ALWAYS AS IDENTITY,
    uid            uuid NOT NULL,
    beneficiary_id bigint NOT NULL,
    kind           text NOT NULL DEFAULT 'scheduled',
    cadence        text NOT NULL,
    per_week       smallint NOT NULL DEFAULT 0 CHECK (per_week BETWEEN 0 AND 7),
    -- Sunday is 0, as in Go.
    days           smallint[] NOT NULL DEFAULT '{}' CHECK (days <@ ARRAY[0, 1, 2, 3, 4, 5, 6]::smallint[]),
    begins         smallint[] NOT NULL DEFAULT '{}',
    ends           smallint[] NOT NULL DEFAULT '{}',
    length_ms      bigint NOT NULL CHECK (length_ms > 0),
    valid_from     date,
    valid_until    date,
    continuity     text NOT NULL,
    caller_ring_ms bigint NOT NULL CHECK (caller_ring_ms > 0),
    ring_ms        bigint NOT NULL CHECK (ring_ms > 0),
    created_at     timestamptz NOT NULL,
    ended_at       timestamptz,
    PRIMARY KEY (scheme_id, agreement_id),
    UNIQUE (scheme_id, uid),
    FOREIGN KEY (scheme_id, beneficiary_id) REFERENCES beneficiary,
    CONSTRAINT agreement_kind_check CHECK (kind IN
        ('scheduled', 'callback', 'call_today', 'presence', 'reminder', 'survey', 'outreach', 'welcome_back', 'apology',
         'circle', 'test')),
    CONSTRAINT agreement_cadence_check CHECK (cadence IN ('daily', 'weekly', 'fortnightly', 'monthly', 'once')),
    CONSTRAINT agreement_continuity_check CHECK (continuity IN ('strict', 'preferred', 'rotate')),
    CONSTRAINT agreement_windows_check CHECK (cardinality(begins) = cardinality(ends)),
    CONSTRAINT agreement_validity_check CHECK (valid_until >= valid_from)
);
CREATE UNIQUE INDEX agreement_current ON agreement (beneficiary_id, kind, scheme_id) WHERE ended_at IS NULL;

-- Days on which nobody is called: of one person, or of the whole scheme when beneficiary_id is null.
CREATE TABLE no_call_period (
    scheme_id      bigint NOT NULL REFERENCES scheme,
    period_id      bigint GENERATED ALWAYS AS IDENTITY,
    beneficiary_id bigint,
    first_day      date NOT NULL,
    last_day       date NOT NULL,
    PRIMARY KEY (scheme_id, period_id),
    FOREIGN KEY (scheme_id, beneficiary_id) REFERENCES beneficiary ON DELETE CASCADE,
    CHECK (last_day >= first_day)
);

-- An absence that was announced: calls, messages and the welfare ladder rest meanwhile.
CREATE TABLE absence (
    scheme_id      bigint NOT NULL,
    absence_id     bigint GENERATED ALWAYS AS IDENTITY,
    uid            uuid NOT NULL,
    beneficiary_id bigint NOT NULL,
    first_day      date NOT NULL,
    last_day       date NOT NULL,
    announced_at   timestamptz NOT NULL,
    channel        text NOT NULL,
    revoked_at     timestamptz,
    PRIMARY KEY (scheme_id, absence_id),
    UNIQUE (scheme_id, uid),
    FOREIGN KEY (scheme_id, beneficiary_id) REFERENCES beneficiary ON DELETE CASCADE,
    CONSTRAINT absence_channel_check CHECK (channel IN ('line', 'caller', 'registrar', 'message', 'page')),
    CHECK (last_day >= first_day)
);

-- +goose StatementBegin
CREATE FUNCTION bump_account_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account_version SET version = version + 1;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER caller_account AFTER INSERT OR UPDATE OR DELETE ON caller
    FOR EACH STATEMENT EXECUTE FUNCTION bump_account_version();
CREATE TRIGGER trunk_account AFTER INSERT OR UPDATE OR DELETE ON trunk
    FOR EACH STATEMENT EXECUTE FUNCTION bump_account_version();

-- +goose Down
DROP TABLE absence, no_call_period, agreement, consent, register_entry, register, contact_number, beneficiary, pair, caller,
    person_ref, account_version;
DROP TRIGGER trunk_account ON trunk;
DROP FUNCTION bump_account_version;
