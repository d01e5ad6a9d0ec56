package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/setup"
)

// leastPassword is the shortest password of ARI whose hash may be written: the hash is cheap to compute, so only a random
// password is safe behind it.
const leastPassword = 20

func (p *program) pbx() *cobra.Command {
	c := &cobra.Command{Use: "pbx", Short: "Write the configuration of a town's own Asterisk"}
	c.AddCommand(p.writePBX())
	return c
}

// pbxPlace is where a town's Asterisk has its files and listens.
type pbxPlace struct {
	etc, run, log, spool, lib, modules, data string
	sip, sipTLS, wss                         string
	certificate, key, authorities            string
	external                                 string
	localNets                                []string
	rtp                                      string
	maxCalls, maxFiles                       int
}

func (p *program) writePBX() *cobra.Command {
	var place pbxPlace
	var force bool
	c := &cobra.Command{
		Use:   "files DIR",
		Short: "Write every file that Asterisk 22.10 or newer needs into DIR",
		Long: `Write the configuration of a town's own Asterisk, 22.10 or newer, into DIR: what the demonstration runs with, for this
machine's paths and with the user, password and folders of Rappel's own configuration. Copy it to where Asterisk reads it.

The password is written as a hash. Everything listens on loopback unless told otherwise: --sip 0.0.0.0:5060 for phones and
trunks, --sip-tls and --wss (with --certificate and --key) for callers at home. ARI always stays on loopback.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := app.Read(p.config)
			if err != nil {
				return err
			}
			settings, err := place.settings(cfg)
			if err != nil {
				return usageError{err}
			}
			files, err := asteriskconf.Render(settings)
			if err != nil {
				return usageError{err}
			}
			written, err := writeFiles(args[0], files, force)
			if err != nil {
				return err
			}
			fmt.Fprint(p.out, nextSteps(args[0], p.config, written, settings, cfg))
			return nil
		},
	}
	f := c.Flags()
	f.BoolVar(&force, "force", false, "replace files that are there already, except those that the service writes")
	f.StringVar(&place.etc, "etc", "/etc/asterisk", "where Asterisk will read the files")
	f.StringVar(&place.run, "run", "/run/asterisk", "its control socket")
	f.StringVar(&place.log, "log", "/var/log/asterisk", "its logs")
	f.StringVar(&place.spool, "spool", "", "its recordings' parent (default: that of asterisk.recordings)")
	f.StringVar(&place.lib, "lib", "/var/lib/asterisk", "its own database")
	f.StringVar(&place.modules, "modules", "", "its modules (default: where this machine has them)")
	f.StringVar(&place.data, "data", "", "its sounds' parent (default: where this machine has it)")
	f.StringVar(&place.sip, "sip", "", "where SIP phones and trunks are heard over UDP (default: asterisk.sip)")
	f.StringVar(&place.sipTLS, "sip-tls", "", "where SIP phones and trunks are heard over TLS, such as 0.0.0.0:5061")
	f.StringVar(&place.wss, "wss", "", "where softphones in browsers are heard, such as 0.0.0.0:8089")
	f.StringVar(&place.certificate, "certificate", "", "certificate of --sip-tls and --wss (PEM)")
	f.StringVar(&place.key, "key", "", "its key (PEM), readable by Asterisk's group")
	f.StringVar(&place.authorities, "authorities", "", "who may sign the certificates of trunks over TLS (PEM; default: the system's)")
	f.StringVar(&place.external, "external", "", "this machine's address on the internet, when it is behind a router")
	f.StringSliceVar(&place.localNets, "local-net", nil, "networks before that router, such as 192.168.1.0/24")
	f.StringVar(&place.rtp, "rtp", "10000-10999", "UDP ports of audio; each call takes four")
	f.IntVar(&place.maxCalls, "max-calls", 0, "most channels at once; 0: no limit")
	f.IntVar(&place.maxFiles, "max-files", 65536, "most open files")
	return c
}

// settings fills the templates' values.
func (w pbxPlace) settings(cfg app.Config) (asteriskconf.Settings, error) {
	ari, err := url.Parse(cfg.Asterisk.ARI)
	if err != nil {
		return asteriskconf.Settings{}, fmt.Errorf("asterisk.ari: %w", err)
	}
	http, err := netip.ParseAddrPort(strings.Replace(ari.Host, "localhost:", "127.0.0.1:", 1))
	switch {
	case err != nil || !http.Addr().IsLoopback() || strings.TrimSuffix(ari.Path, "/") != "/ari":
		return asteriskconf.Settings{}, fmt.Errorf("asterisk.ari is %s: Asterisk runs beside the service; write http://127.0.0.1:8088/ari", cfg.Asterisk.ARI)
	case cfg.Asterisk.Application != "rappel":
		return asteriskconf.Settings{}, errors.New("asterisk.application is not rappel, which the dialplan names; leave it away")
	case len(cfg.Asterisk.Password.Value()) < leastPassword:
		return asteriskconf.Settings{}, fmt.Errorf("asterisk.password has fewer than %d characters; make a random one: openssl rand -hex 24", leastPassword)
	}
	if w.spool == "" {
		if filepath.Base(cfg.Asterisk.Recordings) != "recording" {
			return asteriskconf.Settings{}, errors.New("asterisk.recordings does not end in /recording, as Asterisk has it; name its parent with --spool")
		}
		w.spool = filepath.Dir(cfg.Asterisk.Recordings)
	}
	if w.sip == "" {
		w.sip = cfg.Asterisk.SIP
	}
	first, last, _ := strings.Cut(w.rtp, "-")
	s := asteriskconf.Settings{
		EtcDir: w.etc, RunDir: w.run, LogDir: w.log, SpoolDir: w.spool, LibDir: w.lib,
		ModuleDir: found(w.modules, "/usr/lib/*/asterisk/modules", "/usr/lib64/asterisk/modules", "/usr/lib/asterisk/modules"),
		DataDir:   found(w.data, "/usr/share/asterisk", "/var/lib/asterisk"),
		SoundsDir: cfg.Asterisk.PBXSounds, HTTP: http, CertFile: w.certificate, KeyFile: w.key, CAFile: w.authorities,
		ARIUser: cfg.Asterisk.User, MaxFiles: w.maxFiles, MaxCalls: w.maxCalls, Language: cfg.Speech.Language,
		RTPTimeout: 8 * time.Second, RTPTimeoutHold: 5 * time.Minute, ExternalAddress: w.external,
	}
	for _, port := range []struct {
		text string
		to   *uint16
	}{{first, &s.RTPStart}, {last, &s.RTPEnd}} {
		n, err := strconv.ParseUint(strings.TrimSpace(port.text), 10, 16)
		if err != nil {
			return s, fmt.Errorf("--rtp %q is not a range of ports; write 10000-10999", w.rtp)
		}
		*port.to = uint16(n)
	}
	for _, address := range []struct {
		flag, text string
		to         *netip.AddrPort
	}{{"--sip", w.sip, &s.SIP}, {"--sip-tls", w.sipTLS, &s.SIPTLS}, {"--wss", w.wss, &s.HTTPS}} {
		if address.text == "" {
			continue
		}
		if *address.to, err = netip.ParseAddrPort(address.text); err != nil {
			return s, fmt.Errorf("%s %q is not ADDRESS:PORT; write 0.0.0.0:5060, for example", address.flag, address.text)
		}
	}
	for _, text := range w.localNets {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return s, fmt.Errorf("--local-net %q is not a network; write 192.168.1.0/24, for example", text)
		}
		s.LocalNets = append(s.LocalNets, network)
	}
	if s.ARIHash, err = setup.HashPassword(cfg.Asterisk.Password.Value()); err != nil {
		return s, err
	}
	return s, nil
}

// found returns what was chosen, or the first of the patterns that this machine has; at last the last pattern.
func found(chosen string, patterns ...string) string {
	if chosen != "" {
		return chosen
	}
	for _, pattern := range patterns {
		if paths, err := filepath.Glob(pattern); err == nil && len(paths) > 0 {
			return paths[0]
		}
	}
	return patterns[len(patterns)-1]
}

// writeFiles writes the files into a directory that it makes when missing, readable for their owner and Asterisk's group,
// and returns their names. Without force nothing is written when any of them is there already. Files that the service
// writes itself are made when missing and never replaced.
func writeFiles(dir string, files map[string][]byte, force bool) ([]string, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	for _, name := range asteriskconf.GeneratedFiles() {
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			files[name] = nil
		}
	}
	names := slices.Sorted(maps.Keys(files))
	if !force {
		for _, name := range names {
			if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
				return nil, usageError{fmt.Errorf("%s is there already; choose an empty directory, or add --force to replace it", filepath.Join(dir, name))}
			}
		}
	}
	group := asteriskGroup()
	for _, name := range names {
		if err := writeForGroup(filepath.Join(dir, name), files[name], group); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	return names, nil
}

// writeForGroup replaces a file whole. A negative group leaves it to ours.
func writeForGroup(path string, content []byte, group int) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil && group >= 0 {
		err = file.Chown(-1, group)
	}
	if err == nil {
		err = file.Chmod(0o640)
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// asteriskGroup is the group of the machine's Asterisk, or -1 when there is none or we may not give files to it.
func asteriskGroup() int {
	g, err := user.LookupGroup("asterisk")
	if err != nil || os.Geteuid() != 0 {
		return -1
	}
	id, err := strconv.Atoi(g.Gid)
	if err != nil {
		return -1
	}
	return id
}

// nextSteps says what to type now.
func nextSteps(dir, config string, written []string, s asteriskconf.Settings, cfg app.Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d files for an Asterisk that reads %s are in %s.\n", len(written), s.EtcDir, dir)
	if s.SIP.Addr().IsLoopback() {
		fmt.Fprintf(&b, "It will hear SIP on %s only, which nobody elsewhere reaches; --sip 0.0.0.0:5060 opens it.\n", s.SIP)
	}
	for _, key := range []struct{ name, have, want string }{
		{"accounts", cfg.Asterisk.Accounts, filepath.Join(s.EtcDir, asteriskconf.AccountsFile)},
		{"trunks", cfg.Asterisk.Trunks, filepath.Join(s.EtcDir, asteriskconf.TrunksFile)},
	} {
		if key.have != key.want {
			fmt.Fprintf(&b, "In %s write asterisk.%s: %s\n", config, key.name, key.want)
		}
	}
	place := ""
	if clean, err := filepath.Abs(dir); err != nil || clean != filepath.Clean(s.EtcDir) {
		place = fmt.Sprintf("cp %s/*.conf %s/ && ", strings.TrimSuffix(dir, "/"), s.EtcDir)
	}
	fmt.Fprintf(&b, "Next: %schgrp asterisk %[2]s %[2]s/*.conf && chmod 2770 %[2]s && chmod 640 %[2]s/*.conf && install -d -o asterisk -g asterisk %[3]s/recording/messages && systemctl restart asterisk && rappel doctor --config %[4]s\n",
		place, s.EtcDir, s.SpoolDir, config)
	return b.String()
}
