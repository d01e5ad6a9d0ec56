package phone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
	"go.uber.org/zap"
)

// Errors of a user agent.
var (
	// ErrClosed means that the phone or trunk has been closed.
	ErrClosed = errors.New("phone closed")
	// ErrCancelled means that the other side gave up before it was answered.
	ErrCancelled = errors.New("call cancelled")
	// ErrDecided means that an incoming call was already answered or rejected.
	ErrDecided = errors.New("call already answered or rejected")
)

// StatusError is a final SIP response other than success.
type StatusError struct {
	Code   int    // 300 to 699
	Reason string // the phrase that came with it
	// Cause is the Q.850 cause of the Reason header (RFC 3326); 0: none came.
	Cause int
}

// Error implements error.
func (e *StatusError) Error() string { return fmt.Sprintf("status %d %s", e.Code, e.Reason) }

const (
	allowed      = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"
	maxAuthTries = 2 // the second for a stale nonce
	sipBuffer    = 4 << 20
)

// agentOptions is what a phone and a trunk have in common; the public options
// have been checked and defaulted before they come here.
type agentOptions struct {
	listen string
	user   string // of our Contact
	auth   sipgo.DigestAuth
	codecs []Codec
	pacer  *Pacer
	keep   time.Duration
	tones  []float64
	log    *zap.Logger
	// answer runs each new incoming call in a goroutine of its own.
	answer func(context.Context, *Incoming)
	// powerCut, when set, is what Call.Vanish does: the whole phone goes dark.
	powerCut func()
}

// agent is one SIP user agent on one UDP socket.
type agent struct {
	agentOptions
	conn     *sipConn
	local    netip.AddrPort
	ua       *sipgo.UserAgent
	client   *sipgo.Client
	ownPacer bool
	ackWait  time.Duration // how long a 2xx is repeated

	ctx    context.Context
	cancel context.CancelFunc
	serve  func()
	work   sync.WaitGroup // handlers, dials, retransmissions
	server sync.WaitGroup // sipgo's reader

	mu     sync.Mutex
	closed bool
	calls  map[dialogKey]*Call
	dark   []*Media // vanished: sockets still to be closed
}

// dialogKey finds a dialog; the remote tag is compared besides.
type dialogKey struct{ callID, localTag string }

func newAgent(o agentOptions) (*agent, error) {
	addr, err := netip.ParseAddrPort(o.listen)
	if err != nil || addr.Addr().IsUnspecified() {
		return nil, fmt.Errorf("listen on %q: need an address of this machine with a port (0 for any)", o.listen)
	}
	raw, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listen for sip: %w", err)
	}
	// All calls' signalling goes through this socket; the system may grant less.
	_ = raw.SetReadBuffer(sipBuffer)
	a := &agent{
		agentOptions: o,
		conn:         newSIPConn(raw),
		local:        netip.AddrPortFrom(addr.Addr(), uint16(raw.LocalAddr().(*net.UDPAddr).Port)),
		ackWait:      64 * sip.T1, // RFC 3261, 13.3.1.4
		calls:        make(map[dialogKey]*Call),
	}
	quiet := newQuietLog(o.log)
	a.ua, err = sipgo.NewUA(
		sipgo.WithUserAgent("rappel-phone"),
		sipgo.WithUserAgentHostname(a.local.Addr().String()),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(
			sip.WithTransactionLayerLogger(quiet),
			sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {}),
		),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make user agent: %w", err), raw.Close())
	}
	server, err := sipgo.NewServer(a.ua, sipgo.WithServerLogger(quiet))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make sip server: %w", err), raw.Close())
	}
	a.client, err = sipgo.NewClient(a.ua, sipgo.WithClientLogger(quiet))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make sip client: %w", err), raw.Close())
	}
	a.route(server)
	a.ctx, a.cancel = context.WithCancel(context.Background())
	if a.pacer == nil {
		a.pacer, a.ownPacer = NewPacer(), true
	}
	a.serve = func() { _ = server.ServeUDP(a.conn) } // ends with the error of the closed socket
	return a, nil
}

// start begins to listen. It is apart from newAgent so that whoever embeds the
// agent is complete before the first request comes.
func (a *agent) start() {
	a.server.Go(a.serve)
	<-a.conn.reading
}

// enter keeps the agent open for one piece of work; leave ends it.
func (a *agent) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.work.Add(1)
	return true
}

func (a *agent) leave() { a.work.Done() }

// close ends every call with a BYE that nobody waits for, then everything else.
func (a *agent) close() {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		a.work.Wait()
		return
	}
	a.closed = true
	calls := make([]*Call, 0, len(a.calls))
	for _, c := range a.calls {
		calls = append(calls, c)
	}
	dark := a.dark
	a.mu.Unlock()
	// sipgo 1.7.2 handles each message in a goroutine that nobody can wait for,
	// and opens a socket of its own for one that comes when ours is gone. So
	// stop hearing first, and sweep up last.
	a.conn.deaf.Store(true)
	for _, c := range calls {
		c.abandon()
	}
	a.cancel()
	a.work.Wait()
	for _, m := range dark {
		m.close()
	}
	_ = a.ua.Close()
	_ = a.conn.Close()
	a.server.Wait()
	_ = a.ua.TransportLayer().Close()
	if a.ownPacer {
		a.pacer.Close()
	}
}

// goDark stops answering and sending; what runs is cut without a word.
func (a *agent) goDark() {
	a.conn.deaf.Store(true)
	a.conn.mute.Store(true)
	a.mu.Lock()
	calls := make([]*Call, 0, len(a.calls))
	for _, c := range a.calls {
		calls = append(calls, c)
	}
	a.mu.Unlock()
	for _, c := range calls {
		c.cut()
	}
}

func (a *agent) keepDark(m *Media) {
	a.mu.Lock()
	closed := a.closed
	a.dark = append(a.dark, m)
	a.mu.Unlock()
	if closed {
		m.close()
	}
}

func (a *agent) openMedia() (*Media, error) {
	return openMedia(a.local.Addr(), a.pacer, a.keep, a.tones)
}

func (a *agent) add(c *Call) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.calls[c.key] = c
	return true
}

func (a *agent) drop(c *Call) {
	a.mu.Lock()
	delete(a.calls, c.key)
	a.mu.Unlock()
}

// find returns the dialog an incoming request belongs to, or nil.
func (a *agent) find(req *sip.Request) *Call {
	callID, to, from := req.CallID(), req.To(), req.From()
	if callID == nil || to == nil || from == nil {
		return nil
	}
	localTag, _ := to.Params.Get("tag")
	remoteTag, _ := from.Params.Get("tag")
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.calls[dialogKey{callID.Value(), localTag}]
	if c == nil || c.remoteTag != remoteTag {
		return nil
	}
	return c
}

// contact is where we are reached.
func (a *agent) contact() *sip.ContactHeader {
	return &sip.ContactHeader{Address: a.uri(a.user)}
}

func (a *agent) uri(user string) sip.Uri {
	return sip.Uri{Scheme: "sip", User: user, Host: a.local.Addr().String(), Port: int(a.local.Port())}
}

// finish gives a request what every one of ours has: the socket it leaves from
// and a length.
func (a *agent) finish(req *sip.Request) *sip.Request {
	req.Laddr = sip.Addr{IP: a.local.Addr().AsSlice(), Port: int(a.local.Port())}
	req.SetTransport("UDP")
	if req.MaxForwards() == nil {
		hops := sip.MaxForwardsHeader(70)
		req.AppendHeader(&hops)
	}
	req.SetBody(req.Body())
	return req
}

// begin starts a client transaction with a Via of its own.
func (a *agent) begin(ctx context.Context, req *sip.Request) (sip.ClientTransaction, error) {
	tx, err := a.client.TransactionRequest(ctx, req, sipgo.ClientRequestAddVia)
	return tx, nameless(err)
}

// nameless replaces an error of sipgo, whose text may hold a request line and so
// a number, by the plain one it stands for.
func nameless(err error) error {
	if err == nil {
		return nil
	}
	for _, plain := range []error{
		context.Canceled, context.DeadlineExceeded, net.ErrClosed, sip.ErrUDPMTUCongestion,
		sip.ErrTransactionTimeout, sip.ErrTransactionCanceled, sip.ErrTransactionTransport,
	} {
		if errors.Is(err, plain) {
			return plain
		}
	}
	return sip.ErrTransactionTerminated
}

// challenged reports whether res asks for a digest we can give.
func (a *agent) challenged(res *sip.Response) bool {
	return a.auth.Password != "" &&
		(res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired)
}

// retry repeats a challenged request with credentials, as a new transaction. The
// old one keeps its own copy, because it may have to repeat its ACK.
func (a *agent) retry(ctx context.Context, req *sip.Request, res *sip.Response) (*sip.Request, sip.ClientTransaction, error) {
	again := req.Clone()
	tx, err := a.client.TransactionDigestAuth(ctx, again, res, a.auth)
	if err != nil {
		return nil, nil, fmt.Errorf("answer challenge: %w", nameless(err))
	}
	return again, tx, nil
}

// do sends a request that is no INVITE and returns its final response.
func (a *agent) do(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	tx, err := a.begin(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("send %s: %w", req.Method, err)
	}
	for try := 0; ; try++ {
		res, err := finalResponse(ctx, tx)
		tx.Terminate()
		if err != nil {
			return nil, fmt.Errorf("await response to %s: %w", req.Method, err)
		}
		if try >= maxAuthTries || !a.challenged(res) {
			return res, nil
		}
		if req, tx, err = a.retry(ctx, req, res); err != nil {
			return nil, err
		}
	}
}

func finalResponse(ctx context.Context, tx sip.ClientTransaction) (*sip.Response, error) {
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, ended(tx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ended says why a transaction is over; sipgo closes Done before it sets Err.
func ended(tx sip.ClientTransaction) error {
	return cmp.Or(nameless(tx.Err()), sip.ErrTransactionTerminated)
}

// ping sends OPTIONS to target ("address:port"). Every final response is a sign of
// life; its code is returned.
func (a *agent) ping(ctx context.Context, target string) (code int, took time.Duration, err error) {
	if !a.enter() {
		return 0, 0, fmt.Errorf("ping: %w", ErrClosed)
	}
	defer a.leave()
	host, err := netip.ParseAddrPort(target)
	if err != nil {
		return 0, 0, fmt.Errorf("ping: %w", err)
	}
	uri := sip.Uri{Scheme: "sip", Host: host.Addr().String(), Port: int(host.Port())}
	callID := sip.CallIDHeader(newTag())
	from := sip.FromHeader{Address: a.uri(a.user), Params: sip.NewParams()}
	from.Params.Add("tag", newTag())
	req := sip.NewRequest(sip.OPTIONS, uri)
	req.AppendHeader(&from)
	req.AppendHeader(&sip.ToHeader{Address: uri})
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.OPTIONS})
	req.AppendHeader(a.contact())
	began := time.Now()
	res, err := a.do(ctx, a.finish(req))
	if err != nil {
		return 0, 0, fmt.Errorf("ping: %w", err)
	}
	return res.StatusCode, time.Since(began), nil
}

// statusError turns a final response into an error; nil for success.
func statusError(res *sip.Response) error {
	if res.IsSuccess() {
		return nil
	}
	cause, _ := reasonCause(res.GetHeaders("Reason"))
	return &StatusError{Code: res.StatusCode, Reason: res.Reason, Cause: cause}
}

// reasonCause reads the Q.850 cause and text of Reason headers (RFC 3326).
func reasonCause(headers []sip.Header) (cause int, text string) {
	for _, h := range headers {
		protocol, params, _ := strings.Cut(h.Value(), ";")
		if !strings.EqualFold(strings.TrimSpace(protocol), "Q.850") {
			continue
		}
		for param := range strings.SplitSeq(params, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
			switch strings.ToLower(name) {
			case "cause":
				cause, _ = strconv.Atoi(strings.TrimSpace(value))
			case "text":
				text = strings.Trim(value, `"`)
			}
		}
	}
	return cause, text
}

func newTag() string { return uuid.NewString() }
