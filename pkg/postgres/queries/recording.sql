-- Recordings that replace prompts.

-- name: PutRecording :exec
INSERT INTO prompt_recording (scheme_id, key, language, sound, sum, length_ms, replaced_at)
VALUES (sqlc.arg(scheme_id), sqlc.arg(key), sqlc.arg(language), sqlc.arg(sound), sqlc.arg(sum), sqlc.arg(length_ms), sqlc.arg(now))
ON CONFLICT (scheme_id, key, language) DO UPDATE
SET sound = excluded.sound, sum = excluded.sum, length_ms = excluded.length_ms, replaced_at = excluded.replaced_at;

-- name: DeleteRecording :execrows
DELETE FROM prompt_recording
WHERE scheme_id = sqlc.arg(scheme_id) AND key = sqlc.arg(key) AND language = sqlc.arg(language);

-- name: ListRecordings :many
SELECT scheme_id, key, language, sum, length_ms, replaced_at
FROM prompt_recording
ORDER BY scheme_id, key, language;

-- name: ReadRecording :one
SELECT sound
FROM prompt_recording
WHERE scheme_id = sqlc.arg(scheme_id) AND key = sqlc.arg(key) AND language = sqlc.arg(language);
