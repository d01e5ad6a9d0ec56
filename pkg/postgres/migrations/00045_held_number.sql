-- Numbers of people who are on the line at a node's PBX now: whoever leads at another node rings none of them meanwhile.

-- +goose Up
CREATE TABLE held_number (
    node text NOT NULL REFERENCES node ON DELETE CASCADE,
    e164 text NOT NULL,
    PRIMARY KEY (node, e164)
);
GRANT SELECT, INSERT, DELETE ON held_number TO rappel_app;

-- +goose Down
DROP TABLE held_number;
