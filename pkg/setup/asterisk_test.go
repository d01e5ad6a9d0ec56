package setup_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// TestAsteriskLifecycle starts an instance below a home directory of mode
// 0700, looks at its rights, and ends it in every way.
func TestAsteriskLifecycle(t *testing.T) {
	a := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) {
		home := filepath.Join(t.TempDir(), "home")
		require.NoError(t, os.Mkdir(home, 0o700))
		o.RunDir = filepath.Join(home, "rappel", "asterisk")
		o.Files = dialplan(t)
	})
	requireUnprivileged(t, a.PID())
	requireOwnMounts(t, a.PID())
	requireNoMount(t, a.RunDir())
	usage, err := a.Usage()
	require.NoError(t, err)
	require.Positive(t, usage.Files)
	require.Positive(t, usage.CPU)
	require.Positive(t, usage.Memory)

	for name, mode := range map[string]fs.FileMode{"etc/ari.conf": 0o640, "etc/tls/key.pem": 0o640, "run/asterisk.ctl": 0o600} {
		info, err := os.Stat(filepath.Join(a.RunDir(), name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}

	address, sip := a.ARIURL(), a.SIPAddr()
	for _, end := range []func(context.Context) error{
		a.Stop,
		func(context.Context) error { return a.Kill() },
		nil,
	} {
		if end != nil {
			require.NoError(t, end(t.Context()))
			require.Zero(t, a.PID())
			_, err := a.Usage()
			require.ErrorIs(t, err, setup.ErrNotRunning)
		}
		require.NoError(t, a.Restart(t.Context()))
		require.Equal(t, address, a.ARIURL())
		require.Equal(t, sip, a.SIPAddr())
		require.Equal(t, http.StatusOK, ariStatus(t, a, http.MethodGet, "/channels", a.ARIUser(), a.ARIPassword()))
	}
	requireCleanLog(t, a)
}

// requireCleanLog fails on complaints about the configuration.
func requireCleanLog(t *testing.T, a *setup.Asterisk) {
	t.Helper()
	text, err := os.ReadFile(a.LogPath())
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "No music on hold classes configured") {
			continue // The directory of waiting music is empty here.
		}
		require.NotContains(t, line, "ERROR[", line)
		require.NotContains(t, line, "WARNING[", line)
	}
}

// TestOwnConfiguration starts with the files of asterisk/ alone, dialplan
// included, and finds no complaint in the log.
func TestOwnConfiguration(t *testing.T) {
	a := setuptest.Asterisk(t)
	requireCleanLog(t, a)
	out, err := a.Console(t.Context(), "dialplan show trunk")
	require.NoError(t, err)
	require.Contains(t, out, "Context 'trunk'")
}

// TestARIRights checks what each user may do.
func TestARIRights(t *testing.T) {
	a := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) { o.Files = dialplan(t) })
	for name, c := range map[string]struct {
		method, path, user, password string
		want                         int
	}{
		"service reads":     {http.MethodGet, "/bridges", a.ARIUser(), a.ARIPassword(), http.StatusOK},
		"service writes":    {http.MethodPost, "/bridges", a.ARIUser(), a.ARIPassword(), http.StatusOK},
		"monitor reads":     {http.MethodGet, "/bridges", a.MonitorUser(), a.MonitorPassword(), http.StatusOK},
		"monitor writes":    {http.MethodPost, "/bridges", a.MonitorUser(), a.MonitorPassword(), http.StatusForbidden},
		"wrong password":    {http.MethodGet, "/bridges", a.ARIUser(), "wrong", http.StatusUnauthorized},
		"no user":           {http.MethodGet, "/bridges", "", "", http.StatusUnauthorized},
		"other's password":  {http.MethodGet, "/bridges", a.ARIUser(), a.MonitorPassword(), http.StatusUnauthorized},
		"hash for password": {http.MethodGet, "/bridges", a.ARIUser(), a.Settings().ARIHash, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, ariStatus(t, a, c.method, c.path, c.user, c.password))
		})
	}
	for _, path := range []string{"/httpstatus", "/static/index.html", "/metrics", "/manager", "/rawman", "/mxml", "/phoneprov/x"} {
		url := strings.TrimSuffix(a.ARIURL(), "/ari") + path
		status, header := get(t, http.DefaultClient, url)
		require.Contains(t, []int{http.StatusNotFound, http.StatusForbidden}, status, path)
		require.Empty(t, header.Get("Server"), "the version is nobody's business")
	}
}

// TestSoundsAndMessages plays a prompt written by the service and reads a
// message recorded by the dialplan.
func TestSoundsAndMessages(t *testing.T) {
	inst := setuptest.Installation(t)
	voice, err := setup.NewVoice(inst)
	require.NoError(t, err)
	sounds := t.TempDir()
	a := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) {
		o.Files = dialplan(t)
		o.SoundsDir = sounds
	})
	require.Equal(t, sounds, a.SoundsDir())
	// Written after the start, as a cache of spoken sentences would be.
	require.NoError(t, voice.Speak(t.Context(), "fr", "Bonjour.", filepath.Join(a.SoundsDir(), "hello.wav")))
	require.Equal(t, http.StatusOK, ariStatus(t, a, http.MethodPost,
		"/channels?endpoint=Local/speak@caller/n&context=caller&extension=play&priority=1", a.ARIUser(), a.ARIPassword()))
	recorded := filepath.Join(a.MessagesDir(), "test.wav")
	require.Eventually(t, func() bool {
		out, err := a.Console(t.Context(), "dialplan show globals")
		require.NoError(t, err)
		return strings.Contains(out, "RECORDED=TIMEOUT")
	}, time.Minute, 200*time.Millisecond)
	out, err := a.Console(t.Context(), "dialplan show globals")
	require.NoError(t, err)
	require.Contains(t, out, "PLAYED=SUCCESS")
	info, err := os.Stat(recorded)
	require.NoError(t, err)
	require.Greater(t, info.Size(), int64(8000), "a second of speech at 8 kHz, 16 bit")
}

// TestAccounts lets a phone ask for registration before and after its account
// is written, and checks that strangers learn nothing.
func TestAccounts(t *testing.T) {
	a := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) { o.Files = dialplan(t) })
	require.NoError(t, a.WriteConfig(asteriskconf.AccountsFile, []byte(`
[c7f3](caller)
auth = c7f3-auth
aors = c7f3
[c7f3-auth](caller-auth)
username = c7f3
password = secret
[c7f3](caller-aor)
`)))
	_, err := a.Console(t.Context(), "module reload res_pjsip.so")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		out, err := a.Console(t.Context(), "pjsip show endpoints")
		require.NoError(t, err)
		return strings.Contains(out, "c7f3")
	}, time.Minute, 100*time.Millisecond)
	known := ask(t, a.SIPAddr(), "REGISTER", "c7f3")
	unknown := ask(t, a.SIPAddr(), "REGISTER", "nobody")
	require.Contains(t, known, "SIP/2.0 401 ")
	require.Contains(t, unknown, "SIP/2.0 401 ", "an unknown name must look like a known one")
	require.Contains(t, known, "algorithm=SHA-256")
	require.Contains(t, ask(t, a.SIPAddr(), "INVITE", "nobody"), "SIP/2.0 401 ")
	require.Contains(t, ask(t, a.SIPAddr(), "OPTIONS", "nobody"), "SIP/2.0 401 ")
	require.Contains(t, ask(t, a.SIPAddr(), "MESSAGE", "nobody"), "SIP/2.0 4")
	requireCleanLog(t, a)
}

// TestManyInstances runs several at once on ports of their own.
func TestManyInstances(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		a := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) { o.Files = dialplan(t) })
		first, last := a.RTPPorts()
		for _, key := range []string{a.ARIURL(), a.SIPAddr().String(), fmt.Sprint(first), fmt.Sprint(last)} {
			require.False(t, seen[key], key)
			seen[key] = true
		}
	}
}

// TestAsteriskProblems checks that errors name the remedy.
func TestAsteriskProblems(t *testing.T) {
	inst := setuptest.Installation(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct {
		options setup.AsteriskOptions
		want    string
	}{
		"no installation": {setup.AsteriskOptions{}, "call Prepare first"},
		"not a directory": {setup.AsteriskOptions{Installation: inst, RunDir: filepath.Join(file, "asterisk")}, "choose a directory"},
		"no certificate":  {setup.AsteriskOptions{Installation: inst, RunDir: t.TempDir(), CertFile: "/none", KeyFile: "/none"}, "read certificate"},
		"bad template": {setup.AsteriskOptions{Installation: inst, RunDir: t.TempDir(),
			Files: map[string]string{"extensions.conf": "{{.Nothing}}"}}, "Nothing"},
		"bad language": {setup.AsteriskOptions{Installation: inst, RunDir: t.TempDir(), Language: "fr\n[x]"}, "Language holds a line break"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := setup.StartAsterisk(t.Context(), c.options)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func ariStatus(t *testing.T, a *setup.Asterisk, method, path, user, password string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.ARIURL()+path, nil)
	require.NoError(t, err)
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func get(t *testing.T, client *http.Client, url string) (int, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Close = true
	resp, err := client.Do(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, resp.Header
}

// ask sends one SIP request over UDP and returns the first final answer.
func ask(t *testing.T, to netip.AddrPort, method, user string) string {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // Nothing is buffered.
	var request bytes.Buffer
	fmt.Fprintf(&request, "%s sip:%s@%s SIP/2.0\r\n", method, user, to)
	fmt.Fprintf(&request, "Via: SIP/2.0/UDP %s;branch=z9hG4bK%d;rport\r\n", conn.LocalAddr(), time.Now().UnixNano())
	fmt.Fprintf(&request, "From: <sip:%s@%s>;tag=1\r\nTo: <sip:%s@%s>\r\n", user, to, user, to)
	fmt.Fprintf(&request, "Call-ID: %d\r\nCSeq: 1 %s\r\nContact: <sip:%s@%s>\r\n", time.Now().UnixNano(), method, user, conn.LocalAddr())
	request.WriteString("Max-Forwards: 70\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n")
	_, err = conn.Write(request.Bytes())
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	buf := make([]byte, 65_536)
	n, err := conn.Read(buf)
	require.NoError(t, err)
	return string(buf[:n])
}
