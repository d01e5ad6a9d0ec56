package asterisk

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/CyCoreSystems/ari/v5"
	"github.com/coder/websocket"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/telephony"
)

// maxEvent bounds one event; they have 1 to 2 KB.
const maxEvent = 1 << 20

// steady is how long a connection must have held before the pause before the next one starts small again.
const steady = 10 * time.Second

// Run owns the event stream until ctx ends (then it returns nil) or the application is taken over by another process
// (then the error is ErrReplaced). It connects again after every failure, with growing pauses, and reconciles each time.
// Call it once; it closes Arrivals when it returns.
func (s *Switch) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pump sync.WaitGroup
	pump.Go(func() { s.pumpArrivals(ctx) })
	defer func() {
		cancel()
		pump.Wait()
		s.router.arrivals.Close()
		close(s.arrivals)
		s.rest.client.CloseIdleConnections()
	}()
	pause := s.opts.BackoffMin
	var startup time.Time
	for {
		begin := time.Now()
		err := s.session(ctx, &startup)
		s.connected.Store(false)
		s.metrics.connected.Set(0)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrReplaced):
			s.metrics.connects.WithLabelValues("replaced").Inc()
			return fmt.Errorf("read events: %w", err)
		}
		s.metrics.connects.WithLabelValues("lost").Inc()
		if time.Since(begin) > steady {
			pause = s.opts.BackoffMin
		}
		wait := pause/2 + rand.N(pause/2+1)
		s.log.Warn("event stream of the PBX ended", zap.Error(err), zap.Duration("again_in", wait))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		pause = min(2*pause, s.opts.BackoffMax)
	}
}

// pumpArrivals hands over arrivals one by one; they wait in a mailbox that grows, so the reader of events never waits.
func (s *Switch) pumpArrivals(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.router.arrivals.Wake():
		}
		for _, e := range s.router.arrivals.Take() {
			select {
			case s.arrivals <- e:
			case <-ctx.Done():
				return
			}
		}
	}
}

// session is one connection of the event stream, from connecting to its end. startup is when the PBX was started, as far
// as known from earlier sessions.
func (s *Switch) session(ctx context.Context, startup *time.Time) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }() // The connection is lost or given up; there is nobody to tell.
	begin := time.Now()
	g := &gate{router: s.router, held: []telephony.Event{}}
	var work sync.WaitGroup
	defer work.Wait()
	defer func() { _ = conn.CloseNow() }()
	work.Go(func() { cancel(s.read(ctx, conn, g)) })
	work.Go(func() { cancel(s.ping(ctx, conn)) })
	if err := s.prepare(ctx); err != nil {
		cancel(err)
		return context.Cause(ctx)
	}
	if err := s.reconcile(ctx, startup, g); err != nil {
		cancel(err)
		return context.Cause(ctx)
	}
	s.metrics.reconciles.Observe(time.Since(begin).Seconds())
	s.metrics.connected.Set(1)
	s.connected.Store(true)
	s.log.Info("event stream of the PBX is up", zap.Duration("reconciled_in", time.Since(begin)))
	<-ctx.Done()
	return context.Cause(ctx)
}

func (s *Switch) dial(ctx context.Context) (*websocket.Conn, error) {
	u := s.rest.base.JoinPath("events")
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	u.RawQuery = url.Values{"app": {s.opts.App}}.Encode()
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	login := base64.StdEncoding.EncodeToString([]byte(s.opts.User + ":" + s.opts.Password))
	conn, resp, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient:      s.rest.client,
		HTTPHeader:      http.Header{"Authorization": {"Basic " + login}},
		CompressionMode: websocket.CompressionDisabled,
	})
	if resp != nil && resp.Body != nil && err != nil {
		_ = resp.Body.Close() // The failure itself is reported.
	}
	if err != nil && resp != nil && resp.StatusCode == http.StatusUnauthorized {
		return nil, fmt.Errorf("connect event stream: the PBX knows no such user and password; compare asterisk.user and asterisk.password with ari.conf: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("connect event stream: %w", err)
	}
	conn.SetReadLimit(maxEvent)
	return conn, nil
}

// read takes events off the stream until it ends. It does nothing that can wait.
func (s *Switch) read(ctx context.Context, conn *websocket.Conn, g *gate) error {
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		d, err := decode(data)
		switch {
		case errors.Is(err, errUnknownEvent):
			s.metrics.unknown.Inc()
			s.log.Debug("skipped an event of unknown type", zap.String("type", d.typ))
			continue
		case err != nil:
			s.metrics.malformed.Inc()
			s.log.Warn("skipped a malformed event", zap.Int("bytes", len(data)))
			continue
		}
		s.metrics.events.WithLabelValues(d.typ).Inc()
		if d.replaced {
			return ErrReplaced
		}
		if d.event.Type != "" {
			g.pass(d.event)
		}
	}
}

// ping proves the stream alive: TCP alone tells of a peer that vanished only after minutes.
func (s *Switch) ping(ctx context.Context, conn *websocket.Conn) error {
	tick := time.NewTicker(s.opts.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		limited, cancel := context.WithTimeout(ctx, s.opts.PingTimeout)
		err := conn.Ping(limited)
		cancel()
		if err != nil {
			return fmt.Errorf("ping event stream: %w", err)
		}
	}
}

// prepare subscribes the application to every channel and bridge ("channel:" without a name; "endpoint:PJSIP" is refused
// while there is no SIP account at all), and filters the events to those that are read. Both
// stay on the application; they are set again each time because the PBX may have been restarted.
func (s *Switch) prepare(ctx context.Context) error {
	type named struct {
		Type string `json:"type"`
	}
	filter := struct {
		Allowed []named `json:"allowed"`
	}{}
	for _, t := range wanted() {
		filter.Allowed = append(filter.Allowed, named{t})
	}
	err := s.rest.do(ctx, request{
		name: "filter", method: http.MethodPut, path: []string{"applications", s.opts.App, "eventFilter"}, body: filter,
	})
	if err != nil {
		return err
	}
	return s.rest.do(ctx, request{
		name: "subscribe", method: http.MethodPost, path: []string{"applications", s.opts.App, "subscription"},
		query: url.Values{"eventSource": {"channel:,bridge:"}},
	})
}

// reconcile lists what lives, tells it by Reconciled, and only then lets the events through that came meanwhile.
func (s *Switch) reconcile(ctx context.Context, startup *time.Time, g *gate) error {
	at := time.Now()
	info, err := s.Info(ctx)
	if err != nil {
		return err
	}
	channels, err := s.Channels(ctx)
	if err != nil {
		return err
	}
	started := time.Time(info.StatusInfo.StartupTime)
	r := telephony.Reconciliation{Fresh: !startup.IsZero() && !started.Equal(*startup), Channels: channels, At: at}
	*startup = started
	s.router.learn(channels)
	select {
	case old := <-s.reconciled:
		r.Fresh = r.Fresh || old.Fresh // Nobody has heard of that restart yet.
	default:
	}
	s.reconciled <- r
	g.open()
	return nil
}

// Info returns what Asterisk says of itself: version, start, language.
func (s *Switch) Info(ctx context.Context) (ari.AsteriskInfo, error) {
	var info ari.AsteriskInfo
	err := s.rest.do(ctx, request{name: "info", method: http.MethodGet, path: []string{"asterisk", "info"}, out: &info})
	return info, err
}

// gate holds events back until the listing that came after the connection has been delivered.
type gate struct {
	router *router

	mu   sync.Mutex
	held []telephony.Event // Nil once the gate is open.
}

func (g *gate) pass(e telephony.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil {
		g.held = append(g.held, e)
		return
	}
	g.router.route(e)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.held {
		g.router.route(e)
	}
	g.held = nil
}
