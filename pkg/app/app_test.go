package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	herNumber = "+3281555001"
	lineCLI   = "+3281555000"
	herTone   = 600.0
	ourTone   = 900.0
)

// town is a service with one caller, one person and real parts.
type town struct {
	cfg      app.Config
	store    *postgres.Store
	scheme   postgres.Scheme
	asterisk *setup.Asterisk
	trunk    *phone.Trunk
	database *setup.Postgres
}

// monday is a working morning, whatever the day of the test.
var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{asterisk: setuptest.Asterisk(t), database: setuptest.Postgres(t)}
	var err error
	// The simulated telephone network has a loopback address of its own: the PBX knows it by that.
	w.trunk, err = phone.NewTrunk(phone.TrunkOptions{
		Listen: "127.0.0.2:0", PBX: w.asterisk.SIPAddr().String(), Tones: []float64{ourTone, herTone}, Logger: zap.NewNop(),
		Answer: func(phone.Ring) phone.Behaviour {
			return phone.Answers(300*time.Millisecond, herTone).HangsUpAfter(2 * time.Second)
		},
	})
	require.NoError(t, err)
	t.Cleanup(w.trunk.Close)

	ctx := t.Context()
	require.NoError(t, postgres.Migrate(ctx, w.database.URL(), zap.NewNop()))
	w.store, err = postgres.New(ctx, postgres.Options{URL: w.database.URL(), Connections: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	now := func() time.Time { return monday }
	w.scheme, err = w.store.CreateScheme(ctx, postgres.Scheme{
		Name: "Gardons le contact", Zone: "Europe/Brussels", Country: "BE", Language: roster.French,
		Opens: 9*60 + 30, Closes: 17 * 60, Hold: time.Minute, WrapUp: time.Minute, MaxAttempts: 3,
	}, monday)
	require.NoError(t, err)
	require.NoError(t, w.store.SaveTrunk(ctx, w.scheme.Key, postgres.Trunk{
		Endpoint: "town", Kind: postgres.TrunkSimulated, Host: w.trunk.Addr().Addr().String(), Port: int(w.trunk.Addr().Port()),
		Lines: 10, CallsPerSecond: 5, PermittedCLI: []string{lineCLI}, CLI: map[call.Kind]string{"": lineCLI},
	}))
	require.NoError(t, w.store.SetDestinations(ctx, w.scheme.Key, []string{"+32"}))
	require.NoError(t, w.store.Book(w.scheme.Key, now).Edit(ctx, func(p roster.Page) error {
		return p.Put(ctx, roster.People{
			Staff: []roster.Staff{{Ref: "C1", Given: "Amélie", Roles: []roster.Role{roster.RoleCaller}}},
			Beneficiaries: []roster.Beneficiary{{
				Ref: "NAM-0001", Given: "Rose", Numbers: []roster.Number{{E164: herNumber}}, Class: 2, Reference: "C1",
				Consent:   roster.Consent{State: roster.ConsentGiven},
				Agreement: roster.Agreement{Cadence: roster.Daily},
			}},
		})
	}))

	w.cfg = app.Defaults()
	w.cfg.Data = t.TempDir()
	w.cfg.Drain = 5 * time.Second
	w.cfg.Clock.Start = monday
	w.cfg.Postgres.URL = app.Secret(w.database.URL())
	w.cfg.Asterisk.ARI, w.cfg.Asterisk.User = w.asterisk.ARIURL(), w.asterisk.ARIUser()
	w.cfg.Asterisk.Password = app.Secret(w.asterisk.ARIPassword())
	w.cfg.Asterisk.SIP = w.asterisk.SIPAddr().String()
	w.cfg.Asterisk.Accounts, w.cfg.Asterisk.Trunks = w.asterisk.AccountsPath(), w.asterisk.TrunksPath()
	w.cfg.Asterisk.Sounds, w.cfg.Asterisk.PBXSounds = w.asterisk.SoundsDir(), w.asterisk.SoundsPath()
	w.cfg.Asterisk.Recordings = w.asterisk.RecordingsDir()
	w.cfg.Speech.Installation = setuptest.Installation(t).Dir
	w.cfg.Web.Listen, w.cfg.Ops.Listen = "127.0.0.1:0", "127.0.0.1:0"
	return w
}

// start runs the service until the test ends or stop is called, which returns what Run returned.
func (w *town) start(t *testing.T) (a *app.App, stop func() error) {
	t.Helper()
	log := zaptest.NewLogger(t, zaptest.Level(zap.InfoLevel))
	a, err := app.New(t.Context(), w.cfg, log)
	require.NoError(t, err)
	soon, cancel := context.WithCancel(context.Background())
	now, abort := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(soon, now) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		defer abort()
		select {
		case err := <-done:
			return err
		case <-time.After(time.Minute):
			abort()
			return <-done
		}
	}
	t.Cleanup(func() {
		if !stopped {
			require.NoError(t, stop())
		}
		abort()
	})
	return a, stop
}

// account is the SIP account of the only caller.
func (w *town) account(t *testing.T) postgres.Account {
	t.Helper()
	accounts, _, _, err := w.store.Accounts(t.Context())
	require.NoError(t, err)
	require.Len(t, accounts, 1)
	return accounts[0]
}

func eventually(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, limit, 50*time.Millisecond, what)
}

// wall is what the records say a minute after the day began.
func (w *town) wall(t *testing.T) (report.Wall, error) {
	now := monday.Add(time.Minute)
	roll, err := w.store.Roll(t.Context(), w.scheme.Key, now)
	if err != nil {
		return report.Wall{}, err
	}
	record, err := w.store.Record(t.Context(), w.scheme.Key, now)
	if err != nil {
		return report.Wall{}, err
	}
	fold, err := report.NewFold(record)
	if err != nil {
		return report.Wall{}, err
	}
	return report.Wall{Roll: roll, Live: fold.Live(now)}, nil
}

func TestOneScheduledCallOnTheRealThing(t *testing.T) {
	w := newTown(t)
	a, stop := w.start(t)
	pages, ops := a.Addr()
	eventually(t, "the service is ready", time.Minute, func() bool { return status(t, "http://"+ops.String()+"/readyz") == 200 })
	require.Equal(t, 200, status(t, "http://"+ops.String()+"/livez"))
	require.Equal(t, 200, status(t, "http://"+ops.String()+"/readyz?scheme="+w.scheme.ID))
	require.Equal(t, 503, status(t, "http://"+ops.String()+"/readyz?scheme=another"))

	heard := w.callerGoesReady(t)
	select {
	case err := <-heard:
		require.NoError(t, err, "the caller hears her")
	case <-time.After(40 * time.Second):
		require.Fail(t, "the caller's phone was not rung")
	}
	eventually(t, "the promise counts as kept", time.Minute, func() bool {
		wall, err := w.wall(t)
		return err == nil && wall.Today.Reached == 1 && len(wall.Last) == 1
	})
	wall, err := w.wall(t)
	require.NoError(t, err)
	require.Equal(t, call.ResultAnswered, wall.Last[0].Result)
	require.Equal(t, "NAM-0001", wall.Last[0].Beneficiary)
	require.Positive(t, wall.Last[0].Talk)
	records := w.trunk.Ledger().Records()
	require.Len(t, records, 1, "rung once")
	require.NotEmpty(t, records[0].Attempt)

	w.eventsKeepTheirForm(t)

	w.programsAreTold(t, "http://"+pages.String())

	// The wall, as a coordinator sees it.
	body := w.signIn(t, "http://"+pages.String())
	require.Contains(t, body, "NAM-0001")
	require.Contains(t, body, "Gardons le contact")

	// Metrics and probes name nobody.
	metrics := get(t, "http://"+ops.String()+"/metrics")
	require.Contains(t, metrics, "rappel_")
	problems, err := promlint.New(strings.NewReader(metrics)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems, "names and units of metrics")
	for _, secret := range []string{"Rose", "Amélie", herNumber, w.account(t).Secret, "NAM-0001"} {
		require.NotContains(t, metrics, secret)
	}

	d := app.Doctor(t.Context(), w.running(a), "rappel.yaml")
	var text strings.Builder
	require.NoError(t, d.WriteText(&text))
	t.Log("\n" + text.String())
	require.GreaterOrEqual(t, len(d.Checks), 20)
	require.NoError(t, stop())
}

// callerGoesReady registers the caller's phone, from the records alone, and dials the feature code. The channel tells once
// whether she heard the person.
func (w *town) callerGoesReady(t *testing.T) <-chan error {
	t.Helper()
	account := w.account(t)
	heard := make(chan error, 1)
	p, err := phone.New(phone.Options{
		User: account.Endpoint, Secret: account.Secret, Registrar: w.cfg.Asterisk.SIP, Tones: []float64{herTone}, Logger: zap.NewNop(),
		OnCall: func(ctx context.Context, in *phone.Incoming) {
			if err := in.Ring(); err != nil {
				heard <- err
				return
			}
			c, err := in.Answer(ctx)
			if err != nil {
				heard <- err
				return
			}
			c.Say(phone.Tone(ourTone))
			_, err = c.HearTone(ctx, herTone)
			heard <- err
			<-c.Done()
		},
	})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	eventually(t, "the account of the records registers", time.Minute, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return p.Register(ctx) == nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ready, err := p.Dial(ctx, "*1", phone.DialOptions{})
	require.NoError(t, err, "feature code: ready")
	select {
	case <-ready.Done():
	case <-ctx.Done():
		require.Fail(t, "the service did not end the feature call")
	}
	return heard
}

// TestStopping shows that a stop lets a conversation end when the drain limit allows, and that the next start takes over one
// that goes on.
func TestStopping(t *testing.T) {
	for name, drain := range map[string]time.Duration{"drained": 30 * time.Second, "taken over": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			w.cfg.Drain = drain
			a, stop := w.start(t)
			_, ops := a.Addr()
			eventually(t, "the service is ready", time.Minute, func() bool { return status(t, "http://"+ops.String()+"/readyz") == 200 })
			heard := w.callerGoesReady(t)
			select {
			case err := <-heard:
				require.NoError(t, err)
			case <-time.After(40 * time.Second):
				require.Fail(t, "the caller's phone was not rung")
			}
			require.NoError(t, stop())
			if name == "taken over" {
				records := w.trunk.Ledger().Records()
				require.Len(t, records, 1)
				_, stop := w.start(t)
				defer func() { require.NoError(t, stop()) }()
			}
			eventually(t, "the outcome is recorded", time.Minute, func() bool {
				wall, err := w.wall(t)
				return err == nil && wall.Today.Reached == 1 && len(wall.Last) == 1 && wall.Last[0].Result == call.ResultAnswered
			})
			require.Len(t, w.trunk.Ledger().Records(), 1, "nobody is rung twice")
		})
	}
}

// programsAreTold asks for the live figures as a program does.
func (w *town) programsAreTold(t *testing.T, pages string) {
	token, err := auth.NewDoor(w.store).NewToken(t.Context(), auth.Token{Scheme: w.scheme.Key, Name: "a wallboard"}, monday)
	require.NoError(t, err)
	var live struct {
		Number   int64
		Stale    bool
		Promises struct{ Reached, Kept int }
		Callers  struct {
			ByState map[call.CallerState]int `json:"by_state"`
		}
		Waiting struct {
			ByCause *dispatch.Waiting `json:"by_cause"`
		}
	}
	eventually(t, "the dispatcher has said who waits, and nothing is late", 30*time.Second, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, pages+"/api/v1/schemes/"+w.scheme.ID+"/live", http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.NoError(t, json.NewDecoder(res.Body).Decode(&live))
		return live.Waiting.ByCause != nil && !live.Stale
	})
	require.Equal(t, 1, live.Promises.Reached)
	require.Equal(t, 1, live.Promises.Kept)
	require.Positive(t, live.Number)
	require.Zero(t, *live.Waiting.ByCause)
	require.Zero(t, live.Callers.ByState[call.CallerOff])
}

// running is the configuration with the addresses the service really has.
func (w *town) running(a *app.App) app.Config {
	cfg := w.cfg
	pages, ops := a.Addr()
	cfg.Web.Listen, cfg.Ops.Listen = pages.String(), ops.String()
	return cfg
}

func (w *town) signIn(t *testing.T, base string) string {
	t.Helper()
	now := time.Now()
	who, err := w.store.EnsureAccount(t.Context(), w.scheme.ID, "Coordinator", roster.RoleCoordinator, now)
	require.NoError(t, err)
	link, err := auth.NewDoor(w.store).Link(t.Context(), who, now)
	require.NoError(t, err)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Jar: jar, Transport: transport}
	res, err := client.PostForm(base+"/sign-in", url.Values{"link": {link}})
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode, string(body))
	return string(body)
}

// eventsKeepTheirForm compares what the call wrote with the golden events of the bus.
func (w *town) eventsKeepTheirForm(t *testing.T) {
	t.Helper()
	events, err := w.store.Events(t.Context(), w.scheme.Key, 1, 1000)
	require.NoError(t, err)
	seen := map[string]bool{}
	for i, e := range events {
		require.EqualValues(t, i+1, e.Number, "numbers have no gap")
		name := e.Entity + "." + e.Kind
		seen[name] = true
		golden, err := os.ReadFile(filepath.Join("..", "natsbus", "testdata", name+".json"))
		require.NoError(t, err, "an event without a golden form")
		var want, got struct{ Data map[string]any }
		require.NoError(t, json.Unmarshal(golden, &want))
		encoded, err := json.Marshal(e)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(encoded, &got))
		for key := range got.Data {
			if key != "reason" && key != "cause" && key != "estimated" && key != "disposition" {
				require.Contains(t, want.Data, key, name)
			}
		}
		require.NotContains(t, string(encoded), herNumber)
		require.NotContains(t, string(encoded), "Rose")
	}
	for _, name := range []string{"attempt.claimed", "attempt.offered", "attempt.ringing", "attempt.bridged", "attempt.ended", "caller.state", "occurrence.reached", "scheme.planned"} {
		require.True(t, seen[name], name)
	}
}

func status(t *testing.T, address string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(address)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func get(t *testing.T, address string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(address)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

func TestAServiceWithoutItsPartsLivesAndSaysSo(t *testing.T) {
	cfg := app.Defaults()
	cfg.Data = t.TempDir()
	cfg.Postgres.URL = "postgres://nobody@127.0.0.1:1/none"
	cfg.Asterisk.ARI, cfg.Asterisk.Password = "http://127.0.0.1:1/ari", "x"
	cfg.Asterisk.Sounds = filepath.Join(cfg.Data, "sounds")
	cfg.Asterisk.PBXSounds = cfg.Asterisk.Sounds
	cfg.Web.Listen, cfg.Ops.Listen = "127.0.0.1:0", "127.0.0.1:0"
	w := &town{cfg: cfg}
	a, stop := w.start(t)
	_, ops := a.Addr()
	require.Equal(t, 200, status(t, "http://"+ops.String()+"/livez"), "losing the PBX never fails /livez")
	require.Equal(t, 503, status(t, "http://"+ops.String()+"/readyz"))
	var ready struct {
		Ready bool
		Roles map[string]struct {
			Ready bool
			Why   string
		}
	}
	require.NoError(t, json.NewDecoder(strings.NewReader(get(t, "http://"+ops.String()+"/readyz"))).Decode(&ready))
	require.False(t, ready.Ready)
	require.Contains(t, ready.Roles["switch"].Why, "PBX")

	d := app.Doctor(t.Context(), w.running(a), "rappel.yaml")
	require.False(t, d.OK)
	for _, f := range d.Checks {
		if f.Verdict == app.VerdictFail || f.Verdict == app.VerdictWarn {
			require.NotEmpty(t, f.Cause, f.Check)
			require.NotEmpty(t, f.Fix, f.Check)
		}
	}
	require.NoError(t, stop())
}

func TestCheckLeavesNothingBehind(t *testing.T) {
	cfg := app.Defaults()
	cfg.Data = filepath.Join(t.TempDir(), "never")
	cfg.Postgres.URL = "postgres://nobody@127.0.0.1:1/none"
	cfg.Asterisk.Password = "x"
	require.NoError(t, app.Check(t.Context(), cfg))
	require.NoDirExists(t, cfg.Data)
}
