package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func TestMigrationsRunTwiceAndBack(t *testing.T) {
	t.Parallel()
	url := postgrestest.Empty(t)
	store := postgrestest.Open(t, url, func(o *postgres.Options) { o.Role = "none" })
	_, _, err := store.SchemaVersion(t.Context())
	require.ErrorIs(t, err, postgres.ErrOldSchema)

	require.NoError(t, postgres.Migrate(t.Context(), url, zap.NewNop()))
	require.NoError(t, postgres.Migrate(t.Context(), url, zap.NewNop()))
	have, want, err := store.SchemaVersion(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, have)

	for range want {
		require.NoError(t, postgres.Rollback(t.Context(), url))
	}
	var tables int
	pool := postgrestest.Pool(t, url)
	const left = `SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version'`
	require.NoError(t, pool.QueryRow(t.Context(), left).Scan(&tables))
	require.Zero(t, tables)
	require.NoError(t, postgres.Migrate(t.Context(), url, zap.NewNop()))
}

// TestChecksMatchTheGoTables compares the words that each CHECK allows with those of the vocabulary.
func TestChecksMatchTheGoTables(t *testing.T) {
	t.Parallel()
	kinds := words(call.Kinds())
	languages := words(roster.Languages())
	want := map[string][]string{
		"appointment_change_channel_check": {"line", "caller", "registrar", "message", "page"},
		"appointment_change_kind_check":    {"confirm", string(callflow.ChangeMove), string(callflow.ChangeSkip), string(callflow.ChangeAway)},
		"appointment_change_state_check":   {"pending", "done", "refused", "lapsed"},

		"agreement_cadence_check":          words(roster.Cadences()),
		"agreement_continuity_check":       words(roster.Continuities()),
		"agreement_kind_check":             kinds,
		"attempt_disposition_check":        words(call.Dispositions()),
		"attempt_fault_check":              words(call.Faults()),
		"attempt_kind_check":               kinds,
		"attempt_reason_check":             words(call.Reasons()),
		"attempt_result_check":             words(call.Results()),
		"attempt_state_check":              words(call.States()),
		"beneficiary_language_check":       languages,
		"beneficiary_purpose_check":        words(roster.Purposes()),
		"beneficiary_source_check":         words(roster.Sources()),
		"caller_languages_check":           languages,
		"caller_phone_check":               {postgres.PhoneSoftphone, postgres.PhoneSIP, postgres.PhoneOrdinary},
		"caller_roles_check":               words(roster.Roles()),
		"caller_status_state_check":        words(call.CallerStates()),
		"consent_purpose_check":            words(roster.Purposes()),
		"consent_state_check":              words(roster.ConsentStates()),
		"did_languages_check":              languages,
		"api_token_scope_check":            words(auth.Scopes()),
		"account_language_check":           append([]string{""}, languages...),
		"account_role_check":               words(roster.Roles()),
		"inbound_party_language_check":     languages,
		"inbound_party_reason_check":       append([]string{""}, words(dispatch.InboundReasons())...),
		"scheme_overflow_check":            {"", string(roster.RoleCaller), string(roster.RoleCoordinator)},
		"line_callback_language_check":     languages,
		"occurrence_ended_check":           openStates(),
		"occurrence_kind_check":            kinds,
		"occurrence_state_check":           words(call.OccurrenceStates()),
		"offer_state_check":                words(call.OfferStates()),
		"registration_cadence_check":       append([]string{""}, words(roster.Cadences())...),
		"registration_consent_check":       {"", string(roster.ConsentProposed), string(roster.ConsentGiven)},
		"registration_count_outcome_check": {"finished", "unfinished", string(inbox.Registered), string(inbox.Refused), string(inbox.Discarded), string(roster.AnswerAgreed), string(roster.AnswerLapsed)},
		"consent_answer_check":             words(roster.ConsentAnswers()),
		"registration_count_source_check":  append([]string{""}, words(roster.Sources())...),
		"registration_language_check":      languages,
		"registration_part_check":          append([]string{""}, words(roster.DayParts())...),
		"registration_source_check":        append([]string{""}, words(roster.Sources())...),
		"refusal_how_check":                words(postgres.RefusalHows()),
		"register_purpose_check":           words(roster.Purposes()),
		"scheme_language_check":            languages,
		"scheme_retry_result_check":        words(call.Results()),
		"scheme_retry_kind_check":          append([]string{""}, kinds...),
		"scheme_tries_kind_check":          kinds,
		"surge_kind_check":                 {string(call.KindScheduled), string(call.KindPresence), string(call.KindReminder), string(call.KindSurvey)},
		"trunk_cli_kind_check":             append([]string{""}, kinds...),
		"trunk_kind_check":                 {postgres.TrunkRegistration, postgres.TrunkAddress, postgres.TrunkSimulated},
		"prompt_language_check":            languages,
		"voice_message_language_check":     languages,
		"trunk_dtmf_check":                 {"rfc4733", "inband", "info", "auto"},
		"trunk_transport_check":            {"udp", "tcp", "tls"},
		"welfare_ended_check":              {string(call.OccurrenceUnreached), string(call.OccurrenceMissed)},
		"contact_person_relation_check":    words(roster.Relations()),
		"absence_channel_check":            {"line", "caller", "registrar", "message", "page"},
	}
	rows, err := postgrestest.New(t).Query(t.Context(), `
		SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
		WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND pg_get_constraintdef(oid) LIKE '%ARRAY[''%'
		  AND conrelid IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition)`)
	require.NoError(t, err)
	quoted := regexp.MustCompile(`'([^']*)'`)
	var name, definition string
	got := map[string][]string{}
	_, err = pgx.ForEachRow(rows, []any{&name, &definition}, func() error {
		for _, m := range quoted.FindAllStringSubmatch(definition, -1) {
			got[name] = append(got[name], m[1])
		}
		return nil
	})
	require.NoError(t, err)
	for _, list := range []map[string][]string{got, want} {
		for name := range list {
			slices.Sort(list[name])
		}
	}
	require.Equal(t, want, got)
}

func openStates() []string {
	return words(slices.DeleteFunc(call.OccurrenceStates(), call.OccurrenceState.Ended))
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}

// TestEveryQueryNamesItsScheme is the guard of tenancy: whoever writes a query that reads or writes across schemes gives the
// reason here.
func TestEveryQueryNamesItsScheme(t *testing.T) {
	t.Parallel()
	// Queries that do not filter by scheme, and why they may.
	across := map[string]string{
		"TransactionState":      "asks about a transaction, reads no table",
		"MakeEventPartitions":   "the event table's partitions are those of all schemes",
		"DropEventPartitions":   "the event table's partitions are those of all schemes",
		"RefreshStatistics":     "the planner's statistics are those of all schemes",
		"ReadReservations":      "a caller's phone is rung once at a time across all schemes",
		"FindLine":              "the scheme is what is asked for; a number belongs to one",
		"ListLines":             "one PBX answers for all schemes",
		"LineLanguages":         "a number that is nobody's belongs to no scheme",
		"FindCaller":            "the scheme is what is asked for; an endpoint belongs to one",
		"FindScheme":            "the scheme is what is asked for, by its id seen outside",
		"FindOnlyScheme":        "the scheme is what is asked for",
		"InsertLink":            "the account's key is unique; its scheme is copied from it",
		"TakeLink":              "the token's hash is the key and says whose it is",
		"FindSession":           "the token's hash is the key and says whose it is",
		"EndSession":            "the token's hash is the key",
		"FindToken":             "the token's hash is the key and says whose it is",
		"InsertScheme":          "makes the scheme",
		"ListSchemes":           "the installation's list of schemes",
		"ReadQuestionEdits":     "what any line may say is spoken ahead, by one service for all schemes",
		"ListRetry":             "belongs to ListSchemes",
		"ListTries":             "belongs to ListSchemes",
		"FlowNumbers":           "one process speaks for all schemes; counters tell nothing of anybody",
		"AccountVersion":        "one PBX serves all schemes; a counter tells nothing of anybody",
		"ListAccounts":          "one PBX serves all schemes",
		"ListTrunks":            "one PBX serves all schemes",
		"ListRecordings":        "one service plays them for all schemes; they hold no word of anybody's",
		"LockTrunkGrants":       "one trunk serves all schemes",
		"ReadTrunkGrants":       "one trunk serves all schemes; counters tell nothing of anybody",
		"DeleteTrunkGrantsOf":   "belongs to ReadTrunkGrants",
		"DeleteGoneTrunkGrants": "belongs to ReadTrunkGrants",
		"UpsertTrunkGrants":     "belongs to ReadTrunkGrants",
		"CheckIn":               "one node works for all schemes",
		"DeleteHeldNumbers":     "a number on the line is rung by no scheme",
		"InsertHeldNumbers":     "belongs to DeleteHeldNumbers",
		"ListHeldNumbers":       "belongs to DeleteHeldNumbers",
		"ForgetNodes":           "belongs to CheckIn",
		"ListNodes":             "one node works for all schemes; counters tell nothing of anybody",
		"ReadClock":             "reads no table",
		"CountRefusedFacts":     "a counter tells nothing of anybody; whoever works on the machine sees to all schemes",
		"ListPermittedCLI":      "belongs to ListTrunks",
		"ListCLI":               "belongs to ListTrunks",
	}
	filtered := regexp.MustCompile(`scheme_id = sqlc\.arg\(scheme_id\)|sqlc\.arg\(scheme_id\)(::bigint)?( AS scheme_id)?,|VALUES \(sqlc\.arg\(scheme_id\)`)
	files, err := filepath.Glob("queries/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		_, body, _ := strings.Cut("\n"+string(text), "\n-- name: ")
		for query := range strings.SplitSeq(body, "\n-- name: ") {
			name, sql, _ := strings.Cut(query, " ")
			var code []string
			for line := range strings.Lines(sql) {
				if !strings.HasPrefix(line, "--") {
					code = append(code, line)
				}
			}
			named := filtered.MatchString(strings.Join(code, ""))
			_, excused := across[name]
			require.NotEqualf(t, named, excused, "%s in %s: names its scheme: %v, excused: %v", name, file, named, excused)
			require.NotContainsf(t, strings.ToLower(strings.Join(code, "")), "now()", "%s asks the database for the time", name)
			delete(across, name)
		}
	}
	require.Empty(t, across, "excuses for queries that do not exist")
}

// TestBatchesChangeNoIndexedColumn keeps the updates of every batch inside their pages (HOT): what they set stands in no
// index and no index predicate.
func TestBatchesChangeNoIndexedColumn(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("queries/apply.sql")
	require.NoError(t, err)
	pool := postgrestest.New(t)
	updates := regexp.MustCompile(`(?s)UPDATE (\w+) \w+\nSET (.*?)\nFROM`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, updates, 4)
	for _, update := range updates {
		for _, set := range regexp.MustCompile(`(\w+) = `).FindAllStringSubmatch(update[2], -1) {
			var indexes []string
			rows, err := pool.Query(t.Context(), `
				SELECT i.indexrelid::regclass::text FROM pg_index i
				JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = $2
				WHERE i.indrelid = $1::regclass AND (a.attnum = ANY (i.indkey) OR pg_get_indexdef(i.indexrelid) ~ ('WHERE.*\m' || $2 || '\M'))`,
				update[1], set[1])
			require.NoError(t, err)
			indexes, err = pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			require.Emptyf(t, indexes, "%s.%s changes with every call", update[1], set[1])
		}
	}
}

// TestEveryTableNamesItsScheme holds tables to the same rule.
func TestEveryTableNamesItsScheme(t *testing.T) {
	t.Parallel()
	rows, err := postgrestest.New(t).Query(t.Context(), `
		SELECT tablename::text FROM pg_tables t
		WHERE schemaname = 'public' AND NOT EXISTS (
			SELECT FROM information_schema.columns c
			WHERE c.table_schema = 'public' AND c.table_name = t.tablename AND c.column_name = 'scheme_id')`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"account_version", "goose_db_version", "held_number", "node", "trunk_grant"}, tables)
}

func TestTheServiceCannotRewriteHistoryOrTheSchema(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	for _, statement := range []string{
		"UPDATE event_batch SET kinds = '{x}'", "DELETE FROM event_batch", "DELETE FROM event_default", "TRUNCATE event_batch",
		"UPDATE flow_version SET text = ''", "DELETE FROM flow_version", "UPDATE flow_publication SET version = NULL", "DELETE FROM flow_publication",
		"UPDATE consent SET state = 'given'", "DELETE FROM consent", "DELETE FROM attempt", "DELETE FROM occurrence",
		"CREATE TABLE x (y int)", "ALTER TABLE event_batch ADD COLUMN x int", "DROP VIEW event", "CREATE SCHEMA x",
		"UPDATE goose_db_version SET version_id = 0",
	} {
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "SET LOCAL ROLE "+postgres.AppRole); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), statement)
			return err
		})
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg, statement)
		require.Equal(t, "42501", pg.Code, statement) // insufficient_privilege
	}
}

func TestEventPartitions(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store := postgrestest.Open(t, url)
	pool := postgrestest.Pool(t, url)
	ctx := context.Background()
	day := time.Date(2026, 3, 27, 23, 30, 0, 0, time.UTC)
	insert := func(number int, at time.Time) {
		t.Helper()
		_, err := pool.Exec(ctx, `INSERT INTO event_batch
			VALUES (1, $1::bigint, $1::bigint, $2::timestamptz, 1, 1, ARRAY[$2::timestamptz], '{scheme}',
				ARRAY[gen_random_uuid()], ARRAY[$1::bigint], '{x}', '{null}')`, number, at)
		require.NoError(t, err)
	}
	insert(1, day.AddDate(0, 0, 3)) // A day without a partition takes events all the same.
	made, err := store.MakePartitions(ctx, day)
	require.NoError(t, err)
	require.Equal(t, 13, made) // The day that has events already stays in the default partition.
	made, err = store.MakePartitions(ctx, day)
	require.NoError(t, err)
	require.Zero(t, made)
	insert(2, day)
	insert(3, day.Add(30*time.Minute))
	var tables []string
	rows, err := pool.Query(ctx, `SELECT tableoid::regclass::text FROM event_batch ORDER BY last_number`)
	require.NoError(t, err)
	tables, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"event_default", "event_20260327", "event_20260328"}, tables)

	// Old days go, by the service's clock, but none of the last thirty days of the database's.
	keeping, err := postgres.New(ctx, postgres.Options{URL: url, KeepEvents: 40 * 24 * time.Hour})
	require.NoError(t, err)
	defer func() { require.NoError(t, keeping.Close()) }()
	today := time.Now().UTC()
	_, err = store.MakePartitions(ctx, today)
	require.NoError(t, err)
	insert(4, today)
	dropped, err := store.DropEvents(ctx, day.AddDate(9, 0, 0))
	require.NoError(t, err)
	require.Zero(t, dropped, "it keeps everything")
	dropped, err = keeping.DropEvents(ctx, day.AddDate(0, 0, 41))
	require.NoError(t, err)
	require.Equal(t, 1, dropped)
	left := func() (numbers []int64) {
		rows, err := pool.Query(ctx, `SELECT last_number FROM event_batch ORDER BY 1`)
		require.NoError(t, err)
		numbers, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		require.NoError(t, err)
		return numbers
	}
	require.Equal(t, []int64{1, 3, 4}, left())
	_, err = keeping.DropEvents(ctx, today.AddDate(9, 0, 0))
	require.NoError(t, err)
	require.Equal(t, []int64{4}, left())
}
