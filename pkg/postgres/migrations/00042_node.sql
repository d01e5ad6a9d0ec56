-- The nodes that there are, and trunks that are at the PBXs of some of them only.

-- +goose Up
CREATE TABLE node (
    node    text PRIMARY KEY CHECK (node <> ''),
    seen_at timestamptz NOT NULL -- By the database's clock: no two machines' are compared.
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON node TO rappel_app;
ALTER TABLE trunk ADD COLUMN nodes text[] NOT NULL DEFAULT '{}'; -- At whose PBXs it is; none stands for all.

-- +goose Down
ALTER TABLE trunk DROP COLUMN nodes;
DROP TABLE node;
