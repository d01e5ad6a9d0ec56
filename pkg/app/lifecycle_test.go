package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestStepsStopInReverseAndAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &App{log: zap.NewNop()}
		var order []string
		step := func(name string, err error) {
			a.onStop(name, time.Second, func(context.Context) error { order = append(order, name); return err })
		}
		stuck := make(chan struct{})
		step("first", nil)
		step("second", errors.New("broken"))
		a.onStop("stuck", 3*time.Second, func(context.Context) error { <-stuck; return nil })
		a.onStop("slow", 10*time.Second, func(ctx context.Context) error { <-ctx.Done(); order = append(order, "slow"); return nil })
		step("last", nil)
		begun := time.Now()
		err := a.stop(t.Context())
		require.Equal(t, []string{"last", "slow", "second", "first"}, order)
		require.Equal(t, 14*time.Second, time.Since(begun), "the slow one's limit, and the stuck one's with a second's grace")
		require.ErrorContains(t, err, "stop stuck: did not stop in time")
		require.ErrorContains(t, err, "stop second: broken")
		require.NoError(t, a.stop(t.Context()), "stopping twice does nothing")
		close(stuck)
	})
}

func TestASecondSignalCutsEveryStepShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &App{log: zap.NewNop()}
		abort, now := context.WithCancel(t.Context())
		a.onStop("drain", time.Hour, func(ctx context.Context) error { <-ctx.Done(); return nil })
		time.AfterFunc(time.Minute, now)
		begun := time.Now()
		require.NoError(t, a.stop(abort))
		require.Equal(t, time.Minute, time.Since(begun))
	})
}

func TestTheDemonstrationsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2026, 3, 2, 9, 25, 0, 0, time.UTC)
		now := newClock(ClockConfig{Start: start, Speed: 60}, newSteadyClock())
		require.Equal(t, start, now())
		time.Sleep(30 * time.Second)
		require.Equal(t, start.Add(30*time.Minute), now())
		plain := newClock(ClockConfig{Speed: 1}, newSteadyClock())
		require.Equal(t, time.Now(), plain())
	})
}
