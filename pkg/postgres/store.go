package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// AppRole is the role as which the service works: it may define nothing and cannot rewrite history. The migrations make
// it; the login of the service is a member of it, or a superuser.
const AppRole = "rappel_app"

// Options say how to reach the database. The zero value of a duration or count means its default.
type Options struct {
	URL  string // postgres://…; required.
	Role string // Role taken by every connection; AppRole by default, "none" keeps the login's own.
	// Connections is how many are kept open at most, 8 by default; of 2 a third one is made when it is needed.
	Connections int
	// Patience is how long one operation may take before the database counts as away, 5 s by default. A batch that
	// waits for its turn behind others waits as long at most.
	Patience time.Duration
	// Spool is the file for outcomes while the database is away; empty means that there is none and they are refused.
	Spool string
	// KeepEvents is how long events are kept, in whole days; 0 keeps them for ever.
	KeepEvents time.Duration
	// Publish takes the events of every committed transaction, in the scheme's order, before the call that wrote them
	// returns. It must not block. Nil means that nobody listens.
	Publish func([]call.Event)
	// RefusalKey returns the key under which refusals are kept as hashes, 32 bytes at least, outside the database. It is asked
	// for when it is needed; nil means that there is none.
	RefusalKey func() ([]byte, error)
	Logger     *zap.Logger // Nil logs nothing.
}

func (o *Options) validate() error {
	if o.URL == "" {
		return errors.New("postgres: Options.URL is empty: give the address of a database")
	}
	if o.Role == "" {
		o.Role = AppRole
	}
	if o.Connections == 0 {
		o.Connections = 8
	}
	if o.Connections < 2 {
		return fmt.Errorf("postgres: Options.Connections is %d, at least 2 are needed", o.Connections)
	}
	if o.Patience == 0 {
		o.Patience = 5 * time.Second
	}
	if o.Publish == nil {
		o.Publish = func([]call.Event) {}
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return nil
}

// Store keeps a whole installation. Its methods are safe for use by several goroutines.
type Store struct {
	opts  Options
	log   *zap.Logger
	pool  *pgxpool.Pool // Reads, and writes of people and schemes.
	query *sqldb.Queries
	// writers and batches carry everything that is written under a scheme's lock: batches those of dispatch.
	writers *pgxpool.Pool
	batches *pgxpool.Pool
	spool   *Spool // Nil when there is none.

	mu    sync.Mutex // Guards turns, lasts and memories.
	turns map[int64]chan struct{}
	// memories belong to whoever has the scheme's turn.
	memories map[int64]*memory
	lasts    map[int64]int64 // By scheme: the last event that a batch of this process committed.
	grown    growth
	// replaying is held by whoever brings the spool to the database.
	replaying chan struct{}
}

var _ dispatch.Store = (*Store)(nil)

// New opens a store. It does not connect: a database that is away shows in the first operation, so that the service can
// start without it. Close ends it.
func New(ctx context.Context, opts Options) (*Store, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	pool, err := openPool(ctx, opts, opts.Connections-opts.Connections/2, readerSettings())
	if err != nil {
		return nil, err
	}
	half := opts.Connections / 2
	writers, err := openPool(ctx, opts, max(1, half/2), writerSettings())
	if err != nil {
		pool.Close()
		return nil, err
	}
	batches, err := openPool(ctx, opts, half-half/2, batchSettings())
	if err != nil {
		pool.Close()
		writers.Close()
		return nil, err
	}
	s := &Store{opts: opts, log: opts.Logger, pool: pool, query: sqldb.New(pool), writers: writers, batches: batches, turns: map[int64]chan struct{}{}, lasts: map[int64]int64{},
		memories: map[int64]*memory{}, replaying: make(chan struct{}, 1)}
	if opts.Spool != "" {
		if s.spool, err = OpenSpool(opts.Spool); err != nil {
			s.closePools()
			return nil, err
		}
	}
	return s, nil
}

// Close gives back every connection once it is idle, and closes the spool.
func (s *Store) Close() error {
	s.closePools()
	if s.spool == nil {
		return nil
	}
	return s.spool.Close()
}

func (s *Store) closePools() {
	s.pool.Close()
	s.writers.Close()
	s.batches.Close()
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("ping database: %w", storeError(err))
	}
	return nil
}

// readerSettings make every plan anew: pages and reports are asked for seldom, over tables that grow.
func readerSettings() map[string]string {
	return map[string]string{"plan_cache_mode": "force_custom_plan"}
}

// writerSettings keep plans: the same is asked all day. A plan made while the tables were small is made anew when they are
// analysed.
func writerSettings() map[string]string {
	return map[string]string{"plan_cache_mode": "force_generic_plan", "jit": "off"}
}

// batchSettings also allow nothing but lookups by keys: a batch asks for a few rows, and a plan made while the tables
// were empty would read them whole for each, while the calls of a morning come faster than the database looks how the
// tables have grown: deploy/decisions/0009.
func batchSettings() map[string]string {
	settings := writerSettings()
	settings["enable_seqscan"], settings["enable_hashjoin"], settings["enable_mergejoin"] = "off", "off", "off"
	return settings
}

func openPool(ctx context.Context, opts Options, connections int, settings map[string]string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(opts.URL)
	if err != nil {
		// The error would repeat the address, password included.
		return nil, errors.New("postgres: Options.URL is not the address of a database (postgres://user:password@host:port/name)")
	}
	config.MaxConns = int32(connections)
	config.ConnConfig.ConnectTimeout = opts.Patience
	params := config.ConnConfig.RuntimeParams
	if opts.Role != "none" {
		params["role"] = opts.Role
	}
	params["timezone"] = "UTC"
	params["application_name"] = "rappel"
	// A commit is durable before anybody is rung, whatever the server's default; an idle transaction would keep a
	// scheme's lock.
	params["synchronous_commit"] = "on"
	params["idle_in_transaction_session_timeout"] = "10s"
	params["search_path"] = "public"
	maps.Copy(params, settings)
	config.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		useArrays(conn.TypeMap())
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open connection pool: %w", err)
	}
	return pool, nil
}

// inTx runs work in one read-committed transaction of a pool.
func (s *Store) inTx(ctx context.Context, pool *pgxpool.Pool, work func(*sqldb.Queries) error) error {
	return s.inTxFor(ctx, pool, s.opts.Patience, work)
}

// inTxFor is inTx for work that touches everybody and may take longer than one operation.
func (s *Store) inTxFor(ctx context.Context, pool *pgxpool.Pool, patience time.Duration, work func(*sqldb.Queries) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return work(s.query.WithTx(tx)) })
}
