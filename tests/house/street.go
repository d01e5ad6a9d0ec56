// Package house is a whole house for end-to-end tests: a private Asterisk and PostgreSQL, the service as it is shipped, and
// SIP phones with audio on both sides.
//
// A Street is what the tests of a package share: one PBX, one database, one service. Every test moves into a House of its
// own on it: a scheme with callers, people, a simulated trunk on an address of its own, and numbers that nobody else has.
// So tests may run side by side.
package house

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
	"github.com/rappel-tel/rappel/pkg/speech"
	"github.com/rappel-tel/rappel/sounds"
)

// Bounds of waiting for the house itself, generous because machines are shared.
const (
	startLimit = 60 * time.Second
	stopLimit  = 30 * time.Second
	lookEvery  = 40 * time.Millisecond
)

// zone is where every scheme of a Street lies.
const zone = "Europe/Paris"

// Street is the parts that the tests of a package share.
type Street struct {
	Asterisk *setup.Asterisk
	Postgres *setup.Postgres
	Store    *postgres.Store
	Config   app.Config // Of the service: of the one in this process, or of those that Serve starts.
	Book     *ivr.Book

	pool   *pgxpool.Pool
	pacer  *phone.Pacer
	voice  *speech.Voice
	clock  clock
	ops    net.Addr // Of the service in this process.
	houses atomic.Int64
	lines  atomic.Int64
}

// clock is the service's: a working day, whatever the date of the test.
type clock struct {
	origin, start time.Time
}

func (c clock) now() time.Time { return c.start.Add(time.Since(c.origin)) }

// Options change how a Street is built. The zero value is the usual one.
type Options struct {
	// Configure adapts the service's configuration.
	Configure func(*app.Config)
	// Logger is the service's; nil shows its warnings when a test fails.
	Logger *zap.Logger
	// Outside leaves the service to Serve: a process of its own.
	Outside bool
	// PBXDisk gives the PBX a disk of its own of so many bytes; 0 is the machine's.
	PBXDisk int
}

// SideBySide lets so many parallel tests run at once. They mostly wait for phones, so that the number of processors is no
// measure. It goes into TestMain; -parallel on the command line counts for more.
func SideBySide(n int) {
	if !flag.Parsed() {
		flag.Parse()
	}
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(n)) // A number fits that flag.
	}
}

// Build starts the parts and, unless it is outside, the service. All of it ends with the test.
func Build(t *testing.T, options Options) *Street {
	t.Helper()
	installation := setuptest.Installation(t)
	// The prompts are the same for every test and every run: they are spoken once.
	prompts := filepath.Join(installation.Dir, "prompts")
	s := &Street{pacer: phone.NewPacer()}
	t.Cleanup(s.pacer.Close)
	s.Asterisk = setuptest.Asterisk(t, func(o *setup.AsteriskOptions) {
		o.SoundsDir = prompts
		if options.PBXDisk > 0 {
			setuptest.Disk(t, o.RunDir, options.PBXDisk)
		}
	})
	s.Postgres = setuptest.Postgres(t)
	ctx := t.Context()
	require.NoError(t, postgres.Migrate(ctx, s.Postgres.URL(), zap.NewNop()))
	var err error
	s.Store, err = postgres.New(ctx, postgres.Options{
		URL: s.Postgres.URL(), Connections: 4, RefusalKey: func() ([]byte, error) { return s.Config.RefusalKey()() },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Store.Close()) })
	s.pool, err = pgxpool.New(ctx, s.Postgres.URL())
	require.NoError(t, err)
	t.Cleanup(s.pool.Close)
	s.openVoice(t, installation, prompts)
	s.configure(t, installation)
	if options.Configure != nil {
		options.Configure(&s.Config)
	}
	if !options.Outside {
		s.run(t, options.Logger)
	}
	return s
}

// openVoice opens the same prompts that the service plays, so that tests know what they should hear.
func (s *Street) openVoice(t *testing.T, installation *setup.Installation, dir string) {
	t.Helper()
	speaker, err := setup.NewVoice(installation)
	require.NoError(t, err)
	s.voice, err = speech.New(speech.Options{Speakers: []speech.Speaker{speaker.Wide()}, Dir: dir, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(s.voice.Close)
	s.Book, err = ivr.ReadBook(dialplans.Flows(), sounds.Name, sounds.Prompts())
	require.NoError(t, err)
}

func (s *Street) configure(t *testing.T, installation *setup.Installation) {
	t.Helper()
	paris, err := time.LoadLocation(zone)
	require.NoError(t, err)
	// Tuesday, without a holiday near it.
	s.clock = clock{origin: time.Now(), start: time.Date(2026, time.June, 16, 10, 0, 0, 0, paris)}
	c := app.Defaults()
	c.Data = t.TempDir()
	c.Drain = time.Second
	c.Clock = app.ClockConfig{Start: s.clock.start, Speed: 1}
	c.Postgres.URL = app.Secret(s.Postgres.URL())
	c.Asterisk.ARI, c.Asterisk.User = s.Asterisk.ARIURL(), s.Asterisk.ARIUser()
	c.Asterisk.Password = app.Secret(s.Asterisk.ARIPassword())
	c.Asterisk.Sounds, c.Asterisk.PBXSounds = s.Asterisk.SoundsDir(), s.Asterisk.SoundsPath()
	c.Asterisk.Recordings, c.Asterisk.SIP = s.Asterisk.RecordingsDir(), s.Asterisk.SIPAddr().String()
	c.Asterisk.Accounts, c.Asterisk.Trunks = s.Asterisk.AccountsPath(), s.Asterisk.TrunksPath()
	c.Web.Listen, c.Ops.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Calls.RegistrarRing = 6 * time.Second
	// Whoever is on the line goes on without records that are slow, which is another story than most tests tell. On a machine
	// that many share, PostgreSQL takes a second now and then.
	c.Calls.Patience = stopLimit
	c.Speech.Installation = installation.Dir
	s.Config = c
}

// run runs the service in this process until the test ends.
func (s *Street) run(t *testing.T, log *zap.Logger) {
	t.Helper()
	if log == nil { // Shown when a test fails.
		log = zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))
	}
	service, err := app.New(t.Context(), s.Config, log)
	require.NoError(t, err)
	_, s.ops = service.Addr()
	running, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	aborted, abort := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1) // Room for the one answer.
	go func() { ended <- service.Run(running, aborted) }()
	t.Cleanup(func() {
		stop()
		timer := time.AfterFunc(stopLimit, abort)
		defer timer.Stop()
		require.NoError(t, <-ended)
		abort()
	})
}

// Now is the service's clock.
func (s *Street) Now() time.Time { return s.clock.now() }

// Pool reaches the database as its owner, for questions that House has no method for.
func (s *Street) Pool() *pgxpool.Pool { return s.pool }

// Metrics is what the service in this process tells Prometheus now.
func (s *Street) Metrics(t *testing.T) string {
	t.Helper()
	return s.Probe(t, "/metrics")
}

// Probe is what the service in this process answers to a probe.
func (s *Street) Probe(t *testing.T, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.ops.String()+path, nil)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: startLimit}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}

// Number returns a number reserved for fiction that was not given out on this Street.
func (s *Street) Number() string { return fmt.Sprintf("+3319900%04d", s.lines.Add(1)) }

// address returns a loopback address for a trunk: a PBX knows a trunk by its address.
func (s *Street) address() netip.AddrPort {
	n := s.houses.Add(1)
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(1 + n/200), byte(1 + n%200)}), 0)
}

// Await waits until the condition holds, looking again and again, and fails the test when it does not in time.
func Await(t *testing.T, limit time.Duration, what string, holds func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !holds(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Fail(t, "waited in vain", "for %s, %s", what, limit)
		}
	}
}
