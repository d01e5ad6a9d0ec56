package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/postgres"
)

const (
	// forgetEvery is how often it is looked for whom to forget; real time.
	forgetEvery = time.Minute
	// erasureKept is for how long a recording is looked for that no PBX has: that of another node may be off.
	erasureKept = 7 * 24 * time.Hour
)

// forgetting erases, in every scheme, whoever gave no answer in time, and the recordings of whoever was erased.
func (a *App) forgetting() {
	a.onStop("forgetting", closeLimit, a.background("forgetting", func(ctx context.Context) error {
		return a.again(ctx, forgetEvery, "erase proposals that nobody answered", a.forget)
	}))
}

func (a *App) forget(ctx context.Context) error {
	schemes, err := a.store.Schemes(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range schemes {
		people, registrations, err := a.store.LapseProposals(ctx, s.Key, a.now())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		files, err := EraseForgotten(ctx, a.store, s.Key, a.cfg.Asterisk.Recordings, a.now())
		errs = append(errs, err)
		if people+registrations+files > 0 {
			a.log.Info("proposals that nobody answered are erased", zap.String("scheme", s.ID), zap.Int("people", people),
				zap.Int("registrations", registrations), zap.Int("recordings", files))
		}
	}
	return errors.Join(errs...)
}

// EraseForgotten erases the files of recordings of people who were erased, as far as they are in a folder, and returns how many
// there were. What is in none is forgotten after a week.
func EraseForgotten(ctx context.Context, store *postgres.Store, scheme int64, folder string, now time.Time) (int, error) {
	list, err := store.Erasures(ctx, scheme)
	if err != nil || folder == "" {
		return 0, err
	}
	erased := 0
	var errs []error
	for _, e := range list {
		switch err := os.Remove(recordings(folder).file(e.Recording)); {
		case err == nil:
			erased++
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, fmt.Errorf("erase a recording: %w", err))
			continue
		case now.Sub(e.Since) < erasureKept:
			continue
		}
		errs = append(errs, store.Erased(ctx, scheme, e.Recording))
	}
	return erased, errors.Join(errs...)
}
