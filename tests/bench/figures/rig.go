package figures

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// rig is what the figures share. Its parts are made when the first figure asks for them.
type rig struct {
	o      Options
	inst   *setup.Installation
	dir    string
	server *setup.Postgres
	towns  map[town]built
	peers  string // The peers' program; empty until it is built.
}

func newRig(ctx context.Context, o Options) (*rig, error) {
	inst, err := setup.Prepare(ctx, setup.Options{Dir: filepath.Join(o.Root, ".rappel"), WithoutAsterisk: true})
	if err != nil {
		return nil, err
	}
	r := &rig{o: o, inst: inst, towns: map[town]built{}}
	if r.dir, err = inst.NewRunDir("figures"); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *rig) close(ctx context.Context) error {
	var err error
	if r.server != nil {
		err = r.server.Close(ctx)
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}

// postgres starts the server that all sides share, as durable as a town's: fsync and synchronous_commit are on.
func (r *rig) postgres(ctx context.Context) (*setup.Postgres, error) {
	if r.server != nil {
		return r.server, nil
	}
	server, err := setup.StartPostgres(ctx, setup.PostgresOptions{
		Installation: r.inst, RunDir: filepath.Join(r.dir, "postgres"),
		Settings: map[string]string{
			"shared_buffers": "512MB", "max_wal_size": "4GB", "wal_compression": "on", "maintenance_work_mem": "512MB",
		},
	})
	if err != nil {
		return nil, err
	}
	r.server = server
	return server, nil
}

// admin runs statements that make and drop databases.
func (r *rig) admin(ctx context.Context, statements ...string) (err error) {
	server, err := r.postgres(ctx)
	if err != nil {
		return err
	}
	return execute(ctx, server.DatabaseURL("postgres"), statements...)
}

// execute runs statements one after the other.
func execute(ctx context.Context, url string, statements ...string) error {
	return connected(ctx, url, func(conn *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("%s: %w", firstWords(statement), err)
			}
		}
		return nil
	})
}

// connected runs work with a connection of its own.
func connected(ctx context.Context, url string, work func(*pgx.Conn) error) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return work(conn)
}

func firstWords(statement string) string {
	words := strings.Fields(statement)
	return strings.Join(words[:min(4, len(words))], " ")
}

// onFresh runs work on a database made from a template, with all of it on disk, and drops it.
func (r *rig) onFresh(ctx context.Context, template string, work func(url string) error) error {
	const name = "fresh"
	if err := r.copyOf(ctx, template, name); err != nil {
		return err
	}
	// What the side before has left must not be collected in this one's time.
	runtime.GC()
	err := work(r.server.DatabaseURL(name))
	return errors.Join(err, r.admin(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)"))
}

func (r *rig) copyOf(ctx context.Context, template, name string) error {
	return r.admin(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)",
		"CREATE DATABASE "+name+" TEMPLATE "+template+" STRATEGY FILE_COPY", "CHECKPOINT")
}

// raw is the template of a side that makes its own tables.
const raw = "template0"

// peer runs the program of the peers' module and returns the numbers that it prints. It is a module of its own, so that this
// one does not depend on what it is compared with.
func (r *rig) peer(ctx context.Context, args ...string) (map[string]float64, error) {
	if r.peers == "" {
		program := filepath.Join(r.dir, "river")
		build := exec.CommandContext(ctx, "go", "build", "-o", program, "./river")
		build.Dir = filepath.Join(r.o.Root, "tests", "bench", "peers")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build River: %w: %s", err, strings.TrimSpace(string(out)))
		}
		r.peers = program
	}
	c := exec.CommandContext(ctx, r.peers, args...)
	out, err := c.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("run River: %w", err)
	}
	numbers := map[string]float64{}
	if err := json.Unmarshal(out, &numbers); err != nil {
		return nil, fmt.Errorf("read River's numbers: %w", err)
	}
	return numbers, nil
}

// usage is where the processors' time goes while something is measured.
type usage struct {
	postgres, bench, busy, all time.Duration
}

func (r *rig) used() (u usage, err error) {
	var errs [3]error
	u.postgres, errs[0] = measure.OfFamily(r.server.PID())
	u.bench, errs[1] = measure.OfProcess(os.Getpid())
	u.busy, u.all, errs[2] = measure.OfMachine()
	return u, errors.Join(errs[:]...)
}

// since says who used how much of the processors since an earlier look, in a sentence.
func (u usage) since(before usage) string {
	wall := max(u.all-before.all, measure.Tick).Seconds() / float64(runtime.NumCPU())
	postgres, bench := (u.postgres-before.postgres).Seconds()/wall, (u.bench-before.bench).Seconds()/wall
	others := max(0, (u.busy-before.busy).Seconds()/wall-postgres-bench)
	return fmt.Sprintf("of %d processors PostgreSQL kept %.2f busy, Rappel %.2f, everything else on the machine %.2f",
		runtime.NumCPU(), postgres, bench, others)
}
