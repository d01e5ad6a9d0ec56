package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/asterisk"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

const (
	accountsEvery = time.Second // How often changed SIP accounts are looked for; real time.
	flowsEvery    = time.Second // How often published flows are looked for; real time.
	linesEvery    = time.Second // How often changed numbers that people dial are looked for; real time.
	// After so many looks without a change the PBX is given time to read all its accounts again.
	accountsCalm = 15
)

// buildCalls makes the PBX, the call flows and the dispatcher.
func (a *App) buildCalls(ctx context.Context) error {
	pbx, err := asterisk.New(asterisk.Options{
		URL: a.cfg.Asterisk.ARI, User: a.cfg.Asterisk.User, Password: a.cfg.Asterisk.Password.Value(),
		App: a.cfg.Asterisk.Application, AccountsFile: a.cfg.Asterisk.Accounts, TrunksFile: a.cfg.Asterisk.Trunks,
		Logger: a.log.Named("asterisk"), Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("set up the PBX: %w", err)
	}
	a.pbx = pbx
	if a.clockAhead, err = newClockGauge(a.registry); err != nil {
		return fmt.Errorf("register clock: %w", err)
	}
	a.witness = &witness{now: time.Now}
	board := &switchboard{gate: gate{records: a.store}, witness: a.witness, node: a.node}
	a.dispatcher, err = dispatch.New(dispatch.Options{
		Store: a.store, Switchboard: board, Logger: a.log.Named("dispatch"), Registerer: a.registry, Holder: a.node,
		Now: a.now, Speed: a.cfg.Clock.Speed, MaxMissed: a.cfg.Dispatch.MaxMissed, Horizon: a.cfg.Dispatch.Horizon,
		RealNow: a.clock.now, Doubt: a.clock.doubtful,
		Ahead: a.cfg.Dispatch.Ahead, StartsPerSecond: float64(a.cfg.Asterisk.StartsPerSecond), Shares: a.shares(),
	})
	if err != nil {
		return fmt.Errorf("set up dispatch: %w", err)
	}
	flows, err := NewFlows(a.cfg, a.store)
	if err != nil {
		return err
	}
	voice, err := a.buildVoice(ctx, flows.shipped)
	if err != nil {
		return err
	}
	a.voice = voice
	if a.books, err = newBooks(flows, voice, a.log.Named("flows"), a.registry); err != nil {
		return err
	}
	a.witness.desk = a.dispatcher
	here := callers{
		Dispatcher: a.dispatcher, people: a.store, witness: a.witness, gate: &board.gate, books: a.store, now: a.now,
		log: a.log.Named("callers"),
	}
	anywhere := here
	if a.cfg.NATS.URL != "" {
		a.fleet = newFleet(a.node, a.log.Named("fleet"))
		a.fleet.ask, a.fleet.tell, a.fleet.use, a.fleet.line, a.fleet.records = a.bus.Ask, a.bus.Tell, a.dispatcher.UsePBXs, a.dispatcher, a.store
		a.fleet.ready = func() bool { return pbx.Connected() && !a.draining.Load() && !a.clock.doubtful() }
		a.reach = &reach{node: a.node, ask: a.bus.Ask}
		anywhere.reach, anywhere.fleet = a.reach, a.fleet
	}
	a.connector, err = callflow.New(callflow.Options{
		Switch: pbx, Desk: a.witness, Records: a.store, Outreach: a.store, Voice: voice, Book: a.books.book,
		Agenda:   agenda{store: a.store, dispatcher: a.dispatcher, now: a.now},
		Consents: consents{Store: a.store, dispatcher: a.dispatcher, now: a.now},
		Callers:  anywhere, Now: a.now, Logger: a.log.Named("calls"), Registerer: a.registry, OrdinaryTrunk: a.cfg.Asterisk.OrdinaryTrunk,
		Recordings: pbx, Questions: a.store,
		Mend: func(name string) (time.Duration, error) {
			return wav.Mend(filepath.Join(a.cfg.Asterisk.Recordings, name+".wav"))
		},
		Full: func() bool {
			return errors.Is(roomFor(map[string]string{"asterisk.recordings": a.cfg.Asterisk.Recordings}, cutOff), errDiskFull)
		},
		SpoolDir: filepath.Join(a.cfg.Data, "messages"), NoWrapUp: a.cfg.Calls.NoWrapUp, RegistrarRing: a.cfg.Calls.RegistrarRing, Patience: a.cfg.Calls.Patience,
	})
	if err != nil {
		return err
	}
	board.connector = a.connector
	if a.cfg.NATS.URL != "" {
		a.witness.accounts = map[call.ID]*account{}
		a.witness.told, a.witness.node = a.tellLeader, a.node
		board.elsewhere = &elsewhere{
			node: a.node, ask: a.askNode, hand: a.handNode, desk: leader{a.dispatcher}, log: a.log.Named("elsewhere"), now: a.now, real: a.clock.now,
			refused: func(node string) { a.fleet.refusal(node, time.Now()) },
		}
	}

	// Stopped in reverse: the dispatcher commits what it decided while the connector can still tell it of ends, then the
	// connector lets go of its calls, then the way to the PBX is cut. The calls themselves go on.
	stream := a.background("PBX", pbx.Run)
	a.onStop("PBX", closeLimit, stream)
	a.onStop("calls", closeLimit, func(context.Context) error { a.connector.Close(); return nil })
	if board.elsewhere != nil {
		a.onStop("calls elsewhere", closeLimit, func(context.Context) error { board.elsewhere.wait(); return nil })
		a.onStop("answers to nodes", closeLimit, a.background("answers to nodes", func(ctx context.Context) error {
			return a.answerNodes(ctx, here, board)
		}))
		a.onStop("registered phones", closeLimit, a.background("registered phones", a.lookForPhones))
		a.onStop("other nodes", closeLimit, a.background("other nodes", a.lookForNodes))
		a.onStop("hail", closeLimit, a.background("hail", a.hail))
	}
	arrivals := a.background("inbound calls", a.connector.Run)
	a.onStop("inbound calls", closeLimit, arrivals)
	a.electLeader()
	a.onStop("dispatch", closeLimit, func(context.Context) error { a.dispatcher.Close(); return nil })
	if a.shares() != nil {
		a.onStop("trunks", closeLimit, a.background("trunks", a.shareTrunks))
	}
	a.onStop("lead", closeLimit, a.background("lead", a.lead))
	a.onStop("silent sessions", closeLimit, a.background("silent sessions", a.endSilent))
	a.onStop("relay", closeLimit, a.background("relay", a.relayOthers))
	a.forgetting()
	a.watchDisks()
	a.onStop("waiting", closeLimit, a.background("waiting", a.sayWaiting))
	a.onStop("flows", closeLimit, a.background("flows", func(ctx context.Context) error {
		return a.again(ctx, flowsEvery, "look for published flows; going on with those known", a.books.look)
	}))
	if a.cfg.Asterisk.Accounts != "" && a.cfg.Asterisk.Trunks != "" {
		a.onStop("SIP accounts", closeLimit, a.background("SIP accounts", a.syncAccounts))
		a.onStop("lines", closeLimit, a.background("lines", func(ctx context.Context) error {
			return a.again(ctx, linesEvery, "tell the PBX of the numbers that people dial; trying again", a.syncLines)
		}))
	}
	a.healths = append(a.healths,
		health{RoleSwitch, a.diskHealth},
		health{RoleSwitch, func(context.Context) error {
			if !pbx.Connected() {
				return errors.New("the PBX is out of reach")
			}
			return nil
		}},
		health{RoleDispatch, func(context.Context) error {
			if err := a.clock.doubt(); err != nil {
				return err
			}
			if len(a.dispatcher.Schemes()) == 0 {
				return errors.New("no scheme is led")
			}
			return a.dispatcher.Healthy()
		}},
	)
	return nil
}

// shares are the records as far as nodes share trunks there; nil for a node that is alone.
func (a *App) shares() dispatch.Shares {
	if a.cfg.NATS.URL == "" {
		return nil
	}
	return a.store
}

// shareTrunks learns again and again which lines are this node's to use.
func (a *App) shareTrunks(ctx context.Context) error {
	return a.dispatcher.ShareTrunks(ctx, func(err error) {
		a.log.Warn("learn which lines of the trunks this node may use; trying again", zap.Error(err))
	})
}

// syncAccounts makes the PBX know the SIP accounts and trunks of the records, within seconds of a change.
func (a *App) syncAccounts(ctx context.Context) error {
	return a.again(ctx, accountsEvery, "sync SIP accounts; trying again", func(ctx context.Context) error {
		err := a.updateAccounts(ctx)
		if a.accountsCalm() {
			err = errors.Join(err, a.pbx.SettleAccounts(ctx))
		}
		return err
	})
}

// accountsCalm counts a look for changed accounts, and reports whether there was none for a while.
func (a *App) accountsCalm() bool {
	a.accounts.mu.Lock()
	defer a.accounts.mu.Unlock()
	a.accounts.calm++
	return a.accounts.calm >= accountsCalm
}

// updateAccounts makes the PBX know the accounts and trunks when they changed since the last time, and then has the
// schemes looked at anew. It also runs before a scheme is led or looked at for another reason, so that no call is placed
// through a trunk that the PBX does not know.
func (a *App) updateAccounts(ctx context.Context) error {
	if a.cfg.Asterisk.Accounts == "" || a.cfg.Asterisk.Trunks == "" {
		return nil
	}
	a.accounts.mu.Lock()
	defer a.accounts.mu.Unlock()
	version, err := a.store.AccountVersion(ctx)
	if err != nil || version == a.accounts.known {
		return err
	}
	if version, err = a.writeAccounts(ctx); err != nil {
		return err
	}
	a.accounts.known, a.accounts.calm = version, 0
	for _, scheme := range a.dispatcher.Schemes() {
		a.dispatcher.Changed(scheme)
	}
	return nil
}

func (a *App) writeAccounts(ctx context.Context) (int64, error) {
	accounts, trunks, version, err := a.store.Accounts(ctx)
	if err != nil {
		return 0, err
	}
	// Until the desk in the browser comes, a caller's softphone is any SIP phone.
	callersOf := make([]asterisk.Account, len(accounts))
	for i, c := range accounts {
		callersOf[i] = asterisk.Account{Endpoint: c.Endpoint, Secret: c.Secret, Phone: asterisk.PhoneSIP, Enabled: c.Enabled}
	}
	lines := make([]asterisk.Trunk, 0, len(trunks))
	for _, t := range trunks {
		if t.Disabled || t.Host == "" || !t.At(a.node) {
			continue
		}
		lines = append(lines, trunkOf(t))
	}
	if err := a.pbx.SyncAccounts(ctx, callersOf, lines); err != nil {
		return 0, err
	}
	codecs := []string{"alaw", "ulaw"} // Of callers' phones: asterisk/pjsip_templates.conf.
	for _, t := range lines {
		codecs = append(codecs, t.Codecs...)
	}
	if a.voice.Use(codecs) {
		a.reformat.Store(true)
	}
	a.log.Info("SIP accounts written", zap.Int("callers", len(callersOf)), zap.Int("trunks", len(lines)))
	return version, nil
}

// syncLines makes the PBX know the numbers that people dial, so that its dialplan alone answers each in its languages.
func (a *App) syncLines(ctx context.Context) error {
	dialled, nobody, err := a.store.DialledLines(ctx)
	if err != nil {
		return err
	}
	lines := make([]asterisk.Line, len(dialled))
	for i, d := range dialled {
		lines[i] = asterisk.Line(d)
	}
	return a.pbx.SyncLines(ctx, lines, nobody)
}

// CheckTrunk refuses a trunk that the PBX could not be told of, before it is kept: one that is wrong would keep every later
// change of an account from the PBX.
func CheckTrunk(t postgres.Trunk) error {
	if !slices.Contains([]string{"", "udp", "tls"}, t.Transport) {
		return fmt.Errorf("trunk %s: operators are reached over UDP or TLS; write --transport udp or --transport tls", t.Endpoint)
	}
	switch {
	case t.Kind != postgres.TrunkSimulated && t.Host == "":
		return fmt.Errorf("trunk %s: the operator's address is missing; write --host sip.operator.example", t.Endpoint)
	case hostWithPort(t.Host):
		host, port, _ := net.SplitHostPort(t.Host)
		return fmt.Errorf("trunk %s: host %s has a port; write --host %s --port %s", t.Endpoint, t.Host, host, port)
	case t.Port < 0 || t.Port > 65535:
		return fmt.Errorf("trunk %s: port %d; write one from 1 to 65535", t.Endpoint, t.Port)
	case t.Lines < 1 || t.InboundReserve < 0 || t.InboundReserve > t.Lines:
		return fmt.Errorf("trunk %s: %d lines, of which %d are kept for people who ring in; write at least 1, and no more kept than there are",
			t.Endpoint, t.Lines, t.InboundReserve)
	case slices.ContainsFunc(t.Codecs, func(c string) bool { return !slices.Contains(codecs(), c) }):
		return fmt.Errorf("trunk %s: codecs %s; choose among %s", t.Endpoint, strings.Join(t.Codecs, ", "), strings.Join(codecs(), ", "))
	case t.CallsPerSecond < 0 || t.Position < 0 || t.Position > math.MaxInt16:
		return fmt.Errorf("trunk %s: calls per second and position are above zero", t.Endpoint)
	}
	return trunkOf(t).Validate()
}

// hostWithPort reports whether a port stands behind a host; an IPv6 address has colons of its own.
func hostWithPort(host string) bool {
	name, _, err := net.SplitHostPort(host)
	return err == nil && (!strings.Contains(name, ":") || strings.HasPrefix(host, "["))
}

// codecs are those that operators offer and Asterisk has: it would refuse the whole trunk for another one.
func codecs() []string { return []string{"alaw", "ulaw", "g722", "opus", "gsm"} }

func trunkOf(t postgres.Trunk) asterisk.Trunk {
	line := asterisk.Trunk{
		Name: t.Endpoint, Address: net.JoinHostPort(t.Host, strconv.Itoa(t.Port)), Registrar: t.Kind == postgres.TrunkRegistration,
		Transport: asterisk.Transport(t.Transport), User: t.Username, Secret: t.Secret, Domain: t.FromDomain, Codecs: t.Codecs, DTMF: asterisk.DTMF(t.DTMF),
		Simulated: t.Kind == postgres.TrunkSimulated,
	}
	if ip, err := netip.ParseAddr(t.Host); err == nil {
		line.Match = []netip.Prefix{netip.PrefixFrom(ip, ip.BitLen())}
	}
	return line
}

// drain stops claiming and waits for the calls under way.
func (a *App) drain(ctx context.Context) error {
	if a.dispatcher == nil {
		return nil
	}
	if err := a.dispatcher.Drain(ctx); err != nil {
		// The dispatcher has logged who still talks, by id; they go on at the PBX and are adopted after the next start.
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	return nil
}
