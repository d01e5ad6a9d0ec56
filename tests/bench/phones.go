package main

import (
	"context"
	"embed"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed scenarios/*.xml
var scenarios embed.FS

// Loopback addresses of the phones. The PBX knows a trunk by its address.
const (
	beneficiariesHost = "127.0.0.2"
	callersHost       = "127.0.0.3"
	diallersHost      = "127.0.0.4"
)

const (
	phoneStart = 15 * time.Second
	phoneStop  = 8 * time.Second
)

// sipp is one process of the load generator.
type sipp struct {
	name string
	dir  string
	cmd  *exec.Cmd
	done chan error // Gets the one answer.
	over bool       // The answer was taken.
}

// tally is what a generator says at its end.
type tally struct {
	calls, failed, repeated int
	used                    time.Duration
}

// freePort is a UDP port that nobody uses just now.
func freePort(host string) (uint16, error) {
	conn, err := net.ListenPacket("udp4", host+":0") //nolint:noctx // Binding a local port does not block.
	if err != nil {
		return 0, fmt.Errorf("find a port: %w", err)
	}
	port := netip.MustParseAddrPort(conn.LocalAddr().String()).Port()
	if err := conn.Close(); err != nil {
		return 0, fmt.Errorf("find a port: %w", err)
	}
	return port, nil
}

// startPhones starts a generator with one of the scenarios. It opens one socket for the audio of all its phones, which
// nobody reads.
func startPhones(ctx context.Context, program, dir, scenario string, at netip.AddrPort, args ...string) (*sipp, error) {
	text, err := scenarios.ReadFile("scenarios/" + scenario + ".xml")
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of phones: %w", err)
	}
	s := &sipp{name: scenario, dir: dir, done: make(chan error, 1)}
	if err := os.WriteFile(s.file("xml"), text, 0o644); err != nil {
		return nil, fmt.Errorf("write scenario: %w", err)
	}
	media, err := freePort(at.Addr().String())
	if err != nil {
		return nil, err
	}
	args = append([]string{
		"-sf", s.file("xml"), "-i", at.Addr().String(), "-p", strconv.Itoa(int(at.Port())), "-mp", strconv.Itoa(int(media)),
		"-nostdin", "-buff_size", "4194304", "-max_retrans", "6", "-deadcall_wait", "0",
		"-trace_logs", "-log_file", s.file("log"), "-trace_stat", "-stf", s.file("csv"), "-fd", "1",
		"-trace_err", "-error_file", s.file("err"),
	}, args...)
	// It ends by itself or by stop, never by the context: its counts are wanted whatever happened.
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), program, args...)
	s.cmd.Dir = dir
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start SIPp: %w", err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	return s, nil
}

func (s *sipp) file(kind string) string { return filepath.Join(s.dir, s.name+"."+kind) }

// listening waits until the phones can be rung.
func (s *sipp) listening(ctx context.Context, at netip.AddrPort) error {
	want := fmt.Sprintf("%08X:%04X", littleEndian(at.Addr()), at.Port())
	return wait(ctx, phoneStart, "phones to listen", func() (bool, error) {
		select {
		case err := <-s.done:
			s.done <- err
			return false, fmt.Errorf("SIPp (%s) ended: %w: %s", s.name, err, s.lastWords())
		default:
		}
		table, err := os.ReadFile("/proc/net/udp")
		return strings.Contains(string(table), want), err
	})
}

func littleEndian(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[3])<<24 | uint32(b[2])<<16 | uint32(b[1])<<8 | uint32(b[0])
}

// lastWords is the end of its error log.
func (s *sipp) lastWords() string {
	text, err := os.ReadFile(s.file("err"))
	if err != nil {
		return "it left no word"
	}
	return strings.TrimSpace(string(text[max(0, len(text)-600):]))
}

// await waits until the generator has ended by itself, at most until the limit; then it is told to.
func (s *sipp) await(ctx context.Context, limit time.Duration) (tally, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-s.done:
		s.done <- err
	case <-timer.C:
	case <-ctx.Done():
	}
	return s.stop()
}

// stop ends the generator: gracefully (SIGUSR1 lets calls under way finish), then at once.
func (s *sipp) stop() (tally, error) {
	if s.over {
		return s.count()
	}
	for _, step := range []struct {
		signal os.Signal
		limit  time.Duration
	}{{syscall.SIGUSR1, phoneStop / 4}, {syscall.SIGTERM, phoneStop}, {syscall.SIGKILL, phoneStop}} {
		_ = s.cmd.Process.Signal(step.signal) // It may have ended already.
		timer := time.NewTimer(step.limit)
		select {
		case err := <-s.done:
			_ = err // It says that calls failed: they are counted from its statistics.
			timer.Stop()
			s.over = true
			return s.count()
		case <-timer.C:
		}
	}
	return tally{}, fmt.Errorf("stop SIPp (%s): it does not end", s.name)
}

// count reads its last statistics.
func (s *sipp) count() (tally, error) {
	state := s.cmd.ProcessState
	t := tally{used: state.UserTime() + state.SystemTime()}
	text, err := os.ReadFile(s.file("csv"))
	if err != nil {
		return t, fmt.Errorf("read statistics of SIPp: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	names, values := strings.Split(lines[0], ";"), strings.Split(lines[len(lines)-1], ";")
	if len(lines) < 2 || len(values) < len(names)-1 {
		return t, fmt.Errorf("read statistics of SIPp (%s): %d lines", s.name, len(lines))
	}
	for i, name := range names {
		into := map[string]*int{"TotalCallCreated": &t.calls, "FailedCall(C)": &t.failed, "Retransmissions(C)": &t.repeated}[name]
		if into == nil {
			continue
		}
		if *into, err = strconv.Atoi(values[i]); err != nil {
			return t, fmt.Errorf("read statistics of SIPp (%s): %w", s.name, err)
		}
	}
	return t, nil
}

// noted reads the instants that phones have noted, by number. A number noted twice is in doubles.
func (s *sipp) noted() (at map[string]time.Time, doubles int, err error) {
	text, err := os.ReadFile(s.file("log"))
	if err != nil {
		return nil, 0, fmt.Errorf("read what phones noted: %w", err)
	}
	at = map[string]time.Time{}
	for line := range strings.Lines(string(text)) {
		// Date, time and seconds since 1970 are separated by tabs, the number by a blank.
		line = strings.TrimSpace(line)
		stamp, number, found := strings.Cut(line[strings.LastIndexByte(line, '\t')+1:], " ")
		whole, fraction, _ := strings.Cut(stamp, ".")
		seconds, err1 := strconv.ParseInt(whole, 10, 64)
		micros, err2 := strconv.ParseInt(fraction, 10, 64)
		if !found || err1 != nil || err2 != nil {
			return nil, 0, fmt.Errorf("read what phones noted: line %q", line)
		}
		if _, known := at[number]; known {
			doubles++
			continue
		}
		at[number] = time.Unix(seconds, micros*1000)
	}
	return at, doubles, nil
}

// wait looks again and again until something holds.
func wait(ctx context.Context, limit time.Duration, what string, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		ok, err := holds()
		if ok || err != nil {
			return err
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
}
