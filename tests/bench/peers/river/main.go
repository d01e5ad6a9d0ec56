// Command river has River work off jobs that do nothing and prints how many it completed per second.
//
//	go run ./river -url postgres://… -jobs 200000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type job struct {
	Number int `json:"number"`
}

func (job) Kind() string { return "nothing" }

type worker struct{ river.WorkerDefaults[job] }

func (*worker) Work(context.Context, *river.Job[job]) error { return nil }

func main() {
	url := flag.String("url", "", "of the database")
	jobs := flag.Int("jobs", 200_000, "how many")
	flag.Parse()
	rate, err := burn(context.Background(), *url, *jobs)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%.1f\n", rate)
}

// burn uses the settings with which River measured best: many workers, short pauses between fetches.
func burn(ctx context.Context, url string, jobs int) (rate float64, err error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return 0, fmt.Errorf("make migrator: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{})
	client, err := river.NewClient(driver, &river.Config{
		FetchCooldown: 2 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond, Workers: workers,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2000}},
	})
	if err != nil {
		return 0, fmt.Errorf("make client: %w", err)
	}
	// Room for all of them: an event that is dropped would never be counted.
	completed, cancel := client.SubscribeConfig(&river.SubscribeConfig{ChanSize: jobs, Kinds: []river.EventKind{river.EventKindJobCompleted}})
	defer cancel()
	const batch = 5000
	for first := 0; first < jobs; first += batch {
		params := make([]river.InsertManyParams, min(batch, jobs-first))
		for i := range params {
			params[i].Args = job{Number: first + i}
		}
		if _, err := client.InsertManyFast(ctx, params); err != nil {
			return 0, fmt.Errorf("insert jobs: %w", err)
		}
	}
	if _, err := pool.Exec(ctx, "ANALYZE river_job"); err != nil {
		return 0, fmt.Errorf("analyse jobs: %w", err)
	}
	start := time.Now()
	if err := client.Start(ctx); err != nil {
		return 0, fmt.Errorf("start client: %w", err)
	}
	defer func() { err = errors.Join(err, client.Stop(ctx)) }()
	for range jobs {
		<-completed
	}
	return float64(jobs) / time.Since(start).Seconds(), nil
}
