package phone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// registrar accepts one account, with a new nonce each time.
type registrar struct {
	addr string

	mu      sync.Mutex
	nonces  int
	refused bool
	granted string
	seen    chan string // Expires of each accepted request; room for all of a test
}

func newRegistrar(t *testing.T) *registrar {
	t.Helper()
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	ua, err := sipgo.NewUA()
	require.NoError(t, err)
	server, err := sipgo.NewServer(ua)
	require.NoError(t, err)
	r := &registrar{addr: conn.LocalAddr().String(), granted: "2", seen: make(chan string, 100)}
	server.OnRegister(r.register)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.ServeUDP(conn) })
	t.Cleanup(func() {
		_ = ua.Close()
		_ = conn.Close()
		serving.Wait()
	})
	return r
}

func (r *registrar) register(req *sip.Request, tx sip.ServerTransaction) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 403, "Forbidden", nil))
		return
	}
	chal := digest.Challenge{Realm: "town", Nonce: fmt.Sprint("n", r.nonces), Algorithm: "MD5", QOP: []string{"auth"}}
	if h := req.GetHeader("Authorization"); h != nil {
		got, err := digest.ParseCredentials(h.Value())
		want, err2 := digest.Digest(&chal, digest.Options{
			Method: "REGISTER", URI: got.URI, Username: "alice", Password: "secret", Cnonce: got.Cnonce, Count: got.Nc,
		})
		if errors.Join(err, err2) == nil && want.Response == got.Response {
			r.nonces++ // the next one is challenged afresh
			res := sip.NewResponseFromRequest(req, 200, "OK", nil)
			res.AppendHeader(sip.NewHeader("Contact", req.GetHeader("Contact").Value()+";expires="+r.granted))
			_ = tx.Respond(res)
			r.seen <- req.GetHeader("Expires").Value()
			return
		}
	}
	res := sip.NewResponseFromRequest(req, 401, "Unauthorized", nil)
	res.AppendHeader(sip.NewHeader("WWW-Authenticate", chal.String()))
	_ = tx.Respond(res)
}

func TestRegister(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	r := newRegistrar(t)
	changes := make(chan error, 100) // room for all of them
	p, err := New(Options{
		User: "alice", Secret: "secret", Registrar: r.addr, Logger: zap.NewNop(),
		OnRegistered: func(err error) { changes <- err },
	})
	require.NoError(t, err)
	defer p.Close()

	require.NoError(t, p.Register(ctx))
	require.NoError(t, <-changes)
	require.Equal(t, "300", <-r.seen)
	require.NoError(t, <-changes, "renewed after half of the two seconds granted")
	require.Equal(t, "300", <-r.seen)
	require.True(t, p.Registered())

	r.mu.Lock()
	r.refused = true
	r.mu.Unlock()
	var status *StatusError
	require.ErrorAs(t, <-changes, &status, "a caller who is cut finds out at the next renewal")
	require.Equal(t, 403, status.Code)
	require.False(t, p.Registered())

	r.mu.Lock()
	r.refused = false
	r.mu.Unlock()
	require.NoError(t, <-changes, "and tries again")
	<-r.seen
	require.NoError(t, p.Unregister(ctx))
	require.Equal(t, "0", <-r.seen)
	require.False(t, p.Registered())

	wrong, err := New(Options{User: "alice", Secret: "wrong", Registrar: r.addr, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer wrong.Close()
	require.ErrorAs(t, wrong.Register(ctx), &status)
	require.Equal(t, 401, status.Code)
}

func TestNobodyAnswersRegister(t *testing.T) {
	p := newPhone(t, "alice", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Register(ctx), context.DeadlineExceeded)
	require.False(t, p.Registered())
}

func TestOptions(t *testing.T) {
	good := Options{User: "alice", Registrar: "127.0.0.1:5060", Logger: zap.NewNop()}
	for name, spoil := range map[string]func(*Options){
		"user":      func(o *Options) { o.User = "" },
		"logger":    func(o *Options) { o.Logger = nil },
		"registrar": func(o *Options) { o.Registrar = "pbx" },
		"expires":   func(o *Options) { o.Expires = time.Second },
		"codec":     func(o *Options) { o.Codecs = []Codec{9} },
		"listen":    func(o *Options) { o.Listen = "0.0.0.0:0" },
	} {
		o := good
		spoil(&o)
		_, err := New(o)
		require.Error(t, err, name)
		require.True(t, strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "required"), "%v", err)
	}
}
