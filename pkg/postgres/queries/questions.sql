-- Questions and answers of the line.

-- name: ReadQuestionTree :one
-- What a scheme answers: its own tree, or null while it has what ships.
SELECT s.country, s.language, t.tree
FROM scheme s
LEFT JOIN question_tree t ON t.scheme_id = s.scheme_id
WHERE s.scheme_id = sqlc.arg(scheme_id);

-- name: WriteQuestionTree :exec
INSERT INTO question_tree (scheme_id, tree, edited_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(tree), sqlc.arg(edited_at))
ON CONFLICT (scheme_id) DO UPDATE SET tree = excluded.tree, edited_at = excluded.edited_at;

-- name: DeleteQuestionTree :exec
DELETE FROM question_tree WHERE scheme_id = sqlc.arg(scheme_id);

-- name: ReadQuestionEdits :many
-- Which schemes there are, and when what they answer was changed last.
SELECT s.scheme_id, t.edited_at
FROM scheme s
LEFT JOIN question_tree t ON t.scheme_id = s.scheme_id
ORDER BY s.scheme_id;

-- name: CountQuestion :exec
INSERT INTO question_asked (scheme_id, day, question, asked)
VALUES (sqlc.arg(scheme_id), sqlc.arg(day), sqlc.arg(question), 1)
ON CONFLICT (scheme_id, day, question) DO UPDATE SET asked = question_asked.asked + 1;

-- name: ReadQuestionsAsked :many
-- How often each question was asked on local dates from one to another, both included.
SELECT question, sum(asked)::bigint AS asked
FROM question_asked
WHERE scheme_id = sqlc.arg(scheme_id) AND day BETWEEN sqlc.arg(first_day) AND sqlc.arg(last_day)
GROUP BY question
ORDER BY asked DESC, question;

-- name: ReadQuestionDays :many
-- How often each question was asked on each local date.
SELECT day, question, asked
FROM question_asked
WHERE scheme_id = sqlc.arg(scheme_id) AND day BETWEEN sqlc.arg(first_day) AND sqlc.arg(last_day)
ORDER BY day, question;
