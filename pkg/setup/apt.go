package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// aptPatience bounds one run of apt-get.
const aptPatience = 10 * time.Minute

// apt installs packages with the machine's own package sources.
type apt struct{ updated bool }

// install adds packages. The lists are fetched only when the packages are not
// known, or no longer served under the known version.
func (a *apt) install(ctx context.Context, packages ...string) error {
	if !private() {
		return fmt.Errorf("install %s: %w; run as root: apt-get install --no-install-recommends %s",
			strings.Join(packages, " "), os.ErrPermission, strings.Join(packages, " "))
	}
	args := append([]string{"install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"}, packages...)
	err := a.get(ctx, args...)
	if err == nil || a.updated || ctx.Err() != nil {
		return err
	}
	a.updated = true
	if updateErr := a.get(ctx, "update"); updateErr != nil {
		return errors.Join(err, updateErr)
	}
	return a.get(ctx, args...)
}

func (a *apt) get(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, aptPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1", "LC_ALL=C.UTF-8")
	// A torn dpkg run would hurt the machine: ask first, kill later.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("run apt-get: %w; the set-up knows Debian and Ubuntu only, elsewhere install PostgreSQL and Asterisk yourself", err)
	}
	if err != nil {
		return fmt.Errorf("apt-get %s failed: %w: %s; check the network and run it by hand: apt-get %s",
			args[0], err, lastLines(string(out), 6), strings.Join(args, " "))
	}
	return nil
}

// prepareProgram returns the path of a program, installing its package when it
// is missing.
func (p *preparer) prepareProgram(ctx context.Context, program, pkg string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	if err := p.step("install "+pkg, func() error { return p.apt.install(ctx, pkg) }); err != nil {
		return "", err
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("find %s after installing %s: %w", program, pkg, err)
	}
	return path, nil
}

// prepareSpin returns the path of the model checker and sees to it that what it writes can be compiled.
func (p *preparer) prepareSpin(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("gcc"); err != nil {
		packages := []string{"gcc", "libc6-dev"}
		if err := p.step("install gcc", func() error { return p.apt.install(ctx, packages...) }); err != nil {
			return "", err
		}
	}
	return p.prepareProgram(ctx, "spin", "spin")
}
