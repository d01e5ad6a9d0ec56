-- +goose Up
-- A token reads the figures, or works with the records as a coordinator does.
ALTER TABLE api_token
    ADD COLUMN scope text NOT NULL DEFAULT 'read',
    ADD CONSTRAINT api_token_scope_check CHECK (scope IN ('read', 'write'));

-- What was done over the API, and by whom: kept before it is done, and never changed but for what came of it.
CREATE TABLE audit (
    scheme_id bigint NOT NULL REFERENCES scheme,
    audit_id  bigint GENERATED ALWAYS AS IDENTITY,
    -- The uid of the token, or of the account whose session it was.
    who       uuid NOT NULL,
    at        timestamptz NOT NULL,
    what      text NOT NULL CHECK (what <> '' AND octet_length(what) <= 500),
    -- Of the HTTP answer; 0 means that none was noted.
    status    smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (scheme_id, audit_id)
);
CREATE INDEX audit_at ON audit (scheme_id, at);

GRANT SELECT, INSERT, UPDATE (status) ON audit TO rappel_app;

-- +goose Down
DROP TABLE audit;
ALTER TABLE api_token DROP COLUMN scope;
