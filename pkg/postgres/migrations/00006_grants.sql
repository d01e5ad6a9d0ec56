-- The service works as rappel_app, which defines nothing and cannot rewrite history. Migrations run as the owner. A login of
-- one's own is made a member: GRANT rappel_app TO somebody.

-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rappel_app') THEN
        CREATE ROLE rappel_app NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    -- Roles belong to the whole cluster: another database of it was migrated at the same moment.
    NULL;
END
$$;
-- +goose StatementEnd
GRANT USAGE ON SCHEMA public TO rappel_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO rappel_app;
REVOKE ALL ON goose_db_version FROM rappel_app;
GRANT SELECT ON goose_db_version TO rappel_app;
REVOKE UPDATE, DELETE ON event, event_default, consent, caller_log FROM rappel_app;
REVOKE DELETE ON attempt, offer, occurrence, voice_message FROM rappel_app;
GRANT EXECUTE ON FUNCTION make_event_partitions, refresh_statistics TO rappel_app;

-- +goose Down
REVOKE ALL ON FUNCTION make_event_partitions, refresh_statistics FROM rappel_app;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM rappel_app;
REVOKE USAGE ON SCHEMA public FROM rappel_app;
