package house

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/setup"
)

// Process is rappel serve in a process of its own.
type Process struct {
	Config string // Its configuration, for other commands.

	cmd  *exec.Cmd
	done chan struct{} // Closed when it has ended.
	log  string
}

// configuration is the file that rappel serve reads. Its secrets are values, as only a test may write them.
const configuration = `
data: {{.Data}}
drain: {{.Drain}}
log:
  level: debug
clock:
  start: {{.Clock.Start.Format "2006-01-02T15:04:05.999999999Z07:00"}}
nats:
  url: "{{.NATS.URL}}"
postgres:
  url: {{.Postgres.URL.Value}}
  patience: {{.Postgres.Patience}}
asterisk:
  ari: {{.Asterisk.ARI}}
  user: {{.Asterisk.User}}
  password: {{.Asterisk.Password.Value}}
  sip: {{.Asterisk.SIP}}
  sounds: {{.Asterisk.Sounds}}
  pbx_sounds: {{.Asterisk.PBXSounds}}
  recordings: {{.Asterisk.Recordings}}
  accounts: {{.Asterisk.Accounts}}
  trunks: {{.Asterisk.Trunks}}
web:
  listen: {{.Web.Listen}}
ops:
  listen: {{.Ops.Listen}}
dispatch:
  spread: {{.Dispatch.Spread}}
calls:
  registrar_ring: {{.Calls.RegistrarRing}}
  patience: {{.Calls.Patience}}
speech:
  installation: {{.Speech.Installation}}
`

// Program builds the program and returns where it is.
func Program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rappel")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/rappel-tel/rappel/cmd/rappel").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// Serve starts the service in a process of its own, on the data directory and the clock of the one before. It ends with the
// test at the latest, and with this process if that is killed.
func (s *Street) Serve(t *testing.T, program string) *Process {
	t.Helper()
	return s.serve(t, program, s.Config)
}

// Node starts a further service on the street's records, beside a PBX of its own and with a data directory of its own. Both
// share the event bus of Config.NATS.
func (s *Street) Node(t *testing.T, program, data string, pbx *setup.Asterisk) *Process {
	t.Helper()
	config := s.Config
	config.Data = data
	config.Asterisk.ARI, config.Asterisk.User, config.Asterisk.Password = pbx.ARIURL(), pbx.ARIUser(), app.Secret(pbx.ARIPassword())
	config.Asterisk.Sounds, config.Asterisk.PBXSounds = pbx.SoundsDir(), pbx.SoundsPath()
	config.Asterisk.Recordings, config.Asterisk.SIP = pbx.RecordingsDir(), pbx.SIPAddr().String()
	config.Asterisk.Accounts, config.Asterisk.Trunks = pbx.AccountsPath(), pbx.TrunksPath()
	return s.serve(t, program, config)
}

func (s *Street) serve(t *testing.T, program string, config app.Config) *Process {
	t.Helper()
	config.Clock.Start = s.Now()
	var text bytes.Buffer
	require.NoError(t, template.Must(template.New("config").Parse(configuration)).Execute(&text, config))
	dir := t.TempDir()
	file := filepath.Join(dir, "rappel.yaml")
	require.NoError(t, os.WriteFile(file, text.Bytes(), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	p := &Process{cmd: exec.Command(program, "serve", "--config", file), done: make(chan struct{}), log: log.Name(), Config: file} //nolint:noctx // Kill ends it.
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1) // Room for the one answer.
	go func() {
		defer close(p.done)
		// The kernel sends the signal when the thread that started the child ends, not the process: this one stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // Killed, most often.
		}
		_ = log.Close()
	}()
	require.NoError(t, <-started)
	t.Cleanup(func() {
		if t.Failed() {
			_ = p.cmd.Process.Signal(syscall.SIGQUIT) // What it is waiting for goes into its log. It may be gone.
			select {
			case <-p.done:
			case <-time.After(stopLimit):
			}
		}
		p.Kill()
		if t.Failed() {
			said, _ := os.ReadFile(p.log)
			t.Logf("end of the service's log:\n%s", said[max(0, len(said)-6000):])
		}
	})
	return p
}

// Kill ends the service with SIGKILL and returns when it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // It may be gone already.
	<-p.done
}

// Pause stops every thread of the service where it is (SIGSTOP); Continue lets them go on.
func (p *Process) Pause(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGSTOP))
}

// Continue ends a Pause.
func (p *Process) Continue(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGCONT))
}

// Running reports whether the service lives.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Stop ends the service with SIGTERM and returns when it has drained; it fails the test when that takes too long.
func (p *Process) Stop(t *testing.T, limit time.Duration) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.done:
		require.Equal(t, 0, p.cmd.ProcessState.ExitCode(), "exit status")
	case <-time.After(limit):
		require.Fail(t, "the service does not stop", fmt.Sprint(limit))
	}
}

// Spooled counts the facts that the service keeps on disk while the database is away.
func (s *Street) Spooled(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Config.Data, "outcomes.spool"))
	require.NoError(t, err)
	return bytes.Count(text, []byte("\n"))
}
