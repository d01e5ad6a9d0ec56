package phone

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

const (
	defaultKeep    = 60 * time.Second
	defaultExpires = 5 * time.Minute
	minExpires     = 10 * time.Second
)

// Options describe a [Phone].
type Options struct {
	// User is the account, and the user part of the phone's address. Required.
	User string
	// Secret is the account's password; empty: challenges are not answered.
	Secret string
	// AuthUser is the user name for digest; empty: User.
	AuthUser string
	// Registrar is the PBX, "address:port". Required.
	Registrar string
	// Listen is the phone's own address and port; port 0 is any. Empty: "127.0.0.1:0".
	Listen string
	// Expires is the registration asked for; zero: 5 minutes, at least 10 s.
	Expires time.Duration
	// Codecs in order of preference; empty: A-law, then μ-law.
	Codecs []Codec
	// Keep is how much received audio each call keeps; zero: 60 s (480 kB a call).
	Keep time.Duration
	// Tones are frequencies in Hz that every call watches for, for [Heard.Tones].
	Tones []float64
	// Pacer, when set, is shared and stays the caller's to close; nil: one of its own.
	Pacer *Pacer
	// OnCall runs in a goroutine of its own for each incoming call; it may stay for
	// the whole call. A call that it has neither answered nor rejected when it
	// returns is refused with 480. ctx ends when the phone closes; Close waits
	// for it. Nil: every call is refused with 480.
	OnCall func(ctx context.Context, in *Incoming)
	// OnRegistered, when set, is called after each change: nil when registered,
	// else why not. It must return at once.
	OnRegistered func(err error)
	// Logger is required; it is told no numbers and no names.
	Logger *zap.Logger
}

func (o *Options) check() error {
	if o.User == "" || o.Registrar == "" || o.Logger == nil {
		return errors.New("phone options: user, registrar and logger are required")
	}
	if _, err := netip.ParseAddrPort(o.Registrar); err != nil {
		return fmt.Errorf("phone options: registrar: %w", err)
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.AuthUser == "" {
		o.AuthUser = o.User
	}
	if o.Expires == 0 {
		o.Expires = defaultExpires
	}
	if o.Expires < minExpires {
		return fmt.Errorf("phone options: expires %s is under %s", o.Expires, minExpires)
	}
	if o.OnCall == nil {
		o.OnCall = func(context.Context, *Incoming) {}
	}
	if o.OnRegistered == nil {
		o.OnRegistered = func(error) {}
	}
	var err error
	o.Codecs, o.Keep, err = checkAudio(o.Codecs, o.Keep)
	return err
}

func checkAudio(codecs []Codec, keep time.Duration) ([]Codec, time.Duration, error) {
	if len(codecs) == 0 {
		codecs = []Codec{PCMA, PCMU}
	}
	for _, c := range codecs {
		if !c.valid() {
			return nil, 0, fmt.Errorf("phone options: %w: %s", ErrNoCodec, c)
		}
	}
	if keep == 0 {
		keep = defaultKeep
	}
	return codecs, keep, nil
}

// Phone is one SIP telephone. It is safe for concurrent use.
type Phone struct {
	*agent
	options   Options
	registrar sip.Uri

	mu         sync.Mutex
	registered bool
	refresh    context.CancelFunc // nil: no registration is kept up
	refreshed  chan struct{}      // closed when the keeper has ended
	callID     string
	cseq       uint32
}

// New makes a phone that listens but is not registered yet.
func New(o Options) (*Phone, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &Phone{options: o, callID: newTag()}
	host := netip.MustParseAddrPort(o.Registrar)
	p.registrar = sip.Uri{Scheme: "sip", Host: host.Addr().String(), Port: int(host.Port())}
	a, err := newAgent(agentOptions{
		listen: o.Listen, user: o.User,
		auth:   sipgo.DigestAuth{Username: o.AuthUser, Password: o.Secret},
		codecs: o.Codecs, pacer: o.Pacer, keep: o.Keep, tones: o.Tones, log: o.Logger,
		answer:   o.OnCall,
		powerCut: p.Vanish,
	})
	if err != nil {
		return nil, fmt.Errorf("make phone: %w", err)
	}
	p.agent = a
	a.start()
	return p, nil
}

// Addr is where the phone listens for SIP.
func (p *Phone) Addr() netip.AddrPort { return p.local }

// User is the phone's account.
func (p *Phone) User() string { return p.options.User }

// Dial calls target, either a number or name at the registrar or a whole
// "sip:…" address, and returns when it is answered. A refusal is a [*StatusError].
// When ctx ends first the call is cancelled.
func (p *Phone) Dial(ctx context.Context, target string, o DialOptions) (*Call, error) {
	uri, err := resolve(target, p.registrar)
	if err != nil {
		return nil, err
	}
	return p.dial(ctx, uri, o)
}

// Ping asks whether a SIP server at target ("address:port") lives, by OPTIONS. Any
// final response is a yes: its status code comes with the time it took.
func (p *Phone) Ping(ctx context.Context, target string) (code int, took time.Duration, err error) {
	return p.ping(ctx, target)
}

func resolve(target string, at sip.Uri) (sip.Uri, error) {
	if strings.HasPrefix(target, "sip:") {
		var uri sip.Uri
		if err := sip.ParseUri(target, &uri); err != nil {
			return sip.Uri{}, errors.New("dial: target is no valid sip: address") // err repeats it
		}
		return uri, nil
	}
	if target == "" || strings.ContainsAny(target, "@ <>;") {
		return sip.Uri{}, errors.New("dial: target is neither a number nor a sip: address")
	}
	at.User = target
	return at, nil
}

// Register registers the phone and keeps it registered until [Phone.Unregister]
// or [Phone.Close]. It returns when the first registration was accepted; a
// refusal is a [*StatusError] and nothing is kept up. Later failures are
// repeated with a growing pause and told to OnRegistered.
func (p *Phone) Register(ctx context.Context) error {
	p.stopRefresh()
	granted, err := p.register(ctx, p.options.Expires)
	p.options.OnRegistered(err)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if !p.enter() {
		return fmt.Errorf("register: %w", ErrClosed)
	}
	keep, cancel := context.WithCancel(p.ctx)
	ended := make(chan struct{})
	p.mu.Lock()
	p.refresh, p.refreshed = cancel, ended
	p.mu.Unlock()
	go func() {
		defer p.leave()
		defer close(ended)
		p.keepRegistered(keep, granted)
	}()
	return nil
}

// Registered reports whether the last registration was accepted.
func (p *Phone) Registered() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.registered
}

// Unregister removes the phone's registration.
func (p *Phone) Unregister(ctx context.Context) error {
	p.stopRefresh()
	if _, err := p.register(ctx, 0); err != nil {
		return fmt.Errorf("unregister: %w", err)
	}
	return nil
}

// Vanish makes the phone lose its power: it sends and answers nothing more,
// neither SIP nor audio, and tells nobody. Only Close is of use afterwards.
func (p *Phone) Vanish() {
	p.stopRefresh()
	p.goDark()
}

// Close hangs up every call without waiting for the other side, leaves the
// registration to expire, and waits for everything the phone started, OnCall
// included.
func (p *Phone) Close() {
	p.stopRefresh()
	p.close()
}

func (p *Phone) stopRefresh() {
	p.mu.Lock()
	cancel, ended := p.refresh, p.refreshed
	p.refresh, p.refreshed = nil, nil
	p.mu.Unlock()
	if cancel != nil {
		cancel()
		<-ended
	}
}

// keepRegistered renews at half of what was granted, and after a failure with a
// pause that doubles up to 30 s.
func (p *Phone) keepRegistered(ctx context.Context, granted time.Duration) {
	const shortest, longest = time.Second, 30 * time.Second
	pause := shortest
	timer := time.NewTimer(granted / 2)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		again, err := p.register(ctx, p.options.Expires)
		if ctx.Err() != nil {
			return
		}
		p.options.OnRegistered(err)
		if err == nil {
			pause = shortest
			timer.Reset(max(again/2, shortest))
			continue
		}
		p.options.Logger.Debug("registration failed", zap.Error(err))
		timer.Reset(pause)
		pause = min(2*pause, longest)
	}
}

// register sends one REGISTER (RFC 3261, 10.2) and returns the time granted.
func (p *Phone) register(ctx context.Context, expires time.Duration) (time.Duration, error) {
	if !p.enter() {
		return 0, ErrClosed
	}
	defer p.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()

	res, err := p.do(ctx, p.registration(expires))
	if err == nil {
		err = statusError(res)
	}
	p.mu.Lock()
	p.registered = err == nil && expires > 0
	p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return max(p.granted(res, expires), 2*time.Second), nil
}

func (p *Phone) registration(expires time.Duration) *sip.Request {
	p.mu.Lock()
	p.cseq += maxAuthTries + 1 // room for the numbers that challenges use up
	seq := p.cseq
	p.mu.Unlock()
	self := p.registrar
	self.User = p.options.User
	from := sip.FromHeader{Address: self, Params: sip.NewParams()}
	from.Params.Add("tag", newTag())
	callID := sip.CallIDHeader(p.callID)
	seconds := sip.ExpiresHeader(expires / time.Second)
	req := sip.NewRequest(sip.REGISTER, p.registrar)
	req.AppendHeader(&from)
	req.AppendHeader(&sip.ToHeader{Address: self})
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: sip.REGISTER})
	req.AppendHeader(p.contact())
	req.AppendHeader(&seconds)
	req.AppendHeader(sip.NewHeader("Allow", allowed))
	return p.finish(req)
}

// granted reads how long the registration holds: the expires parameter of our
// own contact, else the Expires header, else what was asked for.
func (p *Phone) granted(res *sip.Response, asked time.Duration) time.Duration {
	seconds := func(s string) (time.Duration, bool) {
		n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31)
		return time.Duration(n) * time.Second, err == nil
	}
	us := p.local.String()
	for _, h := range res.GetHeaders("Contact") {
		value := h.Value()
		if !strings.Contains(value, us) {
			continue
		}
		for param := range strings.SplitSeq(value, ";") {
			if name, v, ok := strings.Cut(param, "="); ok && strings.EqualFold(strings.TrimSpace(name), "expires") {
				if d, ok := seconds(v); ok {
					return d
				}
			}
		}
	}
	if h := res.GetHeader("Expires"); h != nil {
		if d, ok := seconds(h.Value()); ok {
			return d
		}
	}
	return asked
}
