package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
)

// stopStep is one thing to stop, registered as it comes up.
type stopStep struct {
	name  string
	limit time.Duration // Real time; the step after it begins at the latest then.
	stop  func(context.Context) error
}

// onStop registers a step. Steps run in reverse order, once.
func (a *App) onStop(name string, limit time.Duration, stop func(context.Context) error) {
	a.steps = append(a.steps, stopStep{name: name, limit: limit, stop: stop})
}

// stop runs the steps in reverse, each bounded by its own limit and by abort, and joins what went wrong under the step's
// name. A step that does not heed its context is left behind, said in the log.
func (a *App) stop(abort context.Context) error {
	var errs []error
	for _, step := range slices.Backward(a.steps) {
		ctx, cancel := context.WithTimeout(abort, step.limit)
		begun := time.Now()
		done := make(chan error, 1) // Room for the one answer, so that a step left behind can end.
		go func() { done <- step.stop(ctx) }()
		var err error
		select {
		case err = <-done:
		case <-ctx.Done():
			// One moment more: most steps return as soon as they see the end of their context.
			late := time.NewTimer(time.Second)
			select {
			case err = <-done:
			case <-late.C:
				err = errors.New("did not stop in time")
			}
			late.Stop()
		}
		cancel()
		if err != nil {
			err = fmt.Errorf("stop %s: %w", step.name, err)
			errs = append(errs, err)
		}
		a.log.Debug("stopped", zap.String("step", step.name), zap.Duration("took", time.Since(begun)), zap.Error(err))
	}
	a.steps = nil
	return errors.Join(errs...)
}
