-- Who led a scheme in which epoch: an attempt runs on the PBX of the node that led when it was claimed, and whoever leads
-- next asks that node how it goes on.

-- +goose Up
CREATE TABLE scheme_leader (
    scheme_id bigint NOT NULL REFERENCES scheme,
    epoch     bigint NOT NULL CHECK (epoch > 0),
    holder    text NOT NULL,
    taken_at  timestamptz NOT NULL,
    PRIMARY KEY (scheme_id, epoch)
);
INSERT INTO scheme_leader (scheme_id, epoch, holder, taken_at)
SELECT scheme_id, epoch, holder, taken_at FROM scheme_lead WHERE epoch > 0 AND taken_at IS NOT NULL;
GRANT SELECT, INSERT ON scheme_leader TO rappel_app;

-- +goose Down
DROP TABLE scheme_leader;
