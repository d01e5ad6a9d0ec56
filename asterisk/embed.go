// Package asteriskconf holds Rappel's Asterisk configuration and renders it
// for one instance.
//
// Every *.conf file of this folder is a text/template over Settings. The
// files work unchanged for the private Asterisk of a demo and for a machine's
// own Asterisk: only Settings differ. What is generated from the records of
// Rappel (SIP accounts, trunks and lines) lives in further files that these include,
// and is never part of this folder.
package asteriskconf

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"text/template"
	"time"
)

//go:embed *.conf
var files embed.FS

// Names of the generated files. They may be empty but have to exist before
// Asterisk starts.
const (
	// AccountsFile holds the endpoints, authentications and address records
	// of the scheme's callers.
	AccountsFile = "pjsip_accounts.conf"
	// TrunksFile holds the endpoints of the lines to the telephone network.
	TrunksFile = "pjsip_trunks.conf"
	// ChangedFile holds nothing; writing it lets Asterisk read its endpoints
	// again without the rest.
	ChangedFile = "acl_changed.conf"
	// LinesFile holds the numbers that people dial, and in which languages
	// each is answered while the service is away.
	LinesFile = "extensions_lines.conf"
)

// GeneratedFiles lists the generated files by name.
func GeneratedFiles() []string { return []string{AccountsFile, TrunksFile, ChangedFile, LinesFile} }

// Settings are the values the templates need. All directories are absolute
// paths as Asterisk sees them, which inside a root file system of its own
// differ from what the host sees.
type Settings struct {
	// EtcDir is the configuration directory; RunDir holds the control
	// socket, LogDir the logs, SpoolDir recordings, LibDir Asterisk's own
	// database and keys.
	EtcDir, RunDir, LogDir, SpoolDir, LibDir string
	// ModuleDir and DataDir come from the installed packages.
	ModuleDir, DataDir string
	// SoundsDir holds Rappel's prompts; a dialplan plays them as
	// Playback(<SoundsDir>/name) and ARI as sound:<SoundsDir>/name.
	SoundsDir string

	// HTTP is where ARI and the WebSocket for SIP listen without TLS. It
	// must be a loopback address.
	HTTP netip.AddrPort
	// HTTPS is where SIP over secure WebSocket listens; the zero value
	// switches TLS off.
	HTTPS netip.AddrPort
	// CertFile and KeyFile are the certificate of HTTPS (PEM).
	CertFile, KeyFile string

	// CAFile holds the authorities (PEM) that certificates of trunks over TLS
	// are checked against; empty: those of the system.
	CAFile string

	// SIP is the UDP address for phones and trunks.
	SIP netip.AddrPort
	// SIPTLS is the TLS address for SIP phones; the zero value switches it off.
	SIPTLS netip.AddrPort

	// RTPStart and RTPEnd bound the UDP ports used for audio, both inclusive.
	RTPStart, RTPEnd uint16

	// ARIUser may do everything, MonitorUser only read; without a name there
	// is none. The hashes are in crypt(3) format; the passwords themselves are
	// not known to Asterisk.
	ARIUser, ARIHash         string
	MonitorUser, MonitorHash string

	// MaxFiles limits open descriptors. MaxCalls limits live channels; 0 is
	// no limit.
	MaxFiles, MaxCalls int
	// RTPTimeout hangs up a caller's leg that sends no audio for so long;
	// RTPTimeoutHold is the same while on hold. 0 switches either off.
	RTPTimeout, RTPTimeoutHold time.Duration
	// Language is the default language of prompts, such as "fr".
	Language string
	// ExternalAddress is announced to peers outside LocalNets; empty when
	// Asterisk's own address is reachable.
	ExternalAddress string
	LocalNets       []netip.Prefix
}

// TLS reports whether SIP over secure WebSocket is on.
func (s Settings) TLS() bool { return s.HTTPS.IsValid() }

// MediaAddr is the one address where browsers' audio is received; nil when it
// is received on every address.
func (s Settings) MediaAddr() *netip.Addr {
	addr := s.HTTP.Addr()
	if s.TLS() {
		addr = s.HTTPS.Addr()
	}
	if addr.IsUnspecified() {
		return nil
	}
	return &addr
}

// RTPTimeoutSeconds is RTPTimeout in whole seconds, rounded up.
func (s Settings) RTPTimeoutSeconds() int { return seconds(s.RTPTimeout) }

// RTPTimeoutHoldSeconds is RTPTimeoutHold in whole seconds, rounded up.
func (s Settings) RTPTimeoutHoldSeconds() int { return seconds(s.RTPTimeoutHold) }

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// Validate reports every missing or unsafe value.
func (s Settings) Validate() error {
	var errs []error
	for _, field := range []struct{ name, value string }{
		{"EtcDir", s.EtcDir},
		{"RunDir", s.RunDir},
		{"LogDir", s.LogDir},
		{"SpoolDir", s.SpoolDir},
		{"LibDir", s.LibDir},
		{"ModuleDir", s.ModuleDir},
		{"DataDir", s.DataDir},
		{"SoundsDir", s.SoundsDir},
		{"ARIUser", s.ARIUser},
		{"ARIHash", s.ARIHash},
		{"Language", s.Language},
	} {
		switch {
		case field.value == "":
			errs = append(errs, fmt.Errorf("%s is empty", field.name))
		case strings.ContainsAny(field.value, "\n\r;"):
			errs = append(errs, fmt.Errorf("%s holds a line break or a semicolon, which would end its line in Asterisk's configuration", field.name))
		}
	}
	if s.MonitorUser != "" && s.MonitorHash == "" || strings.ContainsAny(s.MonitorUser+s.MonitorHash+s.CertFile+s.KeyFile+s.CAFile+s.ExternalAddress, "\n\r;") {
		errs = append(errs, errors.New("MonitorUser has no hash, or a value holds a line break or a semicolon"))
	}
	if !s.HTTP.IsValid() || !s.HTTP.Addr().IsLoopback() {
		errs = append(errs, fmt.Errorf("HTTP is %s: ARI must listen on a loopback address", s.HTTP))
	}
	if !s.SIP.IsValid() {
		errs = append(errs, errors.New("SIP has no address"))
	}
	if (s.HTTPS.IsValid() || s.SIPTLS.IsValid()) && (s.CertFile == "" || s.KeyFile == "") {
		errs = append(errs, errors.New("TLS needs CertFile and KeyFile"))
	}
	if s.RTPStart == 0 || s.RTPEnd <= s.RTPStart {
		errs = append(errs, fmt.Errorf("RTP ports %d-%d are not a range", s.RTPStart, s.RTPEnd))
	}
	if s.MaxFiles < 256 {
		errs = append(errs, fmt.Errorf("MaxFiles is %d: Asterisk needs at least 256", s.MaxFiles))
	}
	return errors.Join(errs...)
}

// Render returns the content of every configuration file by name. The
// generated files are not among them.
func Render(s Settings) (map[string][]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("check Asterisk settings: %w", err)
	}
	names, err := fs.Glob(files, "*.conf")
	if err != nil {
		return nil, fmt.Errorf("list Asterisk templates: %w", err)
	}
	out := make(map[string][]byte, len(names))
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read Asterisk template: %w", err)
		}
		rendered, err := RenderText(name, string(text), s)
		if err != nil {
			return nil, err
		}
		out[name] = append([]byte(mark(text)), rendered...)
	}
	return out, nil
}

// mark is the first line of a file that was rendered: it tells templates apart, whatever the settings.
func mark(text []byte) string {
	sum := sha256.Sum256(text)
	return "; rappel pbx files: " + hex.EncodeToString(sum[:6]) + "\n"
}

// Outdated names the files of a folder that another release has written, or that are missing, sorted. What somebody has changed below
// the first line is no business of ours.
func Outdated(dir fs.FS) ([]string, error) {
	names, err := fs.Glob(files, "*.conf")
	if err != nil {
		return nil, fmt.Errorf("list Asterisk templates: %w", err)
	}
	var old []string
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read Asterisk template: %w", err)
		}
		there, err := fs.ReadFile(dir, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			old = append(old, name)
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", name, err)
		case !bytes.HasPrefix(there, []byte(mark(text))):
			old = append(old, name)
		}
	}
	return old, nil
}

// RenderText renders one further template of the same kind, for example a
// test's own dialplan.
func RenderText(name, text string, s Settings) ([]byte, error) {
	parsed, err := template.New(name).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse Asterisk template: %w", err)
	}
	var buf bytes.Buffer
	if err := parsed.Execute(&buf, s); err != nil {
		return nil, fmt.Errorf("render Asterisk template: %w", err)
	}
	return buf.Bytes(), nil
}
