package setup

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
)

// ARIURL is the base of ARI's addresses, "http://127.0.0.1:PORT/ari".
func (a *Asterisk) ARIURL() string { return "http://" + a.settings.HTTP.String() + "/ari" }

// ARIUser may use all of ARI.
func (a *Asterisk) ARIUser() string { return a.secrets.ARIUser }

// ARIPassword belongs to ARIUser. Send it as a header, never in a URL.
func (a *Asterisk) ARIPassword() string { return a.secrets.ARIPassword }

// MonitorUser may only read ARI.
func (a *Asterisk) MonitorUser() string { return a.secrets.MonitorUser }

// MonitorPassword belongs to MonitorUser.
func (a *Asterisk) MonitorPassword() string { return a.secrets.MonitorPassword }

// SIPAddr is where phones and trunks are heard (UDP).
func (a *Asterisk) SIPAddr() netip.AddrPort { return a.settings.SIP }

// WSAddr is where SIP over WebSocket is heard on this machine; the path is
// /ws. With AsteriskOptions.WSSAddr, browsers elsewhere use WSSAddr.
func (a *Asterisk) WSAddr() netip.AddrPort { return a.settings.HTTP }

// WSSAddr is where SIP over secure WebSocket is heard; the zero value is
// nowhere.
func (a *Asterisk) WSSAddr() netip.AddrPort { return a.settings.HTTPS }

// SIPTLSAddr is where SIP over TLS is heard; the zero value is nowhere.
func (a *Asterisk) SIPTLSAddr() netip.AddrPort { return a.settings.SIPTLS }

// RTPPorts are the first and last UDP port of audio.
func (a *Asterisk) RTPPorts() (first, last int) {
	return int(a.settings.RTPStart), int(a.settings.RTPEnd)
}

// Settings are the values the configuration was rendered with.
func (a *Asterisk) Settings() asteriskconf.Settings { return a.settings }

// RunDir is the directory of this instance.
func (a *Asterisk) RunDir() string { return a.runDir }

// AccountsPath is the generated file of callers' SIP accounts. Replace it with
// WriteConfig(asteriskconf.AccountsFile, …).
func (a *Asterisk) AccountsPath() string {
	return filepath.Join(a.runDir, "etc", asteriskconf.AccountsFile)
}

// TrunksPath is the generated file of trunks. Replace it with
// WriteConfig(asteriskconf.TrunksFile, …).
func (a *Asterisk) TrunksPath() string {
	return filepath.Join(a.runDir, "etc", asteriskconf.TrunksFile)
}

// SoundsDir is where the service writes prompts.
func (a *Asterisk) SoundsDir() string { return a.options.SoundsDir }

// SoundsPath is SoundsDir as Asterisk sees it: play "sound:" + SoundsPath() +
// "/name" for name.wav in SoundsDir.
func (a *Asterisk) SoundsPath() string {
	if !private() {
		return a.options.SoundsDir
	}
	return a.confinement().inside("sounds")
}

// RecordingsDir is where recordings made through ARI appear.
func (a *Asterisk) RecordingsDir() string { return filepath.Join(a.runDir, "spool", "recording") }

// MessagesDir is where the dialplan leaves messages when the service is down.
// It lies below RecordingsDir, so that ARI lists them as messages/….
func (a *Asterisk) MessagesDir() string { return filepath.Join(a.RecordingsDir(), "messages") }

// LogPath is Asterisk's log of warnings and errors.
func (a *Asterisk) LogPath() string { return filepath.Join(a.runDir, "log", "messages.log") }

// SecurityLogPath has one line per refused sign-in or call.
func (a *Asterisk) SecurityLogPath() string { return filepath.Join(a.runDir, "log", "security.log") }

// ConsolePath is what Asterisk printed before its log was open.
func (a *Asterisk) ConsolePath() string { return filepath.Join(a.runDir, "log", "console.log") }

// PID is Asterisk's process id, or 0 when it does not run.
func (a *Asterisk) PID() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.proc.alive() {
		return 0
	}
	return a.proc.pid()
}

// Done is closed when the present process ends; nil before the first start.
func (a *Asterisk) Done() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.proc == nil {
		return nil
	}
	return a.proc.done
}

// Usage is what a process uses at one moment.
type Usage struct {
	// Files is the number of open descriptors.
	Files int
	// CPU is user and system time since the process started.
	CPU time.Duration
	// Memory is the resident set, in bytes.
	Memory int64
}

// ErrNotRunning says that the process has ended or was never started.
var ErrNotRunning = errors.New("not running")

// Usage measures Asterisk's process.
func (a *Asterisk) Usage() (Usage, error) { return processUsage(a.PID()) }

// Usage measures the server's first process, not its sessions.
func (pg *Postgres) Usage() (Usage, error) { return processUsage(pg.PID()) }

// clockTick is the unit of times in /proc (USER_HZ), 100 on every Linux that
// Go runs on.
const clockTick = time.Second / 100

func processUsage(pid int) (Usage, error) {
	if pid == 0 {
		return Usage{}, fmt.Errorf("measure process: %w", ErrNotRunning)
	}
	dir := "/proc/" + strconv.Itoa(pid)
	files, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return Usage{}, fmt.Errorf("measure process: %w", err)
	}
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Usage{}, fmt.Errorf("measure process: %w", err)
	}
	// Fields after the name, counted from 3 (proc(5)): 14 utime, 15 stime,
	// 24 rss in pages.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 22 {
		return Usage{}, fmt.Errorf("measure process: /proc/%d/stat has %d fields", pid, len(fields))
	}
	var ticks, pages int64
	for _, field := range []struct {
		text string
		sum  *int64
	}{{fields[11], &ticks}, {fields[12], &ticks}, {fields[21], &pages}} {
		n, err := strconv.ParseInt(field.text, 10, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("measure process: %w", err)
		}
		*field.sum += n
	}
	return Usage{Files: len(files), CPU: time.Duration(ticks) * clockTick, Memory: pages * int64(os.Getpagesize())}, nil
}

// lastWords is the end of the logs, for an error message.
func (a *Asterisk) lastWords() string {
	var text strings.Builder
	for _, path := range []string{a.ConsolePath(), a.LogPath()} {
		if content, err := os.ReadFile(path); err == nil {
			text.WriteString(lastLines(string(content), 5))
			text.WriteByte('\n')
		}
	}
	return strings.TrimSpace(text.String())
}
