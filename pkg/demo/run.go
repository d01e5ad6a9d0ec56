package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup"
)

// Options say how the demonstration is played.
type Options struct {
	Dir   string  // Installation directory, usually ".rappel"; required.
	Run   string  // Where this run's Postgres, Asterisk and service write; empty means Dir.
	Seed  uint64  // Of people and their behaviour; 0 means 1.
	Speed float64 // Seconds of the demonstration's clock per real one; 0 means 30, or what suits Calls.
	Calls int     // End after so many attempts; 0 plays until the context ends.
	JSON  bool    // Print the result as one JSON object on Stdout.
	// Listen is where the wall is served; empty means 127.0.0.1:8080.
	Listen string

	// Addresses of parts that run elsewhere; each empty one is started here. Postgres is a server on which a database may be
	// made; it is dropped in the end. ARI is http://user:password@host:8088/ari, with the parameters sip=host:port,
	// accounts=FILE and trunks=FILE (which that PBX includes), sounds=DIR (as seen here) and pbx_sounds=DIR (as seen there).
	Postgres, NATS, ARI string

	Stdout   io.Writer        // For the JSON object only; nil means that nobody reads it.
	Stderr   io.Writer        // For what the visitor reads; nil means nothing is told.
	Progress func(setup.Step) // Steps of the set-up; nil tells them on Stderr.
	Logger   *zap.Logger      // Of the service; nil logs nothing.
}

func (o *Options) fill() error {
	if o.Dir == "" {
		return errors.New("demo options: the directory is missing")
	}
	if o.Calls < 0 || o.Speed < 0 || o.Speed > 1000 {
		return errors.New("demo options: calls must not be negative, speed from 0 (for the default) to 1000")
	}
	if o.Run == "" {
		o.Run = o.Dir
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Speed == 0 {
		o.Speed = 30
		if o.Calls > 0 {
			// Twelve callers talk through some fourteen calls a minute; the day's 450 minutes should hold them all.
			o.Speed = math.Round(min(max(450/(float64(o.Calls)/14+1), 20), 90))
		}
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:8080"
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Progress == nil {
		o.Progress = func(s setup.Step) {
			switch {
			case s.Err != nil:
				o.tell("  %s: %v", s.Name, s.Err)
			case s.Done:
				o.tell("  %s: done in %s", s.Name, s.Took.Round(time.Millisecond))
			default:
				o.tell("  %s …", s.Name)
			}
		}
	}
	return nil
}

// tell writes a line for the visitor.
func (o *Options) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(o.Stderr, format+"\n", args...) // A terminal that is gone changes nothing.
}

// How long the parts have, in real time.
const (
	readyPatience = time.Minute
	stopPatience  = 20 * time.Second
	lookEvery     = 250 * time.Millisecond
)

// Run plays the demonstration until ctx ends, or until Options.Calls attempts have ended. It stops what it started and nothing
// else. The error wraps ErrBroken when an invariant broke. A ctx that ends is no error, unless Options.Calls attempts were to be
// made: then it wraps ErrCutShort.
func Run(ctx context.Context, options Options) (Result, error) {
	if err := options.fill(); err != nil {
		return Result{}, err
	}
	// Attempts are a few more than calls due, since the busy and the absent are tried again.
	p := &play{Options: options, cast: scheme(options.Seed, max(DueOnDay, options.Calls))}
	result, err := p.run(ctx)
	if stopErr := p.stop(); stopErr != nil {
		err = errors.Join(err, stopErr)
	}
	calledOff := ctx.Err() != nil && !p.begun // During the set-up, which says so in many ways.
	if calledOff || (err == nil && ctx.Err() != nil && result.Attempts < options.Calls) {
		err = nil
		if options.Calls > 0 {
			err = fmt.Errorf("%w: %d of %d attempts were made", ErrCutShort, result.Attempts, options.Calls)
		}
	}
	if calledOff || (err != nil && !errors.Is(err, ErrBroken) && !errors.Is(err, ErrCutShort)) {
		return result, err
	}
	if options.JSON {
		encoded, encodeErr := json.Marshal(result)
		if encodeErr != nil {
			return result, errors.Join(err, fmt.Errorf("write result: %w", encodeErr))
		}
		if _, writeErr := fmt.Fprintln(options.Stdout, string(encoded)); writeErr != nil {
			return result, errors.Join(err, fmt.Errorf("write result: %w", writeErr))
		}
	}
	return result, err
}

// play is one demonstration under way.
type play struct {
	Options
	cast  Cast
	begun bool
	steps []step

	database *database
	stage    *stage
	pbx      pbx
	field    *Field
	service  *app.App
}

// step is one thing to undo; steps run in reverse.
type step struct {
	name string
	undo func(context.Context) error
}

func (p *play) onStop(name string, undo func(context.Context) error) {
	p.steps = append(p.steps, step{name, undo})
}

func (p *play) stop() error {
	var errs []error
	for _, step := range slices.Backward(p.steps) {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		if err := step.undo(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", step.name, err))
		}
		cancel()
	}
	p.steps = nil
	return errors.Join(errs...)
}

func (p *play) run(ctx context.Context) (Result, error) {
	if err := p.checkListen(); err != nil {
		return Result{}, err
	}
	if err := p.checkElsewhere(ctx); err != nil {
		return Result{}, err
	}
	p.tell("Rappel: setting up in %s", p.Dir)
	begin := time.Now()
	if err := p.startParts(ctx); err != nil {
		return Result{}, err
	}
	if err := p.openNetwork(); err != nil {
		return Result{}, err
	}
	stage, err := setStage(ctx, p.database, p.cast, p.field.TrunkAddr(), p.Logger)
	if err != nil {
		return Result{}, err
	}
	p.stage = stage
	p.onStop("records", func(context.Context) error { return stage.store.Close() })
	failed, err := p.startService(ctx)
	if err != nil {
		return Result{}, err
	}
	accounts, err := stage.accounts(ctx, p.cast.Start)
	if err != nil {
		return Result{}, err
	}
	gettingReady, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	if err := p.awaitService(gettingReady, failed); err != nil {
		return Result{}, err
	}
	if err := p.field.Staff(gettingReady, accounts); err != nil {
		return Result{}, err
	}
	p.tell("Ready in %s.", time.Since(begin).Round(100*time.Millisecond))
	if err := p.invite(ctx); err != nil {
		return Result{}, err
	}
	p.begun = true
	return p.watch(ctx, failed)
}

// checkListen sees that the wall's address is free before anything is set up.
func (p *play) checkListen() error {
	listener, err := net.Listen("tcp", p.Listen) //nolint:noctx // Binding does not block.
	if errors.Is(err, syscall.EADDRINUSE) {
		return p.taken()
	}
	if err != nil {
		return fmt.Errorf("serve the wall on %s: %w; choose another address: --listen 127.0.0.1:8080", p.Listen, err)
	}
	return listener.Close()
}

func (p *play) taken() error {
	return fmt.Errorf("%s is taken, by another demonstration perhaps; choose another address for the wall: --listen 127.0.0.1:8081", p.Listen)
}

// startParts starts Postgres and Asterisk side by side, unless they run elsewhere.
func (p *play) startParts(ctx context.Context) error {
	installation, err := setup.Prepare(ctx, setup.Options{
		Dir: p.Dir, Progress: p.Progress, WithoutAsterisk: p.ARI != "", WithoutPostgres: p.Postgres != "",
	})
	if err != nil {
		return err
	}
	var (
		cluster  *setup.Postgres
		asterisk *setup.Asterisk
	)
	group, starting := errgroup.WithContext(ctx)
	if p.Postgres == "" {
		group.Go(func() (err error) {
			cluster, err = setup.StartPostgres(starting, setup.PostgresOptions{Installation: installation, RunDir: filepath.Join(p.Run, "postgres")})
			return err
		})
	}
	if p.ARI == "" {
		group.Go(func() (err error) {
			asterisk, err = setup.StartAsterisk(starting, setup.AsteriskOptions{Installation: installation, RunDir: filepath.Join(p.Run, "asterisk")})
			return err
		})
	}
	err = group.Wait()
	if cluster != nil {
		p.onStop("PostgreSQL", cluster.Close)
	}
	if asterisk != nil {
		p.onStop("Asterisk", asterisk.Close)
	}
	if err != nil {
		return err
	}
	server := p.Postgres
	if cluster != nil {
		server = cluster.URL()
	}
	if p.database, err = makeDatabase(ctx, server, cluster != nil); err != nil {
		return fmt.Errorf("%w (server %s)", err, redact(server))
	}
	p.onStop("database", p.database.drop)
	if asterisk != nil {
		p.pbx = ownPBX(installation, asterisk)
		return nil
	}
	p.pbx, err = otherPBX(p.ARI)
	return err
}

// openNetwork opens the simulated network, so that its address can be written into the records. The PBX knows it by an
// address of its own on the loopback.
func (p *play) openNetwork() error {
	var visitors []string
	for i, b := range p.cast.Beneficiaries {
		if i%9 == 0 {
			visitors = append(visitors, b.Numbers[0].E164)
		}
	}
	field, err := OpenField(FieldOptions{
		Seed: p.Seed, PBX: p.pbx.sip.String(), Trunk: p.pbx.network, Line: p.cast.Line, Visitors: visitors, Logger: zap.NewNop(),
	})
	if err != nil {
		return err
	}
	p.field = field
	p.onStop("telephones", func(context.Context) error { field.Close(); return nil })
	return nil
}

// startService builds the service and runs it. What it ends with arrives on the channel, which has room for it.
func (p *play) startService(ctx context.Context) (<-chan error, error) {
	data := filepath.Join(p.Run, "demo")
	// Nothing in it outlives its database.
	if err := os.RemoveAll(data); err != nil {
		return nil, fmt.Errorf("clear %s: %w", data, err)
	}
	config := app.Defaults()
	config.Data = data
	config.Drain = 2 * time.Second
	config.Clock = app.ClockConfig{Start: p.cast.Start, Speed: p.Speed}
	config.Postgres.URL = app.Secret(p.database.URL)
	config.NATS.URL = p.NATS
	p.pbx.configure(&config)
	config.Web.Listen = p.Listen
	config.Ops.Listen = "127.0.0.1:0"
	service, err := app.New(ctx, config, p.Logger)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, p.taken()
	}
	if err != nil {
		return nil, err
	}
	p.service = service
	// The service ends by its own step of stop, not with ctx: telephones and records must still be there.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	aborted, abort := context.WithCancel(context.WithoutCancel(ctx))
	failed := make(chan error, 1) // Room for the one answer: nobody may listen any more.
	ended := make(chan error, 1)  // The same for stop.
	go func() {
		err := service.Run(running, aborted)
		failed <- err
		ended <- err
	}()
	p.onStop("service", func(ctx context.Context) error {
		stop()
		defer abort()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			abort()
			return <-ended
		}
	})
	return failed, nil
}

// awaitService waits until the service has the PBX and leads the scheme: a caller who goes ready before that would be told
// that it is away.
func (p *play) awaitService(ctx context.Context, failed <-chan error) error {
	_, ops := p.service.Addr()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	why := []byte("it says nothing")
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hostOf(ops)+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("await the service: %w", err)
		}
		if response, err := client.Do(request); err == nil {
			why, _ = io.ReadAll(response.Body) // Only to tell why it is not ready.
			_ = response.Body.Close()          // It was read.
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-failed:
			return fmt.Errorf("the service ended by itself: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("await the service: %w; it says: %s", ctx.Err(), bytes.TrimSpace(why))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// invite makes a one-time link to the wall and shows it.
func (p *play) invite(ctx context.Context) error {
	account, err := p.stage.store.EnsureAccount(ctx, p.stage.scheme.ID, "demo", roster.RoleCoordinator, time.Now())
	if err != nil {
		return fmt.Errorf("make sign-in link: %w", err)
	}
	token, err := auth.NewDoor(p.stage.store).Link(ctx, account, time.Now())
	if err != nil {
		return fmt.Errorf("make sign-in link: %w", err)
	}
	pages, _ := p.service.Addr()
	p.tell("\n  The wall (one use, 30 minutes):  http://%s/sign-in?link=%s", hostOf(pages), token)
	p.tell("  It is %s at the scheme's; %g of its minutes pass in one. The first calls go out at 9:30.",
		p.cast.Start.Format("Monday 2 January, 15:04"), p.Speed)
	if p.Calls > 0 {
		p.tell("  Ends after %d attempts; Ctrl-C ends it at once.\n", p.Calls)
	} else {
		p.tell("  Ctrl-C stops everything that was started here.\n")
	}
	return nil
}

func hostOf(address net.Addr) string {
	if address == nil {
		return ""
	}
	return address.String()
}

// watch lets everybody work until enough attempts have ended.
func (p *play) watch(ctx context.Context, failed <-chan error) (Result, error) {
	working, stop := context.WithCancel(ctx)
	begin := time.Now()
	p.field.Work(working)
	// Before the telephones are closed, their people stop working: this step runs before theirs.
	p.onStop("work", func(context.Context) error { stop(); return nil })
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for done := false; !done; {
		select {
		case <-ticker.C:
			if p.Calls == 0 {
				continue
			}
			_, enough, err := p.database.attempts(ctx, p.stage.scheme.Key, p.Calls)
			if err != nil && ctx.Err() == nil {
				return Result{}, err
			}
			done = enough
		case err := <-failed:
			if err == nil {
				err = errors.New("without an error")
			}
			return Result{}, fmt.Errorf("the service ended by itself: %w", err)
		case <-ctx.Done():
			done = true
		}
	}
	return p.judge(context.WithoutCancel(ctx), time.Since(begin))
}

// judge counts what happened. An attempt that goes on when the visitor leaves is not counted.
func (p *play) judge(ctx context.Context, took time.Duration) (Result, error) {
	records, summary := p.field.Ledger().Records(), p.field.Ledger().Summary()
	looking, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list, _, err := p.database.attempts(looking, p.stage.scheme.Key, p.Calls)
	if err != nil {
		return Result{}, err
	}
	var over []ended
	for _, a := range list {
		if a.result != "" {
			over = append(over, a)
			p.Logger.Info("attempt ended", zap.String("attempt", string(a.id)), zap.String("result", string(a.result)),
				zap.String("reason", string(a.reason)), zap.Int("cause", a.cause))
		}
	}
	result, err := sum(over, records, summary)
	if err != nil {
		return result, err
	}
	result.Seconds = float64(took.Round(100*time.Millisecond)) / float64(time.Second)
	p.tell("%d attempts: %d answered, %d no answer, %d busy, %d others; %d calls on the line.", result.Attempts,
		result.Answered, result.NoAnswer, result.Busy,
		result.Attempts-result.Answered-result.NoAnswer-result.Busy, result.Inbound)
	return result, result.Check()
}

// pbx is the Asterisk that the demonstration uses.
type pbx struct {
	sip       netip.AddrPort
	network   string // Where the simulated network listens.
	configure func(*app.Config)
}
