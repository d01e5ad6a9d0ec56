-- One scheme may use several PBXs: a call lives at the PBX of the node to which it was handed, which need not be the one that led.

-- +goose Up
ALTER TABLE attempt ADD COLUMN node text; -- Null: the node that led when it was claimed.

-- +goose Down
ALTER TABLE attempt DROP COLUMN node;
