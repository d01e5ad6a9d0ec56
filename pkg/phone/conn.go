package phone

import (
	"net"
	"sync"
	"sync/atomic"
)

// sipConn is the one UDP socket of a user agent. It says when sipgo has begun to
// read it (only then does sipgo send from it), and can fall silent.
type sipConn struct {
	net.PacketConn
	reading chan struct{}
	once    sync.Once
	deaf    atomic.Bool // what arrives is thrown away
	mute    atomic.Bool // what is sent is thrown away
	// filter, when set, decides for each datagram sent whether it is lost; tests
	// use it to make retransmissions happen.
	filter atomic.Pointer[func(datagram []byte) (lost bool)]
}

func newSIPConn(c net.PacketConn) *sipConn {
	return &sipConn{PacketConn: c, reading: make(chan struct{})}
}

func (c *sipConn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.once.Do(func() { close(c.reading) })
	for {
		n, from, err := c.PacketConn.ReadFrom(b)
		if err != nil || !c.deaf.Load() {
			return n, from, err
		}
	}
}

func (c *sipConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if c.mute.Load() {
		return len(b), nil
	}
	if lose := c.filter.Load(); lose != nil && (*lose)(b) {
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, to)
}
