-- Who may sign in to the pages. Of links and sessions only the SHA-256 of the token is kept.

-- +goose Up
CREATE TABLE account (
    scheme_id  bigint NOT NULL REFERENCES scheme,
    account_id bigint GENERATED ALWAYS AS IDENTITY,
    uid        uuid NOT NULL,
    name       text NOT NULL CHECK (name <> ''),
    role       text NOT NULL,
    language   text NOT NULL DEFAULT '',
    disabled   boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (scheme_id, account_id),
    UNIQUE (account_id),
    UNIQUE (scheme_id, uid),
    UNIQUE (scheme_id, name),
    CONSTRAINT account_role_check CHECK (role IN ('caller', 'registrar', 'coordinator')),
    CONSTRAINT account_language_check CHECK (language IN ('', 'fr', 'nl', 'de', 'en'))
);

CREATE TABLE sign_in_link (
    link_hash  bytea PRIMARY KEY CHECK (length(link_hash) = 32),
    scheme_id  bigint NOT NULL,
    account_id bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    FOREIGN KEY (scheme_id, account_id) REFERENCES account ON DELETE CASCADE
);

CREATE TABLE session (
    session_hash bytea PRIMARY KEY CHECK (length(session_hash) = 32),
    scheme_id    bigint NOT NULL,
    account_id   bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    FOREIGN KEY (scheme_id, account_id) REFERENCES account ON DELETE CASCADE
);

-- +goose Down
DROP TABLE session, sign_in_link, account;
