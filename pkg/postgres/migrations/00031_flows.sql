-- Dialogues of a scheme in the place of those that ship: what was written, and what was made current when, by whom. Both only
-- grow.

-- +goose Up
CREATE TABLE flow_version (
    scheme_id  bigint NOT NULL REFERENCES scheme,
    name       text NOT NULL CHECK (name <> ''),
    -- Counts what was written of the flow.
    version    integer NOT NULL CHECK (version > 0),
    -- YAML, as it was written.
    text       text NOT NULL,
    written_at timestamptz NOT NULL,
    written_by text NOT NULL,
    PRIMARY KEY (scheme_id, name, version)
);
CREATE TABLE flow_publication (
    scheme_id    bigint NOT NULL REFERENCES scheme,
    -- Counts the publications of the scheme; the newest of a flow is what the scheme speaks.
    number       integer NOT NULL CHECK (number > 0),
    name         text NOT NULL CHECK (name <> ''),
    -- Null is the flow that ships.
    version      integer,
    published_at timestamptz NOT NULL,
    published_by text NOT NULL,
    PRIMARY KEY (scheme_id, number),
    FOREIGN KEY (scheme_id, name, version) REFERENCES flow_version
);
GRANT SELECT, INSERT ON flow_version, flow_publication TO rappel_app;

-- +goose Down
DROP TABLE flow_publication;
DROP TABLE flow_version;
