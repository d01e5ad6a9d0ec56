package forecast

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// Options says how a day is simulated. The zero Options play it with seed 0 on every processor.
type Options struct {
	// Runs is how often the day is played; 0 means 200, and fewer from 2,000 promises on: the more promises, the less one
	// play differs from another. It is never less than 40 by itself.
	Runs    int
	Seed    uint64 // The same seed gives the same Outlook.
	Workers int    // How many plays run at once; 0 means as many as there are processors.
	// Progress is told how many plays are done, of how many as far as is known; one call at a time. Nil is told nothing.
	Progress func(done, of int)
}

// ErrOptions means that a simulation was asked for that is not made.
var ErrOptions = errors.New("this simulation cannot be made")

// maxRuns bounds what one may ask for.
const maxRuns = 100_000

func (o Options) validate(promises int) (Options, error) {
	if o.Runs < 0 || o.Runs > maxRuns || o.Workers < 0 {
		return o, fmt.Errorf("%w: %d runs, at most %d are played", ErrOptions, o.Runs, maxRuns)
	}
	orDefault(&o.Runs, min(max(400_000/max(promises, 1), 40), 200))
	orDefault(&o.Workers, runtime.GOMAXPROCS(0))
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	return o, nil
}

// Simulate plays a day and says what is to be expected of it. The error is the context's when that ends, or says what is wrong
// with the day.
func Simulate(ctx context.Context, day *Day, opts Options) (*Outlook, error) {
	opts, err := opts.validate(len(day.Promises))
	if err != nil {
		return nil, err
	}
	if err := day.validate(); err != nil {
		return nil, err
	}
	model := newModel(&day.History)
	s, err := newStage(day, model, nil)
	if err != nil {
		return nil, err
	}
	plays, err := s.playAll(ctx, 0, opts.Runs, opts)
	if err != nil {
		return nil, err
	}
	return s.outlook(plays, opts), nil
}

// playAll plays the runs from first to last, the latter excluded, and returns their tallies in order.
func (s *stage) playAll(ctx context.Context, first, last int, opts Options) ([]*tally, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tallies, errs := make([]*tally, last-first), make([]error, last-first)
	next, done := make(chan int), make(chan int) // Unbuffered: whoever is free takes the next one.
	var workers sync.WaitGroup
	for range min(opts.Workers, last-first) {
		workers.Go(func() {
			for i := range next {
				tallies[i], errs[i] = s.playOnce(ctx, chance(opts.Seed).with(uint64(first+i)))
				done <- i
			}
		})
	}
	begun, ended := 0, 0
	for ended < last-first && (ctx.Err() == nil || ended < begun) {
		var give chan int
		if begun < last-first && ctx.Err() == nil {
			give = next
		}
		select {
		case give <- begun:
			begun++
		case i := <-done:
			ended++
			if errs[i] != nil {
				stop()
			}
			opts.Progress(first+ended, last)
		}
	}
	close(next)
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return tallies, nil
}
