package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// leastRoom is how much must be free on the disks that calls need, in bytes. Outcomes are kept there while the database is
// away, and messages that people leave.
const leastRoom = 64 << 20

// cutOff is how much is free at most, in bytes, where a recording was cut off: less than half a minute of one.
const cutOff = 256 << 10

// errDiskFull says which disk, by its configuration key.
var errDiskFull = errors.New("the disk is nearly full")

// roomFor reports an error when less than least bytes are free for an ordinary user where the folders are, each under its
// configuration's key. A folder that is not on this machine is left out.
func roomFor(folders map[string]string, least uint64) error {
	var errs []error
	for key, dir := range folders {
		var fs syscall.Statfs_t
		err := syscall.Statfs(dir, &fs)
		switch {
		case dir == "" || errors.Is(err, os.ErrNotExist):
		case err != nil:
			errs = append(errs, fmt.Errorf("look at the disk of %s: %w", key, err))
		case fs.Bavail*uint64(fs.Bsize) < least || fs.Files > 0 && fs.Ffree == 0: //nolint:gosec // A block has a size.
			errs = append(errs, fmt.Errorf("%w: %s", errDiskFull, key))
		}
	}
	return errors.Join(errs...)
}

// disksEvery is how often it is looked whether there is room; real time.
const disksEvery = 10 * time.Second

// watchDisks complains as soon as a disk is nearly full, and counts those that are.
func (a *App) watchDisks() {
	full := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "rappel", Name: "disk_nearly_full", Help: "1 while a disk on which calls depend is nearly full; /readyz says which.",
	})
	a.registry.MustRegister(full)
	a.onStop("disks", closeLimit, a.background("disks", func(ctx context.Context) error {
		return a.again(ctx, disksEvery, "make room: messages, outcomes and new prompts are lost on a full disk", func(ctx context.Context) error {
			err := a.diskHealth(ctx)
			full.Set(0)
			if err != nil {
				full.Set(1)
			}
			return err
		})
	}))
}

// diskHealth is part of being ready wherever calls are made.
func (a *App) diskHealth(context.Context) error {
	return roomFor(map[string]string{"data": a.cfg.Data, "asterisk.recordings": a.cfg.Asterisk.Recordings}, leastRoom)
}
