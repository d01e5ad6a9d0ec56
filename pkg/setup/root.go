package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rootPatience bounds the building of one root file system.
const rootPatience = 20 * time.Minute

// rootSpec is what a root file system is made of. It is written into the
// finished root as a stamp; a root with another stamp is built anew.
type rootSpec struct {
	// Layout is raised when the way of building changes.
	Layout     int      `json:"layout"`
	Suite      string   `json:"suite"`
	Components []string `json:"components"`
	Packages   []string `json:"packages"`
	// Hooks are shell lines run on the bare root before the packages are
	// installed; $1 is the root.
	Hooks []string `json:"hooks,omitempty"`
}

func asteriskRootSpec() rootSpec {
	return rootSpec{
		Layout: 1,
		// Debian 12 has no Asterisk. This suite has the LTS line 22.10.
		Suite: "forky",
		// non-free is where the French, German and English voices are; this
		// concerns the root only, never the machine.
		Components: []string{"main", "contrib", "non-free"},
		Packages: []string{
			"asterisk", "asterisk-core-sounds-fr-wav", "asterisk-core-sounds-en-wav",
			"ca-certificates", "libttspico-utils", "espeak-ng", "sox", "tzdata",
		},
	}
}

func postgresRootSpec() rootSpec {
	return rootSpec{
		Layout: 1,
		// The stable release: a cluster must not meet another major version
		// when the root is built again.
		Suite:      "bookworm",
		Components: []string{"main"},
		Packages:   []string{"postgresql-15", "tzdata"},
		Hooks: []string{
			`mkdir -p "$1/etc/postgresql-common"`,
			`echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"`,
		},
	}
}

const rootStamp = "etc/rappel-root.json"

// prepareRoot returns the root file system of that name in the installation
// directory, building it when it is missing, torn or of another
// specification.
func (p *preparer) prepareRoot(ctx context.Context, name string, spec rootSpec) (string, error) {
	root := filepath.Join(p.dir, name)
	if rootComplete(root, spec) {
		return root, nil
	}
	if !private() {
		return "", fmt.Errorf("build %s: %w; run the command once as root", root, os.ErrPermission)
	}
	mmdebstrap, err := p.prepareProgram(ctx, "mmdebstrap", "mmdebstrap")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(debianKeyring); errors.Is(err, fs.ErrNotExist) {
		// On Ubuntu the keys of Debian are not among apt's own.
		const pkg = "debian-archive-keyring"
		if err := p.step("install "+pkg, func() error { return p.apt.install(ctx, pkg) }); err != nil {
			return "", err
		}
	}
	err = p.step(fmt.Sprintf("build %s (%s)", name, strings.Join(spec.Packages[:1], " ")), func() error {
		return buildRoot(ctx, mmdebstrap, root, spec)
	})
	if err != nil {
		return "", err
	}
	return root, nil
}

func rootComplete(root string, spec rootSpec) bool {
	text, err := os.ReadFile(filepath.Join(root, rootStamp))
	if err != nil {
		return false
	}
	var have rootSpec
	if err := json.Unmarshal(text, &have); err != nil {
		return false
	}
	return have.Layout == spec.Layout && have.Suite == spec.Suite &&
		slices.Equal(have.Components, spec.Components) && slices.Equal(have.Packages, spec.Packages) &&
		slices.Equal(have.Hooks, spec.Hooks)
}

// buildRoot builds under a temporary name and renames at the end, so that a
// torn build is never used. All mounts are in a private mount namespace and
// are gone before anything is removed.
func buildRoot(ctx context.Context, mmdebstrap, root string, spec rootSpec) error {
	if err := checkSpace(filepath.Dir(root), 2<<30); err != nil {
		return err
	}
	building := root + ".building"
	for _, old := range []string{building, root + ".old"} {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("remove torn build: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, rootPatience)
	defer cancel()
	args := []string{
		"--variant=apt",
		// The suite's Release file may be past its date.
		`--aptopt=Acquire::Check-Valid-Until "false"`,
		// A file server that closes the connection early is asked again.
		`--aptopt=Acquire::Retries "3"`,
		"--components=" + strings.Join(spec.Components, ","),
		"--include=" + strings.Join(spec.Packages, ","),
		"--skip=cleanup/apt",
	}
	for _, hook := range spec.Hooks {
		args = append(args, "--essential-hook="+hook)
	}
	args = append(args, "--keyring="+debianKeyring, spec.Suite, building)
	c := &confinement{
		keepRoot: true,
		path:     mmdebstrap,
		args:     args,
		env:      append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"),
		death:    syscall.SIGKILL,
	}
	if _, err := c.run(ctx); errors.Is(err, context.Canceled) {
		return fmt.Errorf("build root file system: %w", err)
	} else if err != nil {
		return fmt.Errorf("build root file system: %w; check the network and %s, then try again", err, filepath.Dir(root))
	}
	if err := finishRoot(building, spec); err != nil {
		return err
	}
	if err := os.Rename(root, root+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("set old root aside: %w", err)
	}
	if err := os.Rename(building, root); err != nil {
		return fmt.Errorf("name finished root: %w", err)
	}
	if err := os.RemoveAll(root + ".old"); err != nil {
		return fmt.Errorf("remove old root: %w", err)
	}
	return nil
}

const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// finishRoot adds what confinement mounts on, and the stamp.
func finishRoot(root string, spec rootSpec) error {
	for _, name := range []string{"etc/hosts", "etc/resolv.conf"} {
		path := filepath.Join(root, name)
		// A link here would lead out of the root when seen from outside.
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("finish root: %w", err)
		}
		content, err := os.ReadFile("/" + name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("finish root: %w", err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("finish root: %w", err)
		}
	}
	stamp, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return fmt.Errorf("write stamp: %w", err)
	}
	if err := os.WriteFile(filepath.Join(root, rootStamp), append(stamp, '\n'), 0o644); err != nil {
		return fmt.Errorf("write stamp: %w", err)
	}
	return nil
}

// checkSpace fails when the file system of dir has fewer free bytes.
func checkSpace(dir string, need uint64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look at free space: %w", err)
	}
	if free := st.Bavail * uint64(st.Bsize); free < need {
		return fmt.Errorf("%s has %d MB free, %d MB are needed: %w; free some space or choose another directory",
			dir, free>>20, need>>20, unix.ENOSPC)
	}
	return nil
}

// findProgram looks for a program in PATH and in further directories.
func findProgram(name string, patterns ...string) (string, bool) {
	if path, err := exec.LookPath(name); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			return target, true
		}
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(pattern, name))
		if err != nil {
			continue
		}
		// The newest version sorts last among the two-digit ones.
		slices.Sort(found)
		if len(found) > 0 {
			return found[len(found)-1], true
		}
	}
	return "", false
}
