// Package burndown measures how fast due calls are dispatched durably: each is claimed with its caller, and then its outcome is
// recorded together with the next call of the agreement. Beside it, on the same server and in the same round, run the raw
// statements that such a queue needs at least, and River, a job queue on PostgreSQL.
package burndown

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/setup"
)

// Options say how much is measured. The zero value of a number means its default.
type Options struct {
	Root     string // Of the module; its .rappel holds the programs and what is run. Required.
	Calls    int    // Calls due at once; 200,000 by default, 2,000 when Quick.
	Callers  int    // Callers who are ready; 1,000 by default, 100 when Quick.
	Rounds   int    // 5 by default, 1 when Quick.
	Quick    bool   // Shows that it works, measures nothing.
	Peers    bool   // River too. It is a module of its own, which go fetches.
	Progress io.Writer
}

func (o Options) filled() (Options, error) {
	if o.Root == "" {
		return o, errors.New("burn-down: the module's folder is not given")
	}
	calls, callers, rounds := 200_000, 1000, 5
	if o.Quick {
		calls, callers, rounds = 2000, 100, 1
	}
	o.Calls, o.Callers, o.Rounds = cmp.Or(o.Calls, calls), cmp.Or(o.Callers, callers), cmp.Or(o.Rounds, rounds)
	if o.Calls < 1 || o.Callers < 1 || o.Rounds < 1 {
		return o, errors.New("burn-down: calls, callers and rounds are at least 1")
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o, nil
}

// Result holds the medians over the rounds, in calls per second, and of the rounds' ratios.
type Result struct {
	Calls   int     `json:"calls"`
	Rounds  []Round `json:"rounds"`
	Rappel  float64 `json:"rappel_per_second"`
	Raw     float64 `json:"raw_per_second"`
	River   float64 `json:"river_per_second,omitempty"`
	OfRaw   float64 `json:"ratio_to_raw"`
	OfRiver float64 `json:"ratio_to_river,omitempty"`
}

// Round is one round, in calls per second.
type Round struct {
	Rappel float64 `json:"rappel"`
	Raw    float64 `json:"raw"`
	River  float64 `json:"river,omitempty"`
}

// Run measures. What it starts is stopped again.
func Run(ctx context.Context, o Options) (_ Result, err error) {
	o, err = o.filled()
	if err != nil {
		return Result{}, err
	}
	inst, err := setup.Prepare(ctx, setup.Options{Dir: filepath.Join(o.Root, ".rappel"), WithoutAsterisk: true})
	if err != nil {
		return Result{}, err
	}
	dir, err := inst.NewRunDir("burndown")
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// As durable as a town's: fsync and synchronous_commit are on. All sides have the same server.
	server, err := setup.StartPostgres(ctx, setup.PostgresOptions{
		Installation: inst, RunDir: filepath.Join(dir, "postgres"),
		Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "4GB", "wal_compression": "on"},
	})
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, server.Close(context.WithoutCancel(ctx))) }()
	r := &rig{o: o, server: server}
	if err := r.writePeople(ctx); err != nil {
		return Result{}, fmt.Errorf("write people: %w", err)
	}
	result := Result{Calls: o.Calls}
	for i := range o.Rounds {
		round, err := r.round(ctx, i)
		if err != nil {
			return result, fmt.Errorf("round %d: %w", i+1, err)
		}
		fmt.Fprintf(o.Progress, "round %d: rappel %.0f, raw %.0f, river %.0f calls/s\n", i+1, round.Rappel, round.Raw, round.River)
		result.Rounds = append(result.Rounds, round)
	}
	result.Rappel = result.median(func(r Round) float64 { return r.Rappel })
	result.Raw = result.median(func(r Round) float64 { return r.Raw })
	result.OfRaw = result.median(func(r Round) float64 { return r.Rappel / r.Raw })
	if o.Peers {
		result.River = result.median(func(r Round) float64 { return r.River })
		result.OfRiver = result.median(func(r Round) float64 { return r.Rappel / r.River })
	}
	return result, nil
}

func (r Result) median(of func(Round) float64) float64 {
	values := make([]float64, len(r.Rounds))
	for i, round := range r.Rounds {
		values[i] = of(round)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// rig is what the rounds share.
type rig struct {
	o      Options
	server *setup.Postgres
	scheme int64
}

// round runs every side once, in an order that turns from round to round, each on a database of its own.
func (r *rig) round(ctx context.Context, i int) (Round, error) {
	var round Round
	sides := []struct {
		template string
		burn     func(context.Context, string) (float64, error)
		into     *float64
	}{
		{peopleDatabase, r.rappel, &round.Rappel},
		{"template0", r.raw, &round.Raw},
	}
	if r.o.Peers {
		sides = append(sides, struct {
			template string
			burn     func(context.Context, string) (float64, error)
			into     *float64
		}{"template0", r.river, &round.River})
	}
	for j := range sides {
		side := sides[(i+j)%len(sides)]
		if err := r.onFresh(ctx, side.template, func(url string) (err error) {
			*side.into, err = side.burn(ctx, url)
			return err
		}); err != nil {
			return round, err
		}
	}
	return round, nil
}

// onFresh runs work on a database made from a template, with all of it on disk, and drops it.
func (r *rig) onFresh(ctx context.Context, template string, work func(url string) error) (err error) {
	const name = "burndown"
	admin, err := pgx.Connect(ctx, r.server.DatabaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, admin.Close(context.WithoutCancel(ctx))) }()
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "CREATE DATABASE " + name + " TEMPLATE " + template, "CHECKPOINT",
	} {
		if _, err := admin.Exec(ctx, statement); err != nil {
			return fmt.Errorf("make database: %w", err)
		}
	}
	if err := work(r.server.DatabaseURL(name)); err != nil {
		return err
	}
	if _, err := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database: %w", err)
	}
	return nil
}

// rate is how many of the round's calls were done per second.
func (r *rig) rate(took time.Duration) float64 { return float64(r.o.Calls) / took.Seconds() }
