package crash

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// relay stands between a service and one that it needs, so that the two can be parted while both live, or the other one be slow.
type relay struct {
	net.Listener
	to string

	mu    sync.Mutex
	cut   bool
	late  time.Duration // How long what is answered takes.
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

// newRelay leads to an address. It ends with the test.
func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{Listener: l, to: to, conns: map[net.Conn]bool{}}
	r.wg.Go(r.accept)
	t.Cleanup(func() {
		_ = r.Close()
		r.part(true)
		r.wg.Wait()
	})
	return r
}

// address is where the service is to look for it.
func (r *relay) address() string { return r.Addr().String() }

// part cuts every connection and refuses new ones, or lets them through again.
func (r *relay) part(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if cut {
		for c := range r.conns {
			_ = c.Close()
		}
	}
}

// delay has everything that is answered come so much later.
func (r *relay) delay(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = d
}

// back is one way of a connection, that of the answers.
type back struct {
	net.Conn
	relay *relay
}

// Write implements io.Writer.
func (b back) Write(p []byte) (int, error) {
	b.relay.mu.Lock()
	late := b.relay.late
	b.relay.mu.Unlock()
	<-time.After(late) // The line is slow: nothing is waited for.
	return b.Conn.Write(p)
}

// keep remembers a connection; false when it must not be.
func (r *relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.cut {
		r.conns[c] = true
	}
	return !r.cut
}

func (r *relay) drop(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	_ = c.Close() // By the other direction already, perhaps.
}

func (r *relay) accept() {
	for {
		near, err := r.Accept()
		if err != nil {
			return
		}
		if !r.keep(near) {
			_ = near.Close()
			continue
		}
		far, err := net.Dial("tcp4", r.to) //nolint:noctx // It is on this machine.
		if err != nil || !r.keep(far) {
			if err == nil {
				_ = far.Close()
			}
			r.drop(near)
			continue
		}
		for _, pair := range [][2]net.Conn{{near, far}, {far, back{near, r}}} {
			r.wg.Go(func() {
				_, _ = io.Copy(pair[1], pair[0]) // It ends when either side does.
				r.drop(near)
				r.drop(far)
			})
		}
	}
}
