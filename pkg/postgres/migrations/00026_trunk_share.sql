-- Several schemes on one trunk: it has its lines and its rate once, whoever calls through it.

-- +goose Up
CREATE TABLE trunk_share (
    -- The scheme that may use it beside the one whose trunk it is.
    scheme_id bigint NOT NULL REFERENCES scheme,
    endpoint  text NOT NULL REFERENCES trunk (endpoint) ON DELETE CASCADE,
    -- The number presented, which the operator of the trunk permits.
    e164      text NOT NULL CHECK (e164 ~ '^\+[1-9][0-9]{5,14}$'),
    PRIMARY KEY (scheme_id, endpoint)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON trunk_share TO rappel_app;

-- +goose Down
DROP TABLE trunk_share;
