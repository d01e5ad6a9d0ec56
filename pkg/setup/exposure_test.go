package setup_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// TestExposure looks at an instance from another machine, played by a second
// network namespace: softphones are served over secure WebSocket, everything
// else is refused.
func TestExposure(t *testing.T) {
	far := newFarSide(t)
	a := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) {
		o.Files = dialplan(t)
		o.Files[asteriskconf.AccountsFile] = `
[web1](caller-web)
auth = web1-auth
aors = web1
[web1-auth](caller-auth)
username = web1
password = secret
[web1](caller-aor)
`
		o.WSSAddr = netip.AddrPortFrom(far.near, 0)
		o.SIPTLSAddr = netip.AddrPortFrom(far.near, 0)
	})
	requireCleanLog(t, a)
	cert, err := os.ReadFile(setuptest.Installation(t).CertFile)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(cert))
	secure := &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}

	t.Run("SIP over WSS answers", func(t *testing.T) {
		answer := registerOverWSS(t, far, a.WSSAddr(), secure)
		require.Contains(t, answer, "SIP/2.0 401 ")
		require.Contains(t, answer, "WWW-Authenticate: Digest")
	})
	t.Run("SIP over TLS answers", func(t *testing.T) {
		conn := tls.Client(far.dial(t, a.SIPTLSAddr()), secure)
		_, err := conn.Write([]byte(registerRequest("TLS")))
		require.NoError(t, err)
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		require.NoError(t, err)
		require.Contains(t, string(buf[:n]), "SIP/2.0 401 ")
		require.NoError(t, conn.Close())
	})
	t.Run("ARI is refused, with the right password too", func(t *testing.T) {
		for _, path := range []string{"/ari/asterisk/info", "/ari/channels", "/ari/events?app=x", "/ari/api-docs/resources.json", "//ari/asterisk/info"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+a.WSSAddr().String()+path, nil)
			require.NoError(t, err)
			req.SetBasicAuth(a.ARIUser(), a.ARIPassword())
			conn := tls.Client(far.dial(t, a.WSSAddr()), secure)
			require.NoError(t, req.Write(conn))
			resp, err := http.ReadResponse(bufio.NewReader(conn), req)
			require.NoError(t, err)
			require.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, resp.StatusCode, path)
			require.NoError(t, resp.Body.Close())
			require.NoError(t, conn.Close())
		}
	})
	t.Run("old TLS is refused", func(t *testing.T) {
		old := secure.Clone()
		old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		conn := tls.Client(far.dial(t, a.WSSAddr()), old)
		require.Error(t, conn.HandshakeContext(t.Context()))
		require.NoError(t, conn.Close())
	})
	t.Run("no other port is open", func(t *testing.T) {
		settings := a.Settings()
		for port := settings.SIP.Port(); port < settings.RTPStart; port++ {
			if port == a.WSSAddr().Port() || port == a.SIPTLSAddr().Port() {
				continue
			}
			conn, err := far.tryDial(netip.AddrPortFrom(far.near, port))
			if err == nil {
				_ = conn.Close()
			}
			require.ErrorIs(t, err, unix.ECONNREFUSED, "TCP port %d", port)
		}
	})
}

// registerOverWSS sends a REGISTER without credentials and returns the answer.
func registerOverWSS(t *testing.T, far *farSide, to netip.AddrPort, secure *tls.Config) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		raw, err := far.tryDial(to)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, secure)
		return conn, conn.HandshakeContext(ctx)
	}}
	defer transport.CloseIdleConnections()
	conn, _, err := websocket.Dial(ctx, "wss://"+to.String()+"/ws", &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		Subprotocols: []string{"sip"},
	})
	require.NoError(t, err)
	require.NoError(t, conn.Write(ctx, websocket.MessageText, []byte(registerRequest("WSS"))))
	_, answer, err := conn.Read(ctx)
	require.NoError(t, err)
	require.NoError(t, conn.CloseNow())
	return string(answer)
}

// registerRequest is a REGISTER without credentials.
func registerRequest(transport string) string {
	return strings.Join([]string{
		"REGISTER sip:rappel.invalid SIP/2.0",
		"Via: SIP/2.0/" + transport + " phone.invalid;branch=z9hG4bKexposure;rport",
		"From: <sip:web1@rappel.invalid>;tag=1",
		"To: <sip:web1@rappel.invalid>",
		"Call-ID: exposure-" + transport,
		"CSeq: 1 REGISTER",
		"Contact: <sip:web1@phone.invalid>",
		"Max-Forwards: 70",
		"Content-Length: 0", "", "",
	}, "\r\n")
}

// farSide is a second network namespace, joined to ours by one cable.
type farSide struct {
	name string
	// near is our end of the cable.
	near netip.Addr
}

func newFarSide(t *testing.T) *farSide {
	t.Helper()
	setuptest.NeedRoot(t)
	if _, err := exec.LookPath("ip"); err != nil {
		setuptest.Lacking(t, "the program ip is missing: apt-get install iproute2")
	}
	// Addresses for benchmarks of network devices (RFC 2544), one pair per
	// process.
	n := os.Getpid() % 16_000
	far := &farSide{
		name: fmt.Sprintf("rappel-%d", os.Getpid()),
		near: netip.AddrFrom4([4]byte{198, 18 + byte(n>>13&1), byte(n >> 6 & 127), byte(n&63)<<2 | 1}),
	}
	inside := far.near.Next()
	cable, end := fmt.Sprintf("rpa%d", os.Getpid()), fmt.Sprintf("rpb%d", os.Getpid())
	ip(t, "netns", "add", far.name)
	t.Cleanup(func() {
		// The cable goes with the namespace.
		ip(t, "netns", "del", far.name)
	})
	ip(t, "link", "add", cable, "type", "veth", "peer", "name", end, "netns", far.name)
	ip(t, "addr", "add", far.near.String()+"/30", "dev", cable)
	ip(t, "link", "set", cable, "up")
	ip(t, "-n", far.name, "addr", "add", inside.String()+"/30", "dev", end)
	ip(t, "-n", far.name, "link", "set", end, "up")
	return far
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	require.NoError(t, err, "ip %s: %s", strings.Join(args, " "), out)
}

func (f *farSide) dial(t *testing.T, to netip.AddrPort) net.Conn {
	t.Helper()
	conn, err := f.tryDial(to)
	require.NoError(t, err)
	return conn
}

// tryDial connects from the far side. A socket belongs to the network of the
// thread that makes it, so one thread moves there and is thrown away after.
func (f *farSide) tryDial(to netip.AddrPort) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		conn, err := func() (net.Conn, error) {
			fd, err := unix.Open("/run/netns/"+f.name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return nil, err
			}
			defer unix.Close(fd) //nolint:errcheck // Read only.
			if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
				return nil, err
			}
			conn, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
			if err != nil {
				return nil, err
			}
			return conn, nil
		}()
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}
