-- +goose Up
-- A voice of the scheme's own in the place of one prompt in one language. The sound is what the telephone plays (WAV, 8 kHz,
-- mono, 16 bit, twelve seconds at most), so that every node and every restart has it; sum names its content.
CREATE TABLE prompt_recording (
    scheme_id   bigint NOT NULL REFERENCES scheme,
    key         text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 100),
    language    text NOT NULL,
    sound       bytea NOT NULL CHECK (octet_length(sound) BETWEEN 46 AND 400000),
    sum         text NOT NULL,
    length_ms   bigint NOT NULL CHECK (length_ms > 0),
    replaced_at timestamptz NOT NULL,
    PRIMARY KEY (scheme_id, key, language),
    CONSTRAINT prompt_language_check CHECK (language IN ('fr', 'nl', 'de', 'en'))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON prompt_recording TO rappel_app;

-- +goose Down
DROP TABLE prompt_recording;
