package setup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
)

// Bounds of Asterisk's own work.
const (
	asteriskStartPatience = 60 * time.Second
	asteriskStopPatience  = 5 * time.Second
	asteriskKillPatience  = 10 * time.Second
	consolePatience       = 30 * time.Second
)

// Defaults of AsteriskOptions.
const (
	defaultRTPPorts   = 400
	defaultMaxFiles   = 65_536
	defaultRTPTimeout = 8 * time.Second
	defaultLanguage   = "fr"
)

// The ports at the start of an instance's range; audio follows.
const (
	offsetSIP = iota
	offsetHTTP
	offsetHTTPS
	offsetSIPTLS
	offsetRTP = portsUnit
)

// AsteriskOptions say how to run an instance.
type AsteriskOptions struct {
	// Installation comes from Prepare. Required.
	Installation *Installation
	// RunDir holds everything the instance writes. Zero means "asterisk" in
	// the installation directory.
	RunDir string
	// SoundsDir is a directory with prompts that the service writes and
	// Asterisk plays. Zero means "sounds" in RunDir.
	SoundsDir string
	// RTPPorts is how many UDP ports audio may use; each live leg takes two.
	// Zero means 400.
	RTPPorts int
	// MaxCalls limits live channels; 0 is no limit.
	MaxCalls int
	// RTPTimeout hangs up a caller's leg that sends no audio. Zero means 8 s,
	// negative switches it off.
	RTPTimeout time.Duration
	// Language is the default language of prompts. Zero means "fr".
	Language string
	// SIPAddr is where SIP phones and trunks are heard (UDP); a zero address
	// means 127.0.0.1, a zero port a free one.
	SIPAddr netip.AddrPort
	// WSSAddr switches SIP over secure WebSocket on at an address for
	// softphones elsewhere; ARI is refused there. The zero value keeps it off;
	// a zero port takes a free one.
	WSSAddr netip.AddrPort
	// SIPTLSAddr switches SIP over TLS on for SIP phones, in the same way.
	SIPTLSAddr netip.AddrPort
	// ExternalAddress is announced to peers outside LocalNets, for a machine
	// behind address translation.
	ExternalAddress string
	LocalNets       []netip.Prefix
	// CertFile and KeyFile replace the installation's self-signed certificate.
	CertFile, KeyFile string
	// TrustFile holds the authorities (PEM) that sign the certificates of
	// trunks over TLS. Zero means those of Asterisk's system.
	TrustFile string
	// Files adds or replaces configuration files by name, as templates over
	// asteriskconf.Settings: a test's own dialplan, for example.
	Files map[string]string
	// OutliveParent lets Asterisk live on when this process dies. The zero
	// value kills it.
	OutliveParent bool
}

// Asterisk is one private instance. Its methods may be called from several
// goroutines.
type Asterisk struct {
	options  AsteriskOptions
	programs asteriskPrograms
	secrets  Secrets
	runDir   string
	settings asteriskconf.Settings

	mu      sync.Mutex // guards what follows
	lock    *dirLock
	ports   *portLease
	proc    *process
	console *os.File
}

// StartAsterisk renders the configuration into the run directory and starts
// Asterisk with it. It returns when Asterisk has loaded everything and ARI
// answers. An instance that an earlier process left behind in the same
// directory is killed first; ErrInUse says that a living process still holds
// the directory.
func StartAsterisk(ctx context.Context, options AsteriskOptions) (*Asterisk, error) {
	if options.Installation == nil {
		return nil, errors.New("start Asterisk: AsteriskOptions.Installation is nil: call Prepare first")
	}
	if options.Installation.asterisk.asterisk == "" {
		return nil, errors.New("start Asterisk: the installation was prepared without it")
	}
	if options.RunDir == "" {
		options.RunDir = filepath.Join(options.Installation.Dir, "asterisk")
	}
	if options.RTPPorts == 0 {
		options.RTPPorts = defaultRTPPorts
	}
	if options.Language == "" {
		options.Language = defaultLanguage
	}
	if options.RTPTimeout == 0 {
		options.RTPTimeout = defaultRTPTimeout
	}
	if options.CertFile == "" {
		options.CertFile, options.KeyFile = options.Installation.CertFile, options.Installation.KeyFile
	}
	runDir, err := filepath.Abs(options.RunDir)
	if err != nil {
		return nil, fmt.Errorf("start Asterisk: %w", err)
	}
	if options.SoundsDir == "" {
		options.SoundsDir = filepath.Join(runDir, "sounds")
	}
	if options.SoundsDir, err = filepath.Abs(options.SoundsDir); err != nil {
		return nil, fmt.Errorf("start Asterisk: %w", err)
	}
	a := &Asterisk{
		options:  options,
		programs: options.Installation.asterisk,
		secrets:  options.Installation.Secrets,
		runDir:   runDir,
	}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start Asterisk: %w", err), a.Close(context.WithoutCancel(ctx)))
	}
	return a, nil
}

func (a *Asterisk) open(ctx context.Context) error {
	if err := a.makeDirs(); err != nil {
		return err
	}
	var err error
	if a.lock, err = lockRunDir(a.runDir); err != nil {
		return err
	}
	if err := a.stopOrphan(ctx); err != nil {
		return err
	}
	if a.ports, err = leasePorts(offsetRTP + a.options.RTPPorts); err != nil {
		return err
	}
	if a.settings, err = a.makeSettings(); err != nil {
		return err
	}
	if err := a.writeConfiguration(); err != nil {
		return err
	}
	return a.Start(ctx)
}

// Start starts a stopped or dead instance with the same configuration and
// ports. It does nothing when it runs.
func (a *Asterisk) Start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.proc.alive() {
		return nil
	}
	if a.console == nil {
		var err error
		if a.console, err = os.OpenFile(a.ConsolePath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("open console log: %w", err)
		}
	}
	c := a.confinement()
	c.args = append(c.args, "-f")
	c.stdout, c.stderr = a.console, a.console
	c.files = uint64(a.settings.MaxFiles)
	if !a.options.OutliveParent {
		c.death = syscall.SIGKILL
	}
	proc, err := c.start()
	if err != nil {
		return err
	}
	a.proc = proc
	if err := os.WriteFile(a.pidPath(), []byte(strconv.Itoa(proc.pid())+"\n"), 0o644); err != nil {
		return fmt.Errorf("write process id: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, asteriskStartPatience)
	defer cancel()
	if err := a.waitReady(ctx, proc); err != nil {
		return fmt.Errorf("%w; its logs are %s and %s: %s", err, a.LogPath(), a.ConsolePath(), a.lastWords())
	}
	return nil
}

// waitReady waits until ARI answers and all modules are loaded.
func (a *Asterisk) waitReady(ctx context.Context, proc *process) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	err := poll(ctx, func() (bool, error) {
		if !proc.alive() {
			return false, fmt.Errorf("the process ended: %w", errProcessEnded(proc))
		}
		return a.ariAnswers(ctx, client)
	})
	if err != nil {
		return fmt.Errorf("wait for ARI: %w", err)
	}
	if _, err := a.Console(ctx, "core waitfullybooted"); err != nil {
		return fmt.Errorf("wait for modules: %w", err)
	}
	return nil
}

func errProcessEnded(proc *process) error {
	if proc.err == nil {
		return errors.New("exit status 0")
	}
	return proc.err
}

// ariAnswers asks once. A refusal of the password is an error at once.
func (a *Asterisk) ariAnswers(ctx context.Context, client *http.Client) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.ARIURL()+"/asterisk/info?only=system", nil)
	if err != nil {
		return false, err
	}
	req.SetBasicAuth(a.ARIUser(), a.ARIPassword())
	resp, err := client.Do(req)
	if err != nil {
		return false, nil //nolint:nilerr // Not listening yet is the reason to ask again.
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return false, fmt.Errorf("ARI refuses its own user: %s", resp.Status)
	}
	return false, nil
}

func (a *Asterisk) confinement() *confinement {
	c := &confinement{
		root:   a.programs.root,
		runDir: a.runDir,
		uid:    asteriskUID,
		user:   "rappel-asterisk",
		path:   a.programs.asterisk,
		env:    []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=" + viewDir + "/lib"},
	}
	if private() {
		c.binds = []bind{{host: a.options.SoundsDir, inside: c.inside("sounds"), readOnly: true}}
	}
	if zone := machineZone(); zone != "" {
		c.env = append(c.env, "TZ="+zone)
	}
	c.args = []string{"-C", c.inside("etc", "asterisk.conf")}
	return c
}

// machineZone is the name of the machine's time zone, such as "Europe/Paris".
func machineZone() string {
	target, err := os.Readlink("/etc/localtime")
	if err != nil {
		return ""
	}
	const marker = "/zoneinfo/"
	for i := len(target) - len(marker); i >= 0; i-- {
		if target[i:i+len(marker)] == marker {
			return target[i+len(marker):]
		}
	}
	return ""
}

// Console runs one command of Asterisk's console, such as "core show uptime",
// and returns what it prints.
func (a *Asterisk) Console(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, consolePatience)
	defer cancel()
	c := a.confinement()
	c.args = append(c.args, "-rx", command)
	out, err := c.run(ctx)
	if err != nil {
		return "", fmt.Errorf("ask Asterisk's console: %w", err)
	}
	return string(out), nil
}

// Stop ends Asterisk: calls are cut. The ports stay reserved for a later
// Start.
func (a *Asterisk) Stop(ctx context.Context) error {
	// Asking nicely may hang for ever when Asterisk is stuck.
	return a.stop(ctx, stopStep{syscall.SIGTERM, asteriskStopPatience}, stopStep{syscall.SIGKILL, asteriskKillPatience})
}

// Kill ends Asterisk with SIGKILL.
func (a *Asterisk) Kill() error {
	return a.stop(context.Background(), stopStep{syscall.SIGKILL, asteriskKillPatience})
}

// Restart stops Asterisk, if it runs, and starts it on the same ports.
func (a *Asterisk) Restart(ctx context.Context) error {
	if err := a.Stop(ctx); err != nil {
		return err
	}
	return a.Start(ctx)
}

func (a *Asterisk) stop(ctx context.Context, steps ...stopStep) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.proc == nil {
		return nil
	}
	if err := a.proc.stop(ctx, steps...); err != nil {
		return fmt.Errorf("stop Asterisk: %w", err)
	}
	return nil
}

// Close stops Asterisk and gives its ports and directory back.
func (a *Asterisk) Close(ctx context.Context) error {
	err := a.Stop(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.console != nil {
		err = errors.Join(err, a.console.Close())
		a.console = nil
	}
	a.ports.release()
	a.lock.release()
	a.ports, a.lock = nil, nil
	return err
}
