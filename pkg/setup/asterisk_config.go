package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
)

// makeDirs creates the run directory. Asterisk may write its own parts; the
// configuration belongs to us and is readable for Asterisk's group.
func (a *Asterisk) makeDirs() error {
	if err := os.MkdirAll(a.runDir, 0o755); err != nil {
		return fmt.Errorf("make run directory: %w; choose a directory you may write to", err)
	}
	for _, name := range []string{"run", "log", "spool", "spool/recording", "spool/recording/messages", "lib", "lib/cache", "lib/agi-bin", "lib/keys", "lib/moh"} {
		if err := makeRunDir(filepath.Join(a.runDir, name), asteriskUID, 0o750); err != nil {
			return err
		}
	}
	for _, dir := range []string{filepath.Join(a.runDir, "sounds"), a.options.SoundsDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make sounds directory: %w", err)
		}
		// Prompts speak of people: only we and Asterisk's group may enter.
		if private() {
			if err := os.Lchown(dir, -1, asteriskUID); err != nil {
				return fmt.Errorf("make sounds directory: %w", err)
			}
		}
		if err := os.Chmod(dir, 0o750); err != nil {
			return fmt.Errorf("make sounds directory: %w", err)
		}
	}
	etc := filepath.Join(a.runDir, "etc")
	if err := os.MkdirAll(filepath.Join(etc, "tls"), 0o755); err != nil {
		return fmt.Errorf("make configuration directory: %w", err)
	}
	return nil
}

// makeSettings fills the templates' values for this instance.
func (a *Asterisk) makeSettings() (asteriskconf.Settings, error) {
	c := a.confinement()
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	sip := a.options.SIPAddr
	if !sip.Addr().IsValid() {
		sip = netip.AddrPortFrom(loopback, sip.Port())
	}
	s := asteriskconf.Settings{
		EtcDir:    c.inside("etc"),
		RunDir:    c.inside("run"),
		LogDir:    c.inside("log"),
		SpoolDir:  c.inside("spool"),
		LibDir:    c.inside("lib"),
		SoundsDir: a.SoundsPath(),
		ModuleDir: a.programs.moduleDir,
		DataDir:   a.programs.dataDir,

		HTTP:     netip.AddrPortFrom(loopback, a.ports.port(offsetHTTP)),
		HTTPS:    a.withPort(a.options.WSSAddr, offsetHTTPS),
		CertFile: c.inside("etc", "tls", "cert.pem"),
		KeyFile:  c.inside("etc", "tls", "key.pem"),
		SIP:      a.withPort(sip, offsetSIP),
		SIPTLS:   a.withPort(a.options.SIPTLSAddr, offsetSIPTLS),
		RTPStart: a.ports.port(offsetRTP),
		RTPEnd:   a.ports.port(offsetRTP+a.options.RTPPorts) - 1,

		ARIUser:     a.secrets.ARIUser,
		MonitorUser: a.secrets.MonitorUser,

		MaxFiles: maxFiles(),
		MaxCalls: a.options.MaxCalls,
		Language: a.options.Language,

		ExternalAddress: a.options.ExternalAddress,
		LocalNets:       a.options.LocalNets,
	}
	if a.options.TrustFile != "" {
		s.CAFile = c.inside("etc", "tls", "ca.pem")
	}
	if a.options.RTPTimeout > 0 {
		s.RTPTimeout = a.options.RTPTimeout
		s.RTPTimeoutHold = 5 * time.Minute
	}
	var err error
	if s.ARIHash, err = HashPassword(a.secrets.ARIPassword); err != nil {
		return asteriskconf.Settings{}, err
	}
	if s.MonitorHash, err = HashPassword(a.secrets.MonitorPassword); err != nil {
		return asteriskconf.Settings{}, err
	}
	return s, nil
}

// withPort gives an address its port of the instance's range when it has none.
// An invalid address stays as it is: not listening.
func (a *Asterisk) withPort(addr netip.AddrPort, offset int) netip.AddrPort {
	if !addr.Addr().IsValid() || addr.Port() != 0 {
		return addr
	}
	return netip.AddrPortFrom(addr.Addr(), a.ports.port(offset))
}

// maxFiles is how many descriptors Asterisk may be given.
func maxFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	if private() || limit.Max > defaultMaxFiles {
		return defaultMaxFiles
	}
	return int(limit.Max)
}

// writeConfiguration renders all files. The generated ones are created empty
// when they are missing and otherwise left as they are.
func (a *Asterisk) writeConfiguration() error {
	files, err := asteriskconf.Render(a.settings)
	if err != nil {
		return err
	}
	for name, text := range a.options.Files {
		if files[name], err = asteriskconf.RenderText(name, text, a.settings); err != nil {
			return err
		}
	}
	for _, name := range asteriskconf.GeneratedFiles() {
		if _, ok := files[name]; ok {
			continue
		}
		if _, err := os.Stat(filepath.Join(a.runDir, "etc", name)); errors.Is(err, fs.ErrNotExist) {
			files[name] = nil
		}
	}
	for name, content := range files {
		if err := a.WriteConfig(name, content); err != nil {
			return err
		}
	}
	for name, from := range map[string]string{
		"tls/cert.pem": a.options.CertFile, "tls/key.pem": a.options.KeyFile, "tls/ca.pem": a.options.TrustFile,
	} {
		if from == "" {
			continue
		}
		content, err := os.ReadFile(from)
		if err != nil {
			return fmt.Errorf("read certificate: %w", err)
		}
		if err := a.WriteConfig(name, content); err != nil {
			return err
		}
	}
	return nil
}

// WriteConfig replaces one file of the configuration directory, readable for
// Asterisk and nobody else. Asterisk sees the old or the new content, never a
// part; it reads it again when told to.
func (a *Asterisk) WriteConfig(name string, content []byte) error {
	if name == "" || strings.HasPrefix(name, "/") || strings.Contains(name, "..") {
		return fmt.Errorf("write configuration %q: the name must be relative", name)
	}
	path := filepath.Join(a.runDir, "etc", name)
	mode := fs.FileMode(0o600)
	if private() {
		mode = 0o640
	}
	if err := writeOwned(path, content, mode); err != nil {
		return fmt.Errorf("write configuration %s: %w", name, err)
	}
	return nil
}

// writeOwned is writeFile for a file that Asterisk's group may read.
func writeOwned(path string, content []byte, mode fs.FileMode) error {
	temporary := path + ".new"
	if err := writeFile(temporary, content, mode); err != nil {
		return err
	}
	if private() {
		if err := os.Lchown(temporary, -1, asteriskUID); err != nil {
			return err
		}
	}
	return os.Rename(temporary, path)
}

func (a *Asterisk) pidPath() string { return filepath.Join(a.runDir, "pid") }

// stopOrphan kills an Asterisk that outlived the process that started it. The
// directory is locked, so nobody else owns it.
func (a *Asterisk) stopOrphan(ctx context.Context) error {
	text, err := os.ReadFile(a.pidPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for an Asterisk left behind: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 || !a.isOurs(pid) {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill the Asterisk left behind (process %d): %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, asteriskKillPatience)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { return !a.isOurs(pid), nil }); err != nil {
		return fmt.Errorf("kill the Asterisk left behind (process %d): %w", pid, err)
	}
	return nil
}

// isOurs reports whether a living process is an Asterisk of this directory,
// so that another program that was given the same process id is never hurt.
func (a *Asterisk) isOurs(pid int) bool {
	return processRuns(pid, "asterisk") && prints(pid, a.ConsolePath())
}
