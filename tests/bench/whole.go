package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rappel-tel/rappel/pkg/app"
)

// serveVariable names the environment variable whose value is the order of a service to be run by this program.
const serveVariable = "RAPPEL_BENCH_SERVE"

const application = "rappel"

// order is what a service of a trial is told.
type order struct {
	Data, Postgres, ARI, User, Password string
	Sounds, PBXSounds, Recordings, SIP  string
	Ops, Profile                        string
	Voices                              string    // Folder of the installation whose voices speak; empty means the machine's.
	Start                               time.Time // What its clock shows first.
	Starts                              int       // Per second, with which admission to the PBX begins.
}

// serve runs the service as `rappel serve` does, all roles, until SIGTERM.
func serve(file string) (err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	c := app.Defaults()
	c.Data, c.Drain = o.Data, 2*time.Second
	c.Log = app.LogConfig{Level: "warn", Format: "console"}
	c.Clock = app.ClockConfig{Start: o.Start, Speed: 1}
	c.Postgres.URL = app.Secret(o.Postgres)
	c.Asterisk.ARI, c.Asterisk.User, c.Asterisk.Password = o.ARI, o.User, app.Secret(o.Password)
	c.Asterisk.Sounds, c.Asterisk.PBXSounds, c.Asterisk.Recordings, c.Asterisk.SIP = o.Sounds, o.PBXSounds, o.Recordings, o.SIP
	c.Asterisk.StartsPerSecond = o.Starts
	c.Web.Listen, c.Ops.Listen = "127.0.0.1:0", o.Ops
	c.Dispatch.Horizon, c.Dispatch.Ahead = horizon, horizon
	c.Speech.Installation = o.Voices
	c.Calls.NoWrapUp = true
	log, err := app.NewLogger(c.Log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // Standard error cannot be synced on every system.
	if o.Profile != "" {
		f, err := os.Create(o.Profile)
		if err != nil {
			return fmt.Errorf("make profile: %w", err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return errors.Join(fmt.Errorf("make profile: %w", err), f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, f.Close())
		}()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	a, err := app.New(ctx, c, log)
	if err != nil {
		return err
	}
	return a.Run(ctx, context.Background())
}

// Times of a trial of the whole.
const (
	zone    = "Europe/Brussels"
	horizon = 12 * time.Hour  // Of booking: the calls of the day, not yet those of the next.
	lead    = 5 * time.Second // From the start of the service to the first call; more when it was too little.
	longest = 40 * time.Second
	warm    = 40              // Calls that come first and are not counted.
	between = 3 * time.Minute // Of the service's clock, from one trial to the next.
	margin  = 15 * time.Second
)

// errLate means that the first calls came due before the service was ready: the machine is busy.
var errLate = errors.New("the service was not ready in time")

// day is the instant that the first service's clock shows first: a Tuesday morning without a holiday near it, whatever the
// real date is.
func day() time.Time { return time.Date(2026, time.June, 16, 7, 0, 0, 0, time.UTC) }

// service is a process of the service.
type service struct {
	cmd    *exec.Cmd
	done   chan error // Gets the one answer.
	ops    string
	client *http.Client
	log    string
}

func (s *service) pid() int { return s.cmd.Process.Pid }

// whole has the service place calls that come due one after the other.
func (x *run) whole(ctx context.Context) (err error) {
	start := day().Add(time.Duration(x.trials) * between)
	if err := x.reset(ctx, start); err != nil {
		return err
	}
	sequence := x.trials * 2
	if err := x.book(ctx, x.people[len(x.people)-warm:], sequence, start.Add(x.lead-2*time.Second), warm/1.5); err != nil {
		return err
	}
	if err := x.book(ctx, x.people[:x.trial.Calls], sequence+1, start.Add(x.lead), x.trial.Rate); err != nil {
		return err
	}
	if x.service, err = x.startService(ctx, start); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.stopService(ctx)) }()
	begun := time.Now()
	if err := x.service.ready(ctx); err != nil {
		return err
	}
	if took := time.Since(begun); took > x.lead-2*time.Second {
		return fmt.Errorf("%w: it took %s", errLate, took.Round(time.Millisecond))
	}
	sleepUntil(ctx, begun.Add(x.lead-100*time.Millisecond))
	before, err := x.used(x.service.pid())
	if err != nil {
		return err
	}
	counts, err := x.counters(ctx)
	if err != nil {
		return err
	}
	sleepUntil(ctx, begun.Add(x.lead+x.options.Length))
	if err := x.ended(ctx, sequence+1); err != nil {
		return err
	}
	more, err := x.counters(ctx)
	if err != nil {
		return err
	}
	x.trial.Leaked.Calls = int(more["rappel_ari_mailboxes"])
	if err := x.attempts(ctx, sequence+1); err != nil {
		return err
	}
	x.inner(counts, more)
	return x.weigh(ctx, before)
}

// reset forgets what an earlier trial left under way and has every caller ready.
func (r *rig) reset(ctx context.Context, now time.Time) error {
	for _, sql := range []string{
		`DELETE FROM live_number WHERE scheme_id = $1 AND $2::timestamptz IS NOT NULL`,
		`DELETE FROM reservation WHERE scheme_id = $1 AND $2::timestamptz IS NOT NULL`,
		// The next day's calls, booked with the ends of the last trial: each trial books them anew, as on any day.
		`DELETE FROM occurrence WHERE scheme_id = $1 AND (local_date > $2::date OR sequence > 0 OR kind <> 'scheduled')`,
		`INSERT INTO caller_status (scheme_id, caller_id, state, since) SELECT $1, caller_id, 'ready', $2 FROM caller
			WHERE scheme_id = $1
			ON CONFLICT (scheme_id, caller_id) DO UPDATE SET state = 'ready', reason = '', since = $2, missed_in_row = 0`,
		`UPDATE scheme_lead SET load_from = '-infinity' WHERE scheme_id = $1 AND $2::timestamptz IS NOT NULL`,
	} {
		if _, err := r.pool.Exec(ctx, sql, r.scheme.Key, now); err != nil {
			return fmt.Errorf("reset records: %w", err)
		}
	}
	return nil
}

// book makes people's calls come due one after the other from an instant on.
func (r *rig) book(ctx context.Context, people []person, sequence int, from time.Time, rate float64) error {
	calls := len(people)
	agreements, keys, opens := make([]int64, calls), make([]int64, calls), make([]time.Time, calls)
	for i := range calls {
		p := &people[i]
		agreements[i], keys[i] = p.agreement, p.key
		opens[i] = from.Add(time.Duration(float64(i) / rate * float64(time.Second)))
	}
	_, err := r.pool.Exec(ctx, `INSERT INTO occurrence (scheme_id, uid, agreement_id, beneficiary_id, kind, sequence, local_date,
			opens_at, closes_at, length_ms, not_before)
		SELECT $1, gen_random_uuid(), unnest($2::bigint[]), unnest($3::bigint[]), 'scheduled', $4, $5, unnest($6::timestamptz[]),
			$7, 600000, unnest($6::timestamptz[])`,
		r.scheme.Key, agreements, keys, sequence, day(), opens, day().Add(10*time.Hour))
	if err != nil {
		return fmt.Errorf("book calls: %w", err)
	}
	return nil
}

func newService(log, ops string) *service {
	return &service{
		client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
		done:   make(chan error, 1), log: log, ops: ops,
	}
}

func (x *run) startService(ctx context.Context, start time.Time) (*service, error) {
	ops, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := newService(filepath.Join(x.dir, "service.log"), ops)
	o := order{
		Data: filepath.Join(x.dir, "data"), Postgres: x.pg.URL(), ARI: x.pbx.ARIURL(), User: x.pbx.ARIUser(),
		Password: x.pbx.ARIPassword(), Sounds: x.pbx.SoundsDir(), PBXSounds: x.pbx.SoundsPath(),
		Recordings: x.pbx.RecordingsDir(), SIP: x.pbx.SIPAddr().String(), Ops: s.ops, Start: start,
		Starts: max(0, x.options.Starts),
	}
	if x.options.Profile != "" {
		o.Profile = filepath.Join(x.options.Profile, fmt.Sprintf("%03d-%.0f.pprof", x.trials, x.trial.Rate))
		if err := os.MkdirAll(x.options.Profile, 0o755); err != nil {
			return nil, fmt.Errorf("make folder of profiles: %w", err)
		}
	}
	return s, s.start(ctx, x.dir, o)
}

// start runs the service as another process of this program, as an order says.
func (s *service) start(ctx context.Context, dir string, o order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("write order: %w", err)
	}
	file := filepath.Join(dir, "order.json")
	if err := writeFile(file, text); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	log, err := os.Create(s.log)
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	defer func() { _ = log.Close() }() // The service has a descriptor of its own.
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), program)
	s.cmd.Env = append(os.Environ(), serveVariable+"="+file)
	s.cmd.Stderr, s.cmd.Stdout = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start service: %w", err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	return nil
}

// stop ends the service.
func (s *service) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // It may have ended already.
	timer := time.NewTimer(quietLimit)
	defer timer.Stop()
	var err error
	select {
	case err = <-s.done:
	case <-timer.C:
		_ = s.cmd.Process.Kill()
		err = errors.Join(errors.New("the service does not stop"), <-s.done)
	}
	if err != nil {
		text, _ := os.ReadFile(s.log) // What it said only helps.
		err = fmt.Errorf("stop service: %w: %s", err, text[max(0, len(text)-1500):])
	}
	return err
}

// freeAddress is a TCP address that nobody uses just now.
func freeAddress(ctx context.Context) (string, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	return l.Addr().String(), nil
}

// writeFile writes a file that only we may read.
func writeFile(name string, text []byte) error {
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}

// ready waits until the service leads the scheme and has its event stream.
func (s *service) ready(ctx context.Context) error {
	return wait(ctx, 20*time.Second, "the service to be ready", func() (bool, error) {
		select {
		case err := <-s.done:
			s.done <- err
			text, _ := os.ReadFile(s.log) // What it said only helps.
			return false, fmt.Errorf("the service ended: %w: %s", err, text)
		default:
		}
		code, _, err := s.ask(ctx, "/readyz")
		return err == nil && code == http.StatusOK, nil
	})
}

func (s *service) ask(ctx context.Context, path string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.ops+path, nil)
	if err != nil {
		return 0, "", fmt.Errorf("ask service: %w", err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("ask service: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", fmt.Errorf("ask service: %w", err)
	}
	return resp.StatusCode, string(text), nil
}

// stopService ends the service and takes its subscriptions off the PBX.
func (x *run) stopService(ctx context.Context) error {
	return errors.Join(x.service.stop(), x.ari.forget(context.WithoutCancel(ctx), application))
}

// ended waits until no call of the trial is open or under way any more, as long as may be.
func (x *run) ended(ctx context.Context, sequence int) error {
	err := wait(ctx, quietLimit, "the calls to end", func() (bool, error) {
		var open int
		err := x.pool.QueryRow(ctx, `SELECT count(*) FROM occurrence WHERE scheme_id = $1 AND sequence = $2 AND ended_at IS NULL
			AND kind = 'scheduled'`, x.scheme.Key, sequence).Scan(&open)
		if err != nil {
			return false, fmt.Errorf("count open calls: %w", err)
		}
		return open == 0, nil
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil // The trial is not clean: the calls are missing.
	}
	return err
}

// counters reads the service's metrics, summed over all labels but the name of a histogram's bucket, and those of the
// database.
func (x *run) counters(ctx context.Context) (map[string]float64, error) {
	_, text, err := x.service.ask(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name, value, found := strings.Cut(lines.Text(), " ")
		if i := strings.LastIndexByte(lines.Text(), '}'); i > 0 {
			name, value = lines.Text()[:i+1], strings.TrimSpace(lines.Text()[i+1:])
		}
		if !found || strings.HasPrefix(name, "#") || strings.Contains(name, "_bucket") {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		bare, labels, _ := strings.Cut(name, "{")
		all[bare] += n
		if _, after, ok := strings.Cut(labels, `command="`); ok {
			command, _, _ := strings.Cut(after, `"`)
			all[bare+":"+command] += n
		}
	}
	var commits, events int64
	err = x.pool.QueryRow(ctx, `SELECT d.xact_commit, l.event_number FROM pg_stat_database d, scheme_lead l
		WHERE d.datname = current_database() AND l.scheme_id = $1`, x.scheme.Key).Scan(&commits, &events)
	if err != nil {
		return nil, fmt.Errorf("read statistics of the database: %w", err)
	}
	all["commits"], all["events"] = float64(commits), float64(events)
	return all, nil
}
