-- Every index of occurrence is written with every next call. The day's calls are found by when they open, and offers have
-- room to change in their page: half of them moved to another one, with an index entry more.

-- +goose Up
DROP INDEX occurrence_day;
ALTER TABLE offer SET (fillfactor = 45);
ALTER TABLE attempt SET (fillfactor = 40);

-- +goose Down
ALTER TABLE attempt SET (fillfactor = 50);
ALTER TABLE offer SET (fillfactor = 70);
CREATE INDEX occurrence_day ON occurrence (local_date, scheme_id);
