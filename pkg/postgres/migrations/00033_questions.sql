-- +goose Up
-- What a scheme answers on its line, once it has changed anything of what ships; package faq says what a tree is. It is one
-- document: it is edited, checked and taken over as a whole.
CREATE TABLE question_tree (
    scheme_id bigint PRIMARY KEY REFERENCES scheme,
    tree      jsonb NOT NULL,
    edited_at timestamptz NOT NULL
);

-- How often a question was asked on a local date, and nothing of by whom.
CREATE TABLE question_asked (
    scheme_id bigint NOT NULL REFERENCES scheme,
    day       date NOT NULL,
    question  text NOT NULL,
    asked     bigint NOT NULL CHECK (asked > 0),
    PRIMARY KEY (scheme_id, day, question)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON question_tree TO rappel_app;
GRANT SELECT, INSERT, UPDATE ON question_asked TO rappel_app;

-- +goose Down
DROP TABLE question_tree, question_asked;
