package setup

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
)

// Ports are taken below Linux's range for outgoing connections (32768 and up),
// so that no other program is handed one of ours by chance.
const (
	portsFirst = 10_000
	portsEnd   = 32_000
	portsUnit  = 20
)

// errNoPorts says that no free run of ports of the wanted length was found.
var errNoPorts = errors.New("no free run of ports")

// portLease is a run of ports on this machine that no other process using
// this package takes while the lease is held. It ends with the process.
type portLease struct {
	first, count int
	marks        []net.Listener
}

// leasePorts reserves at least count consecutive ports that are free on
// loopback for UDP and TCP.
//
// The reservation itself is a set of abstract Unix sockets, one for each unit
// of ports: the ports stay unbound for the program that will use them, and the
// kernel frees the names when we die.
func leasePorts(count int) (*portLease, error) {
	units := (count + portsUnit - 1) / portsUnit
	total := (portsEnd - portsFirst) / portsUnit
	if units > total {
		return nil, fmt.Errorf("reserve %d ports: %w: only %d exist", count, errNoPorts, total*portsUnit)
	}
	start := rand.IntN(total)
	for i := range total {
		unit := (start + i) % total
		if unit+units > total {
			continue
		}
		if lease := tryLease(unit, units); lease != nil {
			return lease, nil
		}
	}
	return nil, fmt.Errorf("reserve %d ports between %d and %d: %w; stop other instances", count, portsFirst, portsEnd, errNoPorts)
}

func tryLease(unit, units int) *portLease {
	lease := &portLease{first: portsFirst + unit*portsUnit, count: units * portsUnit}
	for u := unit; u < unit+units; u++ {
		mark, err := net.Listen("unix", fmt.Sprintf("@rappel-ports-%d", portsFirst+u*portsUnit)) //nolint:noctx // Binding a local name does not block.
		if err != nil {
			lease.release()
			return nil
		}
		lease.marks = append(lease.marks, mark)
	}
	for port := lease.first; port < lease.first+lease.count; port++ {
		if !portFree(port) {
			lease.release()
			return nil
		}
	}
	return lease
}

// portFree reports whether both protocols can be bound on every IPv4 address.
func portFree(port int) bool {
	addr := netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port))
	udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return false
	}
	_ = udp.Close()
	tcp, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return false
	}
	_ = tcp.Close()
	return true
}

// port returns the i-th port of the lease.
func (l *portLease) port(i int) uint16 { return uint16(l.first + i) }

// release gives the ports back.
func (l *portLease) release() {
	if l == nil {
		return
	}
	for _, mark := range l.marks {
		_ = mark.Close()
	}
	l.marks = nil
}
