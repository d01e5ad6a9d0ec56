package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// supervisor is whoever starts the service anew when it is heard of no more: systemd, by its notification protocol
// (sd_notify(3), sd_watchdog_enabled(3)).
type supervisor struct {
	socket string // "@" begins an abstract name.
	every  time.Duration
}

// supervised reads from the environment whether somebody watches this process. A process that stands still, or has no time
// left, says nothing and is started anew; one that has lost its PBX or its database goes on saying that it is there.
func supervised(env func(string) string) (supervisor, bool) {
	socket, limit := env("NOTIFY_SOCKET"), env("WATCHDOG_USEC")
	if pid := env("WATCHDOG_PID"); socket == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return supervisor{}, false
	}
	microseconds, err := strconv.ParseInt(limit, 10, 64)
	if err != nil || microseconds <= 0 {
		return supervisor{}, false
	}
	return supervisor{socket: socket, every: time.Duration(microseconds) * time.Microsecond / 3}, true
}

// run says that the process is there until ctx ends.
func (s supervisor) run(ctx context.Context) (err error) {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("reach the supervisor: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		// One that is lost is made good by the next: there are three within the limit.
		_, _ = conn.Write([]byte("WATCHDOG=1"))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
