// Command river has River do what a figure compares with, and prints what it measured as one JSON object of numbers.
//
//	go run ./river -do burn -url postgres://… -jobs 200000              # rate
//	go run ./river -do hold -url postgres://… -jobs 1000000             # bytes: of one scheduled job, indexes included
//	go run ./river -do late -url postgres://… -jobs 5000 -rate 500 [-tuned]   # p50, p99: milliseconds from due to worked
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type job struct {
	Number int `json:"number"`
}

func (job) Kind() string { return "nothing" }

// worker tells when it was given a job.
type worker struct {
	river.WorkerDefaults[job]
	begun chan<- int
}

func (w *worker) Work(_ context.Context, j *river.Job[job]) error {
	if w.begun != nil {
		w.begun <- j.Args.Number
	}
	return nil
}

type order struct {
	do, url string
	jobs    int
	rate    float64
	tuned   bool
}

func main() {
	var o order
	flag.StringVar(&o.do, "do", "burn", "burn, hold or late")
	flag.StringVar(&o.url, "url", "", "of the database")
	flag.IntVar(&o.jobs, "jobs", 200_000, "how many")
	flag.Float64Var(&o.rate, "rate", 500, "late: jobs that come due per second")
	flag.BoolVar(&o.tuned, "tuned", false, "late: with the settings that measured best, instead of River's own")
	flag.Parse()
	numbers, err := run(context.Background(), o)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(numbers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o order) (map[string]float64, error) {
	pool, err := pgxpool.New(ctx, o.url)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return nil, fmt.Errorf("make migrator: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	switch o.do {
	case "burn":
		return o.burn(ctx, pool)
	case "hold":
		return o.hold(ctx, pool)
	case "late":
		return o.late(ctx, pool)
	default:
		return nil, fmt.Errorf("-do %s: burn, hold or late", o.do)
	}
}

// client makes a client. Tuned has short pauses between fetches; the zero values of a configuration are River's own.
func client(pool *pgxpool.Pool, w *worker, tuned bool, workers int) (*river.Client[pgx.Tx], error) {
	known := river.NewWorkers()
	river.AddWorker(known, w)
	config := &river.Config{
		Workers: known, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
	}
	if tuned {
		config.FetchCooldown, config.FetchPollInterval = 2*time.Millisecond, 20*time.Millisecond
	}
	c, err := river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return c, nil
}

// insert adds jobs; due says when each is to be worked, nil means at once.
func insert(ctx context.Context, c *river.Client[pgx.Tx], jobs int, due func(i int) time.Time) error {
	const batch = 5000
	for first := 0; first < jobs; first += batch {
		params := make([]river.InsertManyParams, min(batch, jobs-first))
		for i := range params {
			params[i].Args = job{Number: first + i}
			if due != nil {
				params[i].InsertOpts = &river.InsertOpts{ScheduledAt: due(first + i)}
			}
		}
		if _, err := c.InsertManyFast(ctx, params); err != nil {
			return fmt.Errorf("insert jobs: %w", err)
		}
	}
	return nil
}

// burn works jobs off that are all due, with the settings of River's own benchmark.
func (o order) burn(ctx context.Context, pool *pgxpool.Pool) (_ map[string]float64, err error) {
	c, err := client(pool, &worker{}, true, 2000)
	if err != nil {
		return nil, err
	}
	// Room for all of them: an event that is dropped would never be counted.
	completed, cancel := c.SubscribeConfig(&river.SubscribeConfig{ChanSize: o.jobs, Kinds: []river.EventKind{river.EventKindJobCompleted}})
	defer cancel()
	if err := insert(ctx, c, o.jobs, nil); err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, "ANALYZE river_job"); err != nil {
		return nil, fmt.Errorf("analyse jobs: %w", err)
	}
	start := time.Now()
	if err := c.Start(ctx); err != nil {
		return nil, fmt.Errorf("start client: %w", err)
	}
	defer func() { err = errors.Join(err, c.Stop(ctx)) }()
	for range o.jobs {
		<-completed
	}
	return map[string]float64{"rate": float64(o.jobs) / time.Since(start).Seconds()}, nil
}

// hold schedules jobs for the days to come and weighs them.
func (o order) hold(ctx context.Context, pool *pgxpool.Pool) (map[string]float64, error) {
	c, err := client(pool, &worker{}, true, 1)
	if err != nil {
		return nil, err
	}
	from := time.Now().Add(24 * time.Hour)
	err = insert(ctx, c, o.jobs, func(i int) time.Time { return from.Add(time.Duration(i%604_800) * time.Second) })
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{"VACUUM ANALYZE river_job", "REINDEX TABLE river_job"} {
		if _, err := pool.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("settle jobs: %w", err)
		}
	}
	var bytes int64
	if err := pool.QueryRow(ctx, "SELECT pg_total_relation_size('river_job')").Scan(&bytes); err != nil {
		return nil, fmt.Errorf("weigh jobs: %w", err)
	}
	return map[string]float64{"bytes": float64(bytes) / float64(o.jobs)}, nil
}

// late schedules jobs that come due one after the other and tells how late they were begun.
func (o order) late(ctx context.Context, pool *pgxpool.Pool) (_ map[string]float64, err error) {
	begun := make(chan int, o.jobs) // All of them: whoever is told must not slow down whoever tells.
	at := make([]time.Time, o.jobs)
	c, err := client(pool, &worker{begun: begun}, o.tuned, 500)
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, fmt.Errorf("start client: %w", err)
	}
	defer func() { err = errors.Join(err, c.Stop(ctx)) }()
	from := time.Now().Add(3 * time.Second)
	due := func(i int) time.Time { return from.Add(time.Duration(float64(i) / o.rate * float64(time.Second))) }
	if err := insert(ctx, c, o.jobs, due); err != nil {
		return nil, err
	}
	if spare := time.Until(from); spare < 0 {
		return nil, fmt.Errorf("inserting the jobs took %s longer than there was time", -spare)
	}
	limit := time.After(time.Until(due(o.jobs)) + time.Minute)
	for range o.jobs {
		select {
		case n := <-begun:
			at[n] = time.Now()
		case <-limit:
			return nil, errors.New("a minute after the last job came due not all have been begun")
		}
	}
	late := make([]float64, o.jobs)
	for i := range late {
		late[i] = at[i].Sub(due(i)).Seconds() * 1000
	}
	slices.Sort(late)
	return map[string]float64{"p50": late[len(late)/2], "p99": late[len(late)*99/100]}, nil
}
