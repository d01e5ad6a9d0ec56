package natsbus

import (
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

func startServer(opts Options) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "rappel", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: opts.StoreDir,
		JetStreamMaxMemory: opts.MaxMemory, JetStreamMaxStore: opts.MaxStore,
	})
	if err != nil {
		return nil, fmt.Errorf("make the embedded NATS server: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(startLimit) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("start the embedded NATS server in %s: not ready within %s", opts.StoreDir, startLimit)
	}
	if !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("start the embedded NATS server: JetStream is off; is %s writable?", opts.StoreDir)
	}
	return s, nil
}

func (b *Bus) stopServer() {
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
}

// enoughRoom is how many bytes have to fit on the disk of an embedded server that has given up, before it tries again.
const enoughRoom = 1 << 20

// mend has an embedded server that has given up its files begin anew with them: after one write that failed, on a full disk as a rule,
// it takes nothing for that stream any more, and does not answer. It reports whether it was so. What the server had taken and not
// written then is gone: the lanes are compared with the stream again.
func (b *Bus) mend() (mended bool, err error) {
	if b.server == nil {
		return false, nil
	}
	why := b.server.Healthz(nil).Error
	if why == "" {
		return false, nil
	}
	if err := hasRoom(b.opts.StoreDir); err != nil {
		return false, fmt.Errorf("store events: %w", err)
	}
	if err := b.server.ShutdownJetStream(); err != nil {
		return false, fmt.Errorf("close the store of events: %w", err)
	}
	if err := b.server.EnableJetStream(&server.JetStreamConfig{
		StoreDir: b.opts.StoreDir, MaxMemory: b.opts.MaxMemory, MaxStore: b.opts.MaxStore,
	}); err != nil {
		return false, fmt.Errorf("open the store of events again: %w", err)
	}
	b.log.Warn("the store of events was opened again", zap.String("because", why))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.lanes {
		l.compare, l.sent, l.sequence = b.opts.Log != nil, 0, unknownSequence
	}
	return true, nil
}

// hasRoom reports why nothing can be written in a folder.
func hasRoom(dir string) error {
	f, err := os.CreateTemp(dir, "room-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, enoughRoom))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
