-- +goose Up
-- What lets a program read a scheme's figures over the API. Of the token only the SHA-256 is kept.
CREATE TABLE api_token (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    scheme_id  bigint NOT NULL REFERENCES scheme,
    uid        uuid NOT NULL,
    name       text NOT NULL CHECK (name <> ''),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX api_token_name ON api_token (name, scheme_id) WHERE revoked_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON api_token TO rappel_app;

-- +goose Down
DROP TABLE api_token;
