package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The run directory of a confined process is always seen under this path,
// whatever its own path is: a home directory with mode 0700 above it does not
// matter then.
const viewDir = "/mnt/rappel"

// The users that confined processes run as. They need no entry in the
// machine's user database. 60706 to 61183 is given out neither by Debian nor
// by systemd, and every container maps it.
const (
	asteriskUID = 61101
	postgresUID = 61102
	voiceUID    = 61103
)

// bind is one directory or file of the host shown inside.
type bind struct {
	host, inside string
	readOnly     bool
}

// confinement says how a program is run.
type confinement struct {
	// root is the root file system to run in; empty is the machine's own.
	root string
	// runDir is shown as viewDir, writable; empty shows none.
	runDir string
	// binds are further directories, at any path below viewDir, and files.
	binds []bind
	// uid and gid replace root. They are ignored when we are not root.
	uid int
	// user is the name uid gets in the process's view of /etc/passwd.
	user string
	// keepRoot runs the program as root, in a private mount namespace, and in
	// a process namespace so that everything it started ends with it.
	keepRoot bool
	// path and args name the program as seen inside.
	path string
	args []string
	// env is the whole environment.
	env []string
	// stdin may be nil. stdout and stderr may be nil to discard.
	stdin          io.Reader
	stdout, stderr io.Writer
	// death is sent to the process when we die; zero lets it live on.
	death syscall.Signal
	// files raises the limit of open descriptors where we are allowed to.
	files uint64
}

// private reports whether we may change mounts, users and roots.
func private() bool { return os.Geteuid() == 0 }

// inside translates a path in the run directory to what the process sees.
func (c *confinement) inside(name ...string) string {
	base := viewDir
	if !private() {
		base = c.runDir
	}
	return filepath.Join(append([]string{base}, name...)...)
}

// process is a started program. One goroutine owns it: it waits for the
// program and closes done.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	// err is the result of waiting; read it only after done is closed.
	err error
}

// start runs the program.
//
// The mounts are made by one thread of this process that has left the shared
// mount namespace; the program is its child and inherits that namespace. The
// thread stays until the program ends, since the kernel ties the death signal
// to the thread, and is then thrown away by the runtime because it was never
// unlocked. So no second program, no re-execution and no clean-up are needed:
// the mounts end with the last process that sees them.
func (c *confinement) start() (*process, error) {
	if c.root != "" && !private() {
		return nil, fmt.Errorf("run %s in %s: %w; run the command as root", c.path, c.root, os.ErrPermission)
	}
	started := make(chan error)
	p := &process{done: make(chan struct{})}
	go onOwnThread(func() { c.own(p, started) })
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	return p, nil
}

// onOwnThread runs f on a thread that is not the process's first one, which
// the runtime could not throw away and whose mounts /proc/self shows.
func onOwnThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(done)
		f()
	}()
	<-done
	runtime.UnlockOSThread()
}

// own is the owner of one process.
func (c *confinement) own(p *process, started chan<- error) {
	defer close(p.done)
	p.cmd = &exec.Cmd{
		Path:   c.path,
		Args:   append([]string{c.path}, c.args...),
		Env:    c.env,
		Stdin:  c.stdin,
		Stdout: c.stdout,
		Stderr: c.stderr,
		Dir:    "/",
		// Pipes of a grandchild must not hold Wait for ever.
		WaitDelay: 5 * time.Second,
		SysProcAttr: &syscall.SysProcAttr{
			Pdeathsig: c.death,
			// Ctrl-C in a terminal is for us; we stop the parts in order.
			Setpgid: true,
		},
	}
	if private() {
		if err := c.isolate(); err != nil {
			started <- fmt.Errorf("prepare mounts for %s: %w; the machine must allow root to mount file systems (in a container: --privileged)", c.path, err)
			return
		}
		p.cmd.SysProcAttr.Chroot = c.root
		if c.keepRoot {
			p.cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID
		} else {
			p.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(c.uid), Gid: uint32(c.uid)}
		}
	}
	if err := p.cmd.Start(); err != nil {
		started <- fmt.Errorf("start %s: %w", c.path, err)
		return
	}
	if c.files > 0 {
		// Allowed for root only; without it the inherited limit stays.
		limit := unix.Rlimit{Cur: c.files, Max: c.files}
		_ = unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil)
	}
	started <- nil
	p.err = p.cmd.Wait()
}

// isolate moves the calling thread into a mount namespace of its own and
// builds the process's view there.
func (c *confinement) isolate() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if c.keepRoot {
		return nil
	}
	// Sources are opened first: later mounts may hide their paths.
	var view []bind
	if c.runDir != "" {
		view = append(view, bind{host: c.runDir, inside: viewDir})
	}
	view = append(view, c.binds...)
	if c.root != "" {
		for _, name := range []string{"/etc/hosts", "/etc/resolv.conf"} {
			// The machine's names must resolve inside: without /etc/hosts
			// every INVITE waits seconds for a name server.
			view = append(view, bind{host: name, inside: name, readOnly: true})
		}
	}
	passwd, err := c.passwd()
	if err != nil {
		return err
	}
	sources := make([]int, len(view))
	for i, b := range view {
		fd, err := unix.Open(b.host, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			if b.host == "/etc/resolv.conf" && errors.Is(err, unix.ENOENT) {
				sources[i] = -1
				continue
			}
			return fmt.Errorf("open %s: %w", b.host, err)
		}
		defer unix.Close(fd) //nolint:errcheck // An O_PATH descriptor has nothing to flush.
		sources[i] = fd
	}
	if c.root != "" {
		if err := c.mountRoot(); err != nil {
			return err
		}
	}
	if err := mountEmpty(c.at("/mnt"), "mode=0755,size=1m"); err != nil {
		return err
	}
	for i, b := range view {
		if sources[i] < 0 {
			continue
		}
		if err := c.bindTo(sources[i], b); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.at("/mnt/passwd"), passwd, 0o644); err != nil {
		return fmt.Errorf("write user entry: %w", err)
	}
	if err := mountBind(c.at("/mnt/passwd"), c.at("/etc/passwd"), true); err != nil {
		return err
	}
	// From here on neither this thread nor its child can gain rights: the
	// child loses all capabilities with its user id and gets none back.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	return nil
}

// at is the path of an inside path as this thread sees it.
func (c *confinement) at(inside string) string { return filepath.Join(c.root+"/", inside) }

// passwd is the view's user database: the one there is, and our user.
func (c *confinement) passwd() ([]byte, error) {
	have, err := os.ReadFile(c.at("/etc/passwd"))
	if err != nil {
		return nil, fmt.Errorf("read user database: %w", err)
	}
	if len(have) > 0 && !bytes.HasSuffix(have, []byte("\n")) {
		have = append(have, '\n')
	}
	return fmt.Appendf(have, "%s:x:%d:%d::%s:/usr/sbin/nologin\n", c.user, c.uid, c.uid, viewDir), nil
}

// mountRoot makes the root file system read-only for the process and gives it
// its own /proc, /tmp and the few devices a program needs.
func (c *confinement) mountRoot() error {
	if err := mountBind(c.root, c.root, true); err != nil {
		return err
	}
	if err := unix.Mount("proc", c.at("/proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := mountEmpty(c.at("/tmp"), "mode=1777,size=64m"); err != nil {
		return err
	}
	// Device nodes are refused on a file system mounted nodev, so /dev is an
	// empty file system on which single nodes of the machine are bound.
	if err := unix.Mount("tmpfs", c.at("/dev"), "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	for _, name := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"} {
		if err := os.WriteFile(c.at(name), nil, 0o600); err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
		if err := unix.Mount(name, c.at(name), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", name, err)
		}
	}
	if err := os.Mkdir(c.at("/dev/shm"), 0o755); err != nil {
		return fmt.Errorf("make /dev/shm: %w", err)
	}
	return mountEmpty(c.at("/dev/shm"), "mode=1777,size=256m")
}

// bindTo shows an opened source at its place.
func (c *confinement) bindTo(fd int, b bind) error {
	target := c.at(b.inside)
	if strings.HasPrefix(b.inside, "/mnt/") {
		if err := makeTarget(fd, target); err != nil {
			return err
		}
	}
	return mountBind(fmt.Sprintf("/proc/thread-self/fd/%d", fd), target, b.readOnly)
}

// makeTarget creates the directory or empty file to mount on.
func makeTarget(fd int, target string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("look at source of %s: %w", target, err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		if err := os.MkdirAll(target, 0o755); err != nil {
			return fmt.Errorf("make mount point: %w", err)
		}
		return nil
	}
	file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("make mount point: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("make mount point: %w", err)
	}
	return nil
}

func mountEmpty(target, options string) error {
	if err := unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}

func mountBind(source, target string, readOnly bool) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	flags := uintptr(unix.MS_BIND | unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV)
	if readOnly {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount("", target, "", flags, ""); err != nil {
		return fmt.Errorf("restrict mount %s: %w", target, err)
	}
	return nil
}

// run starts the program, waits for its end and returns what it printed. It
// is killed when ctx ends.
func (c *confinement) run(ctx context.Context) ([]byte, error) {
	var out, problems bytes.Buffer
	if c.stdout == nil {
		c.stdout = &out
	}
	if c.stderr == nil {
		c.stderr = &problems
	}
	if c.death == 0 {
		c.death = syscall.SIGKILL
	}
	p, err := c.start()
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.signalGroup(syscall.SIGKILL)
		<-p.done
		return out.Bytes(), fmt.Errorf("run %s: %w", c.path, ctx.Err())
	}
	if p.err != nil {
		return out.Bytes(), fmt.Errorf("run %s: %w: %s", filepath.Base(c.path), p.err, lastLines(problems.String()+out.String(), 5))
	}
	return out.Bytes(), nil
}

// versionPatience bounds asking a program for its version.
const versionPatience = 20 * time.Second

// version runs the program, which prints its version, and returns the first
// word that starts with a digit: "postgres (PostgreSQL) 15.18 (Debian …)",
// "Asterisk 22.10.1+dfsg…".
func (c *confinement) version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionPatience)
	defer cancel()
	out, err := c.run(ctx)
	if err != nil {
		return "", err
	}
	for word := range strings.FieldsSeq(string(out)) {
		if word[0] >= '0' && word[0] <= '9' {
			word, _, _ = strings.Cut(word, "+")
			word, _, _ = strings.Cut(word, "~")
			return word, nil
		}
	}
	return "", fmt.Errorf("read version of %s: it printed %q", c.path, lastLines(string(out), 1))
}

// pid is the process id.
func (p *process) pid() int { return p.cmd.Process.Pid }

// alive reports whether the process has not ended.
func (p *process) alive() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// signal sends to the process; an ended process is not an error.
func (p *process) signal(sig syscall.Signal) {
	if p.alive() {
		_ = p.cmd.Process.Signal(sig)
	}
}

// signalGroup sends to the process and what it started in its group.
func (p *process) signalGroup(sig syscall.Signal) {
	if p.alive() {
		_ = syscall.Kill(-p.pid(), sig)
	}
}

// stop sends each signal in turn and waits up to its patience for the end.
// The last one should be SIGKILL, which cannot fail; its patience only bounds
// the kernel's own work.
func (p *process) stop(ctx context.Context, steps ...stopStep) error {
	for _, step := range steps {
		if !p.alive() {
			return nil
		}
		p.signal(step.signal)
		timer := time.NewTimer(step.patience)
		select {
		case <-p.done:
			timer.Stop()
			return nil
		case <-timer.C:
		case <-ctx.Done():
			// The caller has no more time: do not ask again, end it.
			timer.Stop()
			p.signal(syscall.SIGKILL)
			<-p.done
			return fmt.Errorf("stop process %d: %w; it was killed", p.pid(), ctx.Err())
		}
	}
	if p.alive() {
		return fmt.Errorf("stop process %d: it did not end", p.pid())
	}
	return nil
}

type stopStep struct {
	signal   syscall.Signal
	patience time.Duration
}

// lastLines returns the last n lines of a text, for error messages.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
