package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Log reads committed events back, to fill gaps. Package postgres implements it.
type Log interface {
	// Commits returns the scheme's events numbered first to last, both included, by the transaction in which they were
	// committed: each of these whole, in order, as far as they are still kept.
	Commits(ctx context.Context, scheme, first, last int64) ([][]call.Event, error)
}

// Options says where the bus runs and how much it may hold. The zero value of a limit means its default.
type Options struct {
	URL         string // Of a NATS cluster; empty runs a server inside this process, which listens on no port.
	Credentials string // File with the credentials for URL; empty means none.
	StoreDir    string // Of the embedded server; required without URL.

	MaxMemory int64         // Bytes of memory JetStream may use, embedded; 64 MiB by default.
	MaxStore  int64         // Bytes of disk JetStream may use, embedded; 1 GiB by default.
	MaxBytes  int64         // Bytes the stream holds before the oldest events go; 512 MiB by default.
	MaxAge    time.Duration // How long the stream holds events; 7 days by default.
	Replicas  int           // Copies in a cluster; 1 by default.
	Queue     int           // Once so many events wait to be published, none are added; 16,384 by default.

	Log        Log // Fills gaps; nil leaves them.
	Logger     *zap.Logger
	Registerer prometheus.Registerer // Nil registers nothing.
}

// errOptions marks options that cannot work.
var errOptions = errors.New("natsbus options")

func (o Options) validated() (Options, error) {
	if o.URL == "" && o.StoreDir == "" {
		return o, fmt.Errorf("%w: an embedded server needs a store directory", errOptions)
	}
	if o.MaxMemory < 0 || o.MaxStore < 0 || o.MaxBytes < 0 || o.MaxAge < 0 || o.Queue < 0 || o.Replicas < 0 {
		return o, fmt.Errorf("%w: a limit is negative", errOptions)
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	o.MaxMemory = orDefault(o.MaxMemory, 64<<20)
	o.MaxStore = orDefault(o.MaxStore, 1<<30)
	o.MaxBytes = orDefault(o.MaxBytes, 512<<20)
	o.MaxAge = orDefault(o.MaxAge, 7*24*time.Hour)
	o.Replicas = orDefault(o.Replicas, 1)
	o.Queue = orDefault(o.Queue, 16384)
	if o.URL == "" && o.MaxBytes > o.MaxStore {
		return o, fmt.Errorf("%w: the stream (%d bytes) is larger than the store (%d bytes)", errOptions, o.MaxBytes, o.MaxStore)
	}
	return o, nil
}

func orDefault[T ~int | ~int64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
