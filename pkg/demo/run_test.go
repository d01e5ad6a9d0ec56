package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rappel-tel/rappel/pkg/demo"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// stageOptions are those of a demonstration with everything of its own.
func stageOptions(t *testing.T) demo.Options {
	t.Helper()
	installation := setuptest.Installation(t)
	run, err := installation.NewRunDir(t.Name())
	require.NoError(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			require.NoError(t, os.RemoveAll(run))
		}
	})
	return demo.Options{
		Dir: installation.Dir, Run: run, Listen: "127.0.0.1:0", Progress: func(setup.Step) {},
		Logger: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
	}
}

// The whole house at work: a dozen attempts on a real Asterisk and Postgres, one JSON object, every invariant.
func TestDemo(t *testing.T) {
	options := stageOptions(t)
	var out, told bytes.Buffer
	options.Stdout, options.Stderr, options.Calls, options.JSON = &out, &told, 12, true
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	result, err := demo.Run(ctx, options)
	require.NoError(t, err, told.String())
	require.NoError(t, ctx.Err())
	t.Logf("%+v", result)

	var printed map[string]float64
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	require.NoError(t, json.Unmarshal(out.Bytes(), &printed))
	sum := 0.0
	for _, name := range []string{
		"answered", "busy", "no_answer", "machine", "failed", "congestion", "cancelled", "unknown",
	} {
		require.Contains(t, printed, name)
		sum += printed[name]
	}
	require.InDelta(t, 12, printed["attempts"], 0)
	require.InDelta(t, 12, sum, 0)
	require.Positive(t, printed["bridged"])
	require.InDelta(t, printed["bridged"], printed["recorded"], 0)
	require.Positive(t, printed["audio_ok"])
	for _, zero := range []string{"silent_calls", "double_rings", "audio_failed"} {
		require.Contains(t, printed, zero)
		require.Zero(t, printed[zero], zero)
	}
	require.Contains(t, told.String(), "/sign-in?link=")
}

// Ctrl-C during the set-up stops what was started, and the next start finds nothing in its way.
func TestDemoIsCalledOff(t *testing.T) {
	options := stageOptions(t)
	for _, after := range []time.Duration{0, 300 * time.Millisecond, 1500 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := demo.Run(ctx, options)
		cancel()
		if options.Calls == 0 {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, demo.ErrCutShort, "a script would take it for a success")
		}
		options.Calls = 5
	}
}

func TestDemoRefusesNonsense(t *testing.T) {
	for name, change := range map[string]func(*demo.Options){
		"directory": func(o *demo.Options) { o.Dir = "" },
		"calls":     func(o *demo.Options) { o.Calls = -1 },
		"speed":     func(o *demo.Options) { o.Speed = 5000 },
	} {
		options := demo.Options{Dir: t.TempDir()}
		change(&options)
		_, err := demo.Run(t.Context(), options)
		require.ErrorContains(t, err, name)
	}
}

// Parts that run elsewhere are used and left as they were.
func TestDemoWithPartsElsewhere(t *testing.T) {
	options := stageOptions(t)
	server := setuptest.Postgres(t)
	asterisk := setuptest.Asterisk(t)
	events, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
	require.NoError(t, err)
	events.Start()
	t.Cleanup(func() { events.Shutdown(); events.WaitForShutdown() })
	require.True(t, events.ReadyForConnections(time.Minute))

	ari, err := url.Parse(asterisk.ARIURL())
	require.NoError(t, err)
	ari.User = url.UserPassword(asterisk.ARIUser(), asterisk.ARIPassword())
	ari.RawQuery = url.Values{
		"sip": {asterisk.SIPAddr().String()}, "accounts": {asterisk.AccountsPath()}, "trunks": {asterisk.TrunksPath()},
		"sounds": {asterisk.SoundsDir()}, "pbx_sounds": {asterisk.SoundsPath()}, "recordings": {asterisk.RecordingsDir()},
	}.Encode()
	options.Postgres, options.NATS, options.ARI = server.URL(), events.ClientURL(), ari.String()
	options.Calls, options.Seed, options.Logger = 3, 5, zap.NewNop() // Without voices it has much to say.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	result, err := demo.Run(ctx, options)
	require.NoError(t, err)
	require.Equal(t, 3, result.Attempts)

	require.NotZero(t, asterisk.PID())
	conn, err := pgx.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	var left int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE starts_with(datname, 'rappel_demo_')").Scan(&left))
	require.Zero(t, left)

	for _, bad := range []string{"127.0.0.1:8088", "http://a:b@127.0.0.1:8088/ari", "http://127.0.0.1:8088/ari?sip=127.0.0.1:5060"} {
		options.ARI = bad
		_, err := demo.Run(ctx, options)
		require.ErrorContains(t, err, "--ari")
		require.NotContains(t, err.Error(), "a:b")
	}
}
