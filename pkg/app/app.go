package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rappel-tel/rappel/pkg/asterisk"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/speech"
)

const (
	closeLimit    = 5 * time.Second // For a part that only lets go of what it holds.
	headerLimit   = 10 * time.Second
	idleLimit     = 2 * time.Minute
	maxHeaderSize = 64 << 10
	// spoolFile is where outcomes are kept while the database is away.
	spoolFile = "outcomes.spool"
)

// App is one process of the service. New builds it and binds its ports, Run works until told to stop; Close undoes New when
// Run was never called.
type App struct {
	cfg      Config
	log      *zap.Logger
	registry *prometheus.Registry
	now      func() time.Time // The service's clock.
	clock    *steadyClock     // Real time.
	listen   listenFunc
	steps    []stopStep
	tasks    []task
	healths  []health
	draining atomic.Bool

	store *postgres.Store
	bus   *natsbus.Bus
	// Nil in a process without the role.
	pbx        *asterisk.Switch
	connector  *callflow.Connector
	dispatcher *dispatch.Dispatcher
	witness    *witness
	books      *books
	voice      *speech.Voice
	reformat   atomic.Bool // Trunks ask for prompts in a codec that they were not written in.
	fleet      *fleet      // The PBXs of all nodes; nil where no other node shares the event bus.
	reach      *reach      // To the nodes that lead other schemes; nil when schemes are not spread.

	node   string          // The name of this node; only where calls are made.
	leases *natsbus.Leases // Nil when no other node shares the event bus.
	// Of the part that leads.
	pbxSeen     time.Time // When the PBX was last seen to be there.
	recordsSeen time.Time // When the records were.
	checkedIn   time.Time // When they were told last that this node is there.
	clockSeen   time.Time // When the clock was last seen to be right.
	clockAhead  prometheus.Gauge
	spread      spread    // How the schemes are spread over the nodes; nil when they are not.
	gave        time.Time // When a scheme was last given away.

	relay    relay
	accounts struct {
		mu    sync.Mutex
		known int64 // The version of the records' accounts that the PBX has; 0 is none.
		calm  int   // Looks since the last change.
	}
	migrated atomic.Bool   // The schema was seen to be current.
	spoken   chan struct{} // Closed once the dialplan's prompts are there, or cannot be had.

	opsAddr, webAddr net.Addr
}

// task is something that runs until its context ends. One that returns an error stops the service.
type task struct {
	name string
	run  func(context.Context) error
}

// New builds every part of the roles and binds the ports, so that a test may use port 0 and ask Addr. It starts nothing that
// acts: that is Run. The database and the PBX may be away. On an error nothing is left behind.
func New(ctx context.Context, cfg Config, log *zap.Logger) (*App, error) {
	return build(ctx, cfg, log, net.Listen)
}

// Check builds what New builds, short of listening and of touching the service's own files, and takes it down again. It may
// run beside the service.
func Check(ctx context.Context, cfg Config) (err error) {
	dir, err := os.MkdirTemp("", "rappel-check-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg.Data, cfg.Asterisk.Sounds = dir, filepath.Join(dir, "sounds")
	a, err := build(ctx, cfg, zap.NewNop(), func(string, string) (net.Listener, error) { return deaf{}, nil })
	if err != nil {
		return err
	}
	return a.Close()
}

// deaf is a listener that listens nowhere.
type deaf struct{}

// Accept implements net.Listener.
func (deaf) Accept() (net.Conn, error) { return nil, net.ErrClosed }

// Close implements net.Listener.
func (deaf) Close() error { return nil }

// Addr implements net.Listener.
func (deaf) Addr() net.Addr { return &net.TCPAddr{} }

type listenFunc func(network, address string) (net.Listener, error)

func build(ctx context.Context, cfg Config, log *zap.Logger, listen listenFunc) (_ *App, err error) {
	a := &App{
		cfg: cfg, log: log, registry: prometheus.NewRegistry(), clock: newSteadyClock(), listen: listen,
		spoken: make(chan struct{}),
	}
	a.now = newClock(cfg.Clock, a.clock)
	a.relay = newRelay()
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := a.takeData(); err != nil {
		return nil, err
	}
	// First, to be stopped last: whoever drains is there still.
	if s, watched := supervised(os.Getenv); watched {
		a.onStop("supervisor", closeLimit, a.background("supervisor", s.run))
	}
	if a.opsAddr, err = a.serve("ops", cfg.Ops.Listen, a.opsHandler()); err != nil {
		return nil, err
	}
	if err := a.buildRecords(ctx); err != nil {
		return nil, err
	}
	if a.callsHere() {
		if err := a.buildCalls(ctx); err != nil {
			return nil, err
		}
	}
	if cfg.Has(RoleWeb) {
		if err := a.buildPages(); err != nil {
			return nil, err
		}
	}
	// Registered last, so that it is stopped first: everything else still works while calls finish.
	a.onStop("drain", cfg.Drain, a.drain)
	return a, nil
}

// callsHere reports whether this process makes the calls.
func (a *App) callsHere() bool { return a.cfg.Has(RoleSwitch) || a.cfg.Has(RoleDispatch) }

// takeData makes the data directory and keeps other processes that make calls out of it: two of them would ruin the spool
// and the event bus.
func (a *App) takeData() error {
	if err := os.MkdirAll(a.cfg.Data, 0o750); err != nil {
		return fmt.Errorf("make data directory: %w; set data: to a directory the service may write to", err)
	}
	if !a.callsHere() {
		return nil
	}
	path := filepath.Join(a.cfg.Data, "lock")
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock data directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		err = fmt.Errorf("lock %s: another rappel works with it: %w; stop that one, or give this one a data: of its own", path, err)
		return errors.Join(err, lock.Close())
	}
	// The lock ends with the process. Closing the file alone would leave it to whatever process is just being started, which
	// holds a copy until it runs its program.
	a.onStop("data directory", closeLimit, func(context.Context) error {
		return errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN), lock.Close())
	})
	a.node, err = nodeName(a.cfg.Data)
	return err
}

// background registers a part that runs in a goroutine of its own from Run until its stop function is called.
func (a *App) background(name string, run func(context.Context) error) (stop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	started := make(chan struct{}, 1) // Says that there is a goroutine to wait for.
	a.tasks = append(a.tasks, task{name, func(context.Context) error {
		started <- struct{}{}
		defer close(done)
		return run(ctx)
	}})
	return func(limit context.Context) error {
		cancel()
		select {
		case <-started:
		default:
			return nil
		}
		select {
		case <-done:
			return nil
		case <-limit.Done():
			return limit.Err()
		}
	}
}

// again does work now and every so often until the context ends; real time. Work that fails is complained of once, until it
// has gone well again.
func (a *App) again(ctx context.Context, every time.Duration, complaint string, work func(context.Context) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	quiet := false
	for {
		err := work(ctx)
		if err != nil && !quiet && ctx.Err() == nil {
			a.log.Warn(complaint, zap.Error(err))
		}
		quiet = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// ensureSchema sees that the database has the schema of this program, and migrates it when the owner's address is
// configured.
func (a *App) ensureSchema(ctx context.Context) error {
	if a.migrated.Load() {
		return nil
	}
	if a.cfg.Postgres.OwnerURL != "" {
		if err := Migrate(ctx, a.cfg, a.log.Named("postgres")); err != nil {
			return err
		}
	}
	_, _, err := a.store.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	a.migrated.Store(true)
	return nil
}

// Migrate brings the database that cfg names to the schema of this program, as its owner, and lets the service's login take
// the role it works as. Again changes nothing.
func Migrate(ctx context.Context, cfg Config, log *zap.Logger) error {
	owner := cfg.Postgres.OwnerURL
	if owner == "" {
		owner = cfg.Postgres.URL
	}
	if err := postgres.Migrate(ctx, owner.Value(), log); err != nil {
		const denied = "42501" // insufficient_privilege
		if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == denied {
			return fmt.Errorf("%w; migrations need the owner of the database, who may make roles: sudo -u postgres psql -c 'ALTER ROLE %s CREATEROLE', or set postgres.owner_url",
				err, login(owner))
		}
		return err
	}
	if cfg.Postgres.Role != postgres.AppRole {
		return nil // Somebody else made it, and admits to it.
	}
	return postgres.Admit(ctx, owner.Value(), cfg.Postgres.URL.Value())
}

// login is the user of a database's address, quoted for SQL; "rappel" when there is none.
func login(url Secret) string {
	config, err := pgx.ParseConfig(url.Value())
	if err != nil || config.User == "" {
		return "rappel"
	}
	return pgx.Identifier{config.User}.Sanitize()
}

// Outdated reports whether an error means that the database was never migrated, or by an older release. The migrations make
// the role that the service takes, so before the first one the connection itself is refused.
func Outdated(err error) bool {
	const noSuchRole = "22023" // invalid_parameter_value, here of the role.
	var refused *pgconn.PgError
	return errors.Is(err, postgres.ErrOldSchema) || (errors.As(err, &refused) && refused.Code == noSuchRole)
}

// buildRecords opens the database and the event bus.
func (a *App) buildRecords(ctx context.Context) error {
	spool := ""
	if a.callsHere() {
		spool = filepath.Join(a.cfg.Data, spoolFile)
	}
	store, err := postgres.New(ctx, postgres.Options{
		URL: a.cfg.Postgres.URL.Value(), Role: a.cfg.Postgres.Role, Connections: a.cfg.Postgres.Connections,
		Patience: a.cfg.Postgres.Patience, KeepEvents: a.cfg.Postgres.KeepEvents, Spool: spool, Logger: a.log.Named("postgres"),
		RefusalKey: a.cfg.RefusalKey(),
		// The store and the bus know each other through this App alone; nothing is committed before both are there.
		Publish: a.publish,
	})
	if err != nil {
		return fmt.Errorf("open records: %w", err)
	}
	if a.callsHere() { // Made now, so that it is there to be copied to further nodes and kept with backups.
		if _, err := a.cfg.RefusalKey()(); err != nil {
			a.log.Warn("refusals cannot be kept", zap.Error(err))
		}
	}
	a.store = store
	a.onStop("records", closeLimit, func(context.Context) error { return store.Close() })
	if a.cfg.NATS.URL == "" && !a.callsHere() {
		// The embedded server and its files belong to the process that makes the calls. Pages read every two seconds.
		return nil
	}
	bus, err := natsbus.New(ctx, natsbus.Options{
		URL: a.cfg.NATS.URL, Credentials: a.cfg.NATS.Credentials, StoreDir: filepath.Join(a.cfg.Data, "nats"),
		MaxMemory: int64(a.cfg.NATS.MaxMemory) << 20, MaxStore: int64(a.cfg.NATS.MaxDisk) << 20,
		MaxBytes: int64(a.cfg.NATS.MaxDisk) << 19, MaxAge: a.cfg.NATS.MaxAge, Replicas: a.cfg.NATS.Replicas,
		Log: store, Logger: a.log.Named("events"), Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("open event bus: %w", err)
	}
	a.bus = bus
	a.onStop("event bus", closeLimit, bus.Close)
	if spool != "" {
		a.onStop("spool", closeLimit, a.background("spool", func(ctx context.Context) error { return store.Run(ctx, a.now) }))
	}
	return nil
}

// serve binds a port and registers the server as a task.
func (a *App) serve(name, listen string, handler http.Handler) (net.Addr, error) {
	listener, err := a.listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w; is another rappel running? choose another %s.listen", name, err, name)
	}
	stdlog, err := zap.NewStdLogAt(a.log.Named(name), zap.DebugLevel)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make %s log: %w", name, err), listener.Close())
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerLimit, ReadTimeout: time.Minute, IdleTimeout: idleLimit,
		MaxHeaderBytes: maxHeaderSize, ErrorLog: stdlog,
	}
	certificate, key := "", ""
	if name == RoleWeb {
		certificate, key = a.cfg.Web.Certificate, a.cfg.Web.Key
	}
	a.onStop(name+" server", closeLimit, func(ctx context.Context) error {
		if err := server.Shutdown(ctx); err != nil {
			return errors.Join(err, server.Close())
		}
		// A server that never served does not own its listener yet.
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	a.tasks = append(a.tasks, task{name + " server", func(context.Context) error {
		var err error
		if certificate != "" {
			err = server.ServeTLS(listener, certificate, key)
		} else {
			err = server.Serve(listener)
		}
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	}})
	return listener.Addr(), nil
}

// Addr is where the pages and the probes are served; nil for a role this process does not play.
func (a *App) Addr() (pages, ops net.Addr) { return a.webAddr, a.opsAddr }

// Run works until ctx ends, then drains: it stops claiming and lets calls finish up to the drain limit, or until abort ends.
// It stops everything before it returns. The error says what failed, or nil.
func (a *App) Run(ctx, abort context.Context) error {
	look, cancel := context.WithTimeout(ctx, a.cfg.Postgres.Patience)
	err := a.ensureSchema(look)
	cancel()
	switch {
	case Outdated(err):
		return errors.Join(err, a.Close())
	case err != nil:
		a.log.Warn("the database is away; nothing new is dialled until it answers", zap.Error(err))
	}
	if a.books != nil {
		// Whoever rings in the moment of the start hears what was published before.
		look, cancel := context.WithTimeout(ctx, a.cfg.Postgres.Patience)
		_ = a.books.look(look) // It is tried again, and complained of, every second.
		cancel()
	}
	// A failed part ends running; the tasks themselves end by their stop steps, in order.
	group, running := errgroup.WithContext(abort)
	tasks, stopTasks := context.WithCancel(context.WithoutCancel(abort))
	defer stopTasks()
	for _, t := range a.tasks {
		group.Go(func() error {
			if err := t.run(tasks); err != nil && tasks.Err() == nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			return nil
		})
	}
	a.log.Info("serving", zap.Strings("roles", a.cfg.Roles), addrField("pages", a.webAddr), addrField("ops", a.opsAddr))
	select {
	case <-ctx.Done():
		a.log.Info("stopping: no new call is made; calls under way may finish", zap.Duration("drain_limit", a.cfg.Drain))
	case <-running.Done():
		a.log.Error("stopping: a part failed")
	}
	a.draining.Store(true)
	stopErr := a.stop(abort)
	stopTasks()
	err = errors.Join(group.Wait(), stopErr)
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}

// Close lets go of everything New took.
func (a *App) Close() error { return a.stop(context.Background()) }

func addrField(name string, addr net.Addr) zap.Field {
	if addr == nil {
		return zap.Skip()
	}
	return zap.Stringer(name, addr)
}
