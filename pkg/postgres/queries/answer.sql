-- name: CountAnswers :exec
-- Adds what was answered in surveys to the counts.
INSERT INTO survey_answer AS s (scheme_id, survey, month, question, answer, given)
SELECT sqlc.arg(scheme_id)::bigint, unnest(sqlc.arg(surveys)::text[]), unnest(sqlc.arg(months)::date[]),
    unnest(sqlc.arg(questions)::text[]), unnest(sqlc.arg(answers)::text[]), unnest(sqlc.arg(given)::bigint[])
ON CONFLICT (scheme_id, survey, month, question, answer) DO UPDATE SET given = s.given + excluded.given;

-- name: ReadAnswers :many
SELECT survey, month, question, answer, given
FROM survey_answer
WHERE scheme_id = sqlc.arg(scheme_id)
ORDER BY survey, month, question, answer;
