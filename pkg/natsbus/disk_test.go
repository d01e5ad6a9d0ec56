package natsbus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// TestAFullDisk: what cannot be stored while the disk of the embedded server is full is in the stream once there is room, and all that
// follows it.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	setuptest.Disk(t, dir, 32<<20)
	core, logged := observer.New(zap.WarnLevel)
	said := make(chan struct{}, 1)
	warned := zap.Hooks(func(zapcore.Entry) error {
		select {
		case said <- struct{}{}:
		default:
		}
		return nil
	})
	log := &ledger{}
	b := open(t, natsbus.Options{StoreDir: dir, Log: log, Logger: zap.New(core, warned)})
	heard := collect(t, b)
	b.Lead(scheme, 1, 0)
	b.Publish(log.commit(3))
	heard.wait(t, 3)

	makeRoom := setuptest.Fill(t, dir, 0)
	for logged.FilterMessage("publish events").Len() == 0 {
		b.Publish(log.commit(1000))
		select {
		case <-said:
		case <-time.After(100 * time.Millisecond):
		}
	}
	makeRoom()
	b.Publish(log.commit(1))
	heard.wait(t, log.number())
	kept, err := b.After(t.Context(), scheme, 0, int(log.number()))
	require.NoError(t, err)
	require.Len(t, kept, int(log.number()), "the stream has every event")
}
