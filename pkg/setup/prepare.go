package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Step is one part of the set-up, reported when it starts and when it ends.
type Step struct {
	// Name says what is done, in words for the person who waits.
	Name string
	// Done is false at the start and true at the end.
	Done bool
	// Took is zero at the start.
	Took time.Duration
	// Err is why the step failed; nil at the start and on success.
	Err error
}

// Options say what to prepare.
type Options struct {
	// Dir is the installation directory. It is created when it does not
	// exist. Required.
	Dir string
	// Progress is called from the goroutine that called Prepare, only for
	// steps that take real work; nil reports nothing.
	Progress func(Step)
	// WithoutAsterisk leaves out Asterisk and the voices, for a service that
	// uses ones that run elsewhere.
	WithoutAsterisk bool
	// WithoutPostgres leaves out PostgreSQL in the same way.
	WithoutPostgres bool
	// SIPp also installs the SIP load generator, for benchmarks.
	SIPp bool
	// Browser also installs Chromium, for tests of pages.
	Browser bool
	// Spin also installs the model checker and the C compiler it needs.
	Spin bool

	// ignoreMachine pretends that the machine has neither PostgreSQL nor
	// Asterisk of its own, for tests of the other path.
	ignoreMachine bool
}

func (o Options) validate() error {
	if o.Dir == "" {
		return errors.New("Options.Dir is empty: name the installation directory")
	}
	return nil
}

// Installation is a prepared directory: what StartPostgres, StartAsterisk and
// NewVoice need. It is read-only and may be shared.
type Installation struct {
	// Dir is the absolute path of the installation directory.
	Dir string
	// Secrets are random and made once per installation.
	Secrets Secrets
	// CertFile and KeyFile are a self-signed certificate made once per
	// installation, PEM, the key with mode 0600.
	CertFile, KeyFile string
	// SIPp is the path of the load generator; empty unless asked for.
	SIPp string
	// Browser is the path of a Chromium; empty unless asked for.
	Browser string
	// Spin is the path of the model checker; empty unless asked for.
	Spin string

	postgres postgresPrograms
	asterisk asteriskPrograms
	voices   voicePrograms
}

// AsteriskVersion is what the chosen Asterisk calls itself, such as "22.10.1";
// empty when the installation was prepared without one.
func (i *Installation) AsteriskVersion() string { return i.asterisk.version }

// PostgresVersion is what the chosen server calls itself, such as "15.18";
// empty when the installation was prepared without one.
func (i *Installation) PostgresVersion() string { return i.postgres.version }

// AsteriskRoot is the root file system of its own that Asterisk runs in;
// empty when the machine's Asterisk is used.
func (i *Installation) AsteriskRoot() string { return i.asterisk.root }

// preparer is one run of Prepare.
type preparer struct {
	options Options
	dir     string
	apt     apt
}

// Prepare makes the installation directory ready and says what it found. Only
// one process works on a directory at a time; the others wait. When everything
// is there it takes milliseconds and needs neither network nor root.
//
// The machine stays as it was, except for Debian packages that start nothing:
// mmdebstrap when a root file system has to be built, sip-tester when
// Options.SIPp asks for it, chromium when Options.Browser does, and spin with gcc when
// Options.Spin does.
func Prepare(ctx context.Context, options Options) (*Installation, error) {
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("prepare installation: %w", err)
	}
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("prepare installation: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make installation directory: %w; choose a directory you may write to", err)
	}
	p := &preparer{options: options, dir: dir}
	start := time.Now()
	lock, err := waitLock(ctx, filepath.Join(dir, "lock"), func(err error) {
		p.report(Step{Name: "wait for another set-up: " + err.Error()})
	})
	if err != nil {
		return nil, fmt.Errorf("prepare installation: %w", err)
	}
	defer lock.release()
	if waited := time.Since(start); waited > time.Second {
		p.report(Step{Name: "wait for another set-up", Done: true, Took: waited})
	}
	return p.prepare(ctx)
}

func (p *preparer) prepare(ctx context.Context) (*Installation, error) {
	inst := &Installation{Dir: p.dir}
	if err := sweepRuns(p.dir); err != nil {
		return nil, fmt.Errorf("prepare installation: %w", err)
	}
	var err error
	if inst.Secrets, err = loadSecrets(filepath.Join(p.dir, "secrets.json")); err != nil {
		return nil, fmt.Errorf("prepare installation: %w", err)
	}
	if inst.CertFile, inst.KeyFile, err = loadCertificate(filepath.Join(p.dir, "tls"), time.Now()); err != nil {
		return nil, fmt.Errorf("prepare installation: %w", err)
	}
	if !p.options.WithoutPostgres {
		if inst.postgres, err = p.preparePostgres(ctx); err != nil {
			return nil, fmt.Errorf("prepare PostgreSQL: %w", err)
		}
	}
	if !p.options.WithoutAsterisk {
		if inst.asterisk, inst.voices, err = p.prepareAsterisk(ctx); err != nil {
			return nil, fmt.Errorf("prepare Asterisk: %w", err)
		}
	}
	if p.options.Spin {
		if inst.Spin, err = p.prepareSpin(ctx); err != nil {
			return nil, fmt.Errorf("prepare Spin: %w", err)
		}
	}
	if p.options.SIPp {
		if inst.SIPp, err = p.prepareProgram(ctx, "sipp", "sip-tester"); err != nil {
			return nil, fmt.Errorf("prepare SIPp: %w", err)
		}
	}
	if p.options.Browser {
		if inst.Browser, err = p.prepareBrowser(ctx); err != nil {
			return nil, fmt.Errorf("prepare browser: %w", err)
		}
	}
	return inst, nil
}

// prepareBrowser returns a Chromium under any of its names.
func (p *preparer) prepareBrowser(ctx context.Context) (string, error) {
	for _, name := range []string{"chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return p.prepareProgram(ctx, "chromium", "chromium")
}

// step reports f as one step.
func (p *preparer) step(name string, f func() error) error {
	p.report(Step{Name: name})
	start := time.Now()
	err := f()
	p.report(Step{Name: name, Done: true, Took: time.Since(start), Err: err})
	return err
}

func (p *preparer) report(step Step) {
	if p.options.Progress != nil {
		p.options.Progress(step)
	}
}
