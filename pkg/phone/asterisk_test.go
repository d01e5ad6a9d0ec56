package phone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// rootVariable names a root file system with Asterisk 22 in it. Tests that need
// the real one skip without it.
const rootVariable = "RAPPEL_TEST_ASTERISK_ROOT"

// pbx is a private Asterisk for one test.
type pbx struct {
	addr string // of SIP
	dir  string // its /mnt
}

const pbxPJSIP = `
[global]
type=global
endpoint_identifier_order=username,ip
[udp]
type=transport
protocol=udp
bind=%[1]s
[phone](!)
type=endpoint
context=phones
disallow=all
allow=ulaw,alaw
direct_media=no
[auth](!)
type=auth
auth_type=digest
password=secret
[aor](!)
type=aor
max_contacts=1
remove_existing=yes
minimum_expiration=10
[alice](phone)
auth=alice
aors=alice
[alice](auth)
username=alice
[alice](aor)
[bob](phone)
auth=bob
aors=bob
[bob](auth)
username=bob
[bob](aor)
[trunk]
type=endpoint
context=inbound
disallow=all
allow=alaw
direct_media=no
aors=trunk
[trunk]
type=aor
contact=sip:%[2]s
qualify_frequency=2
[trunk]
type=identify
endpoint=trunk
match=127.0.0.2
`

const pbxExtensions = `
[phones]
exten => _[a-z]!,1,Dial(PJSIP/${EXTEN},20)
exten => _+X!,1,Set(CALLERID(num)=+3281000000)
 same => n,Dial(PJSIP/${EXTEN}@trunk,30,b(attempt^s^1))
 same => n,Hangup(${HANGUPCAUSE})
exten => 100,1,Answer()
 same => n,Read(KEYS,,2,,1,10)
 same => n,UserEvent(keys)
 same => n,System(echo ${KEYS} > /mnt/keys)
 same => n,Playback(/mnt/prompt-${KEYS:0:1})
 same => n,Hangup()
exten => 101,1,Answer()
 same => n,Wait(0.3)
 same => n,Playback(/mnt/prompt-1)
 same => n,Playback(/mnt/prompt-2)
 same => n,Wait(30)
[attempt]
exten => s,1,Set(PJSIP_HEADER(add,X-Rappel-Attempt)=attempt-1)
 same => n,Return()
[inbound]
exten => _X!,1,Answer()
 same => n,Playback(/mnt/prompt-1)
 same => n,Wait(30)
`

// startPBX runs Asterisk in a mount namespace of its own until the test ends.
func startPBX(t *testing.T, addr, trunk string, prompts map[string][]int16) *pbx {
	t.Helper()
	root := os.Getenv(rootVariable)
	if root == "" {
		t.Skipf("set %s to a root file system with Asterisk", rootVariable)
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	for _, d := range []string{"etc", "var", "db", "log", "spool", "run"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	for name, text := range map[string]string{
		"asterisk.conf": `[directories]
astetcdir => /mnt/etc
astvarlibdir => /var/lib/asterisk
astdatadir => /usr/share/asterisk
astmoddir => ` + moduleDir(t, root) + `
astdbdir => /mnt/db
astspooldir => /mnt/spool
astrundir => /mnt/run
astlogdir => /mnt/log
[options]
`,
		"modules.conf":    "[modules]\nautoload=yes\nnoload => chan_iax2.so\nnoload => chan_unistim.so\nnoload => pbx_dundi.so\nnoload => chan_mgcp.so\nnoload => chan_skinny.so\nnoload => cdr_csv.so\n",
		"logger.conf":     "[logfiles]\nmessages => notice,warning,error,verbose\n",
		"rtp.conf":        "[general]\nrtpstart=21000\nrtpend=21999\n",
		"pjsip.conf":      fmt.Sprintf(pbxPJSIP, addr, trunk),
		"extensions.conf": pbxExtensions,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o644))
	}
	for name, pcm := range prompts {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wav"), wavFile(pcm), 0o644))
	}
	script := `set -e
mount --make-rprivate /
mount --bind "$1" "$2/mnt"
mount --bind /dev "$2/dev"
mount -t proc proc "$2/proc"
exec chroot "$2" /usr/sbin/asterisk -C /mnt/etc/asterisk.conf -f -vvv`
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "unshare", "--mount", "sh", "-c", script, "sh", dir, root)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := os.Create(filepath.Join(dir, "out"))
	require.NoError(t, err)
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "log", "messages"))
			t.Logf("asterisk: %s", log)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p := &pbx{addr: addr, dir: dir}
	p.await(t)
	return p
}

// freeAddr is where nothing listens right now.
func freeAddr(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	probe, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = probe.Close() }()
	return probe.LocalAddr().String()
}

func moduleDir(t *testing.T, root string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "usr/lib/*/asterisk/modules"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return strings.TrimPrefix(found[0], root)
}

// await returns when Asterisk says it is ready: it answers SIP before it has read
// its dialplan.
func (p *pbx) await(t *testing.T) {
	t.Helper()
	ctx := within(t)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		log, err := os.ReadFile(filepath.Join(p.dir, "log", "messages"))
		if err == nil && strings.Contains(string(log), "Asterisk Ready.") {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatal("asterisk did not start")
		}
	}
}

func asStatus(err error) (*StatusError, bool) {
	var s *StatusError
	ok := errors.As(err, &s)
	return s, ok
}

func (p *pbx) phone(t *testing.T, user string, onCall func(context.Context, *Incoming)) *Phone {
	t.Helper()
	ph, err := New(Options{
		User: user, Secret: "secret", Registrar: p.addr, OnCall: onCall, Logger: zap.NewNop(),
		Codecs: []Codec{PCMU, PCMA}, Tones: []float64{1000, 1100},
	})
	require.NoError(t, err)
	t.Cleanup(ph.Close)
	require.NoError(t, ph.Register(within(t)))
	return ph
}

func TestAsteriskPhones(t *testing.T) {
	p := startPBX(t, freeAddr(t), "127.0.0.2:5999", nil)
	ctx := within(t)
	answered := make(chan *Call, 1)
	p.phone(t, "bob", answering(Tone(1000), answered))
	alice := p.phone(t, "alice", nil)
	require.True(t, alice.Registered())

	a, err := alice.Dial(ctx, "bob", DialOptions{Say: Tone(600)})
	require.NoError(t, err)
	b := <-answered
	heardA, err := a.HearTone(ctx, 1000)
	require.NoError(t, err)
	heardB, err := b.HearTone(ctx, 600)
	require.NoError(t, err)
	require.Less(t, heardA.Sub(a.Answered()), time.Second)
	require.Less(t, heardB.Sub(b.Answered()), time.Second)
	t.Logf("heard after %s and %s, %s", heardA.Sub(a.Answered()), heardB.Sub(b.Answered()), a.Codec())
	require.NoError(t, b.Hangup(ctx))
	<-a.Done()
	require.Equal(t, SideRemote, a.Ending().By)
	require.Equal(t, 16, a.Ending().Cause)

	k, err := alice.Dial(ctx, "100", DialOptions{})
	require.NoError(t, err)
	require.NoError(t, k.SendDTMF(ctx, "1*"))
	<-k.Done()
	keys, err := os.ReadFile(filepath.Join(p.dir, "keys"))
	require.NoError(t, err)
	require.Equal(t, "1*", strings.TrimSpace(string(keys)))

	wrong, err := New(Options{User: "alice", Secret: "wrong", Registrar: p.addr, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer wrong.Close()
	status, ok := asStatus(wrong.Register(ctx))
	require.True(t, ok)
	require.Equal(t, 401, status.Code)

	_, err = alice.Dial(ctx, "nobody", DialOptions{})
	status, ok = asStatus(err)
	require.True(t, ok)
	t.Logf("nobody: %v", status)
	require.NoError(t, alice.Unregister(ctx))
}

// TestAsteriskTrunk carries calls both ways through a real PBX: μ-law at the phone,
// A-law at the trunk, so Asterisk transcodes.
func TestAsteriskTrunk(t *testing.T) {
	ctx := within(t)
	addr := freeAddr(t)
	tr := newTrunk(t, func(r Ring) Behaviour {
		switch r.Number {
		case "+3281000001":
			return Answers(50*time.Millisecond, 1000)
		case "+3281000002":
			return Busy()
		case "+3281000003":
			return NoAnswer()
		case "+3281000004":
			return Announced(Samples(synthetic(1, 4000)), 404)
		}
		return Congested()
	}, func(o *TrunkOptions) { o.Tones, o.PBX = []float64{600}, addr })
	voices := prompts(t)
	p := startPBX(t, addr, tr.Addr().String(), map[string][]int16{"prompt-1": voices[0], "prompt-2": voices[1]})
	alice := p.phone(t, "alice", nil)

	c, err := alice.Dial(ctx, "+3281000001", DialOptions{Say: Tone(600)})
	require.NoError(t, err)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		tr.Ledger().Follow(ctx, c, "alice", 600)
	}()
	_, err = c.HearTone(ctx, 1000)
	require.NoError(t, err)
	// More than a second, so that both sides' hearing is held against each other.
	require.NoError(t, c.ears.waitFrames(ctx, 80, 5*time.Second))
	require.NoError(t, c.Hangup(ctx))
	<-followed

	for n, want := range map[string]int{"+3281000002": 486, "+3281000004": 404, "+3281000005": 503} {
		_, err = alice.Dial(ctx, n, DialOptions{})
		status, ok := asStatus(err)
		require.True(t, ok, "%v", err)
		t.Logf("%s: %v, wanted about %d", n, status, want)
	}
	ringing, cancel := context.WithCancel(ctx)
	_, err = alice.Dial(ringing, "+3281000003", DialOptions{OnProgress: func(int, *Media) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)

	// Inbound: the prompt is recognised and told from another.
	in, err := tr.Dial(ctx, "+3281000009", "081999999", DialOptions{})
	require.NoError(t, err)
	index, m, err := in.HearAny(ctx, voices[1], voices[0], voices[2])
	require.NoError(t, err)
	require.Equal(t, 1, index)
	t.Logf("prompt scored %.3f, heard %s after the answer", m.Score, m.At.Sub(in.Answered()))
	require.Less(t, m.At.Sub(in.Answered()), time.Second)
	require.NoError(t, in.Hangup(ctx))

	// Two prompts in a row, each found in its place.
	ivr, err := alice.Dial(ctx, "101", DialOptions{})
	require.NoError(t, err)
	first, err := ivr.Hear(ctx, voices[0])
	require.NoError(t, err)
	second, err := ivr.Hear(ctx, voices[1])
	require.NoError(t, err)
	t.Logf("prompts scored %.3f and %.3f", first.Score, second.Score)
	require.InDelta(t, float64(len(voices[0]))/sampleRate, (second.Offset - first.Offset).Seconds(), 0.25)
	require.NoError(t, ivr.Hangup(ctx))

	require.NoError(t, tr.Ledger().Settle(ctx))
	s := tr.Ledger().Summary()
	// The dialplan gives every call the same attempt, and two of them ring.
	require.Equal(t, Summary{Calls: 6, Inbound: 1, Answered: 2, Refused: 3, Cancelled: 1, AudioOK: 2, DoubleRings: 1}, s)
	for _, r := range tr.Ledger().Records() {
		if !r.Inbound && !r.Caller {
			require.Equal(t, "attempt-1", r.Attempt)
		}
	}
}
