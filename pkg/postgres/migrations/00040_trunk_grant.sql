-- Several nodes on one trunk: each uses only the lines that the others do not.

-- +goose Up
CREATE TABLE trunk_grant (
    endpoint text NOT NULL, -- Of the trunk, which all schemes and nodes share.
    node     text NOT NULL,
    granted  integer NOT NULL CHECK (granted >= 0), -- Lines for calls out that no other node uses.
    inbound  integer NOT NULL CHECK (inbound >= 0), -- Lines in use by people who ring in there.
    hungry   boolean NOT NULL, -- It would use more.
    renewal  bigint NOT NULL, -- A node whose renewal stays the same has gone, by the clock of whoever looks.
    PRIMARY KEY (endpoint, node)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON trunk_grant TO rappel_app;

-- +goose Down
DROP TABLE trunk_grant;
