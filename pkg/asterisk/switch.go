package asterisk

import (
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/telephony"
)

// Options sets up a Switch. URL, User, Password and App must be given.
type Options struct {
	URL      string // Of ARI, such as "http://127.0.0.1:8088/ari".
	User     string
	Password string
	App      string // The Stasis application that the dialplan names; one Switch at a time may own it.

	Timeout time.Duration // Deadline of a command; 5 s by default.
	// PingEvery is how often the event stream is proved alive, and PingTimeout how long the answer may take. Their sum, by
	// default 1.5 s + 2.5 s, bounds the time in which a half-open stream goes unnoticed.
	PingEvery, PingTimeout time.Duration
	// BackoffMin and BackoffMax bound the pause before the stream is connected again; 100 ms and 5 s by default.
	BackoffMin, BackoffMax time.Duration

	// AccountsFile and TrunksFile are written by SyncAccounts, as this process sees them. Empty: SyncAccounts fails.
	AccountsFile, TrunksFile string

	Logger     *zap.Logger           // Nil: silent.
	Registerer prometheus.Registerer // Nil: no metrics.
}

func (o *Options) validate() (*url.URL, error) {
	u, err := url.Parse(o.URL)
	var errs []error
	switch {
	case err != nil:
		errs = append(errs, fmt.Errorf("URL: %w", err))
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		errs = append(errs, fmt.Errorf("URL %q is not http://host:port/ari", o.URL))
	case u.User != nil || u.RawQuery != "":
		errs = append(errs, errors.New("URL holds credentials or a query; name User and Password instead"))
	}
	if o.User == "" || o.Password == "" {
		errs = append(errs, errors.New("user or password is empty"))
	}
	if !word(o.App) {
		errs = append(errs, fmt.Errorf("application %q is not a word of letters, digits, - and _", o.App))
	}
	defaults := []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&o.Timeout, 5 * time.Second},
		{&o.PingEvery, 1500 * time.Millisecond},
		{&o.PingTimeout, 2500 * time.Millisecond},
		{&o.BackoffMin, 100 * time.Millisecond},
		{&o.BackoffMax, 5 * time.Second},
	}
	for _, d := range defaults {
		if *d.value < 0 {
			errs = append(errs, fmt.Errorf("duration %s is negative", *d.value))
		}
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return u, errors.Join(errs...)
}

// ErrReplaced means that another process connected with the same application name and now owns its calls. Run ends with
// it; the program must not go on commanding the calls of this PBX.
var ErrReplaced = errors.New("another service took over the application")

// Switch is one Asterisk. Its commands work as soon as Run has connected the event stream, and are safe for use by
// several goroutines.
type Switch struct {
	opts    Options
	rest    *rest
	log     *zap.Logger
	metrics *metrics
	router  *router

	reconciled chan telephony.Reconciliation // Size 1: an older value is replaced.
	arrivals   chan telephony.Event
	connected  atomic.Bool // The stream is up and reconciled: no event of a new call can be missed.

	unbridge sync.Mutex // Bridges are deleted one after the other: Asterisk can crash otherwise (its issue 1201).
	sync     sync.Mutex // One SyncAccounts at a time; guards what follows.
	// known are the enabled accounts of the last SyncAccounts; nil before the first and after a failure. unsettled are those
	// that changed since the PBX has read everything.
	known     map[string]Account
	unsettled map[string]bool
}

var _ telephony.Switch = (*Switch)(nil)

// New checks the options and returns a Switch that is not connected yet: see Run.
func New(opts Options) (*Switch, error) {
	u, err := opts.validate()
	if err != nil {
		return nil, fmt.Errorf("check Asterisk options: %w", err)
	}
	m := newMetrics()
	if opts.Registerer != nil {
		if err := m.register(opts.Registerer); err != nil {
			return nil, fmt.Errorf("register Asterisk metrics: %w", err)
		}
	}
	return &Switch{
		opts:       opts,
		rest:       newRest(u, opts.User, opts.Password, opts.Timeout, m),
		log:        opts.Logger,
		metrics:    m,
		router:     newRouter(m),
		reconciled: make(chan telephony.Reconciliation, 1),
		arrivals:   make(chan telephony.Event),
	}, nil
}

// Open starts a mailbox: see telephony.Switch.
func (s *Switch) Open(key string) *telephony.Mailbox { return s.router.open(key) }

// Arrivals delivers what entered the application and belongs to no mailbox. It is closed when Run ends.
func (s *Switch) Arrivals() <-chan telephony.Event { return s.arrivals }

// Reconciled delivers a value after each (re)connection of the event stream.
func (s *Switch) Reconciled() <-chan telephony.Reconciliation { return s.reconciled }

// Connected reports whether the event stream is up.
func (s *Switch) Connected() bool { return s.connected.Load() }

// word reports whether s is a name that means nothing to Asterisk's configuration, dialplan or URLs.
func word(s string) bool {
	if s == "" || len(s) > 80 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return true
}
