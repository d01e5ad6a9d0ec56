package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"crypto/x509"

	"golang.org/x/sys/unix"
)

const (
	leastDisk        = 1 << 30
	goodDisk         = 5 << 30
	leastDescriptors = 1024
	goodDescriptors  = 16384
	certificateAhead = 14 * 24 * time.Hour
)

// machine looks at what the service stands on.
func (e *examination) machine(ctx context.Context) {
	data := e.cfg.Data
	writable := e.look("machine.data", "data directory", func() outcome {
		// The service makes it, as its own user: made here, it would belong to whoever asks.
		info, err := os.Stat(data)
		if err == nil && !info.IsDir() {
			return wrong(data+" is no directory", "the service keeps several files in it", "set data: to a directory, such as /var/lib/rappel")
		}
		if errors.Is(err, fs.ErrNotExist) {
			data = existing(data)
			if err := unix.Access(data, unix.W_OK|unix.X_OK); err != nil {
				return wrong(e.cfg.Data+" is not there", data+" cannot be written: "+err.Error(), "sudo install -d -o $(id -un) -m 750 "+e.cfg.Data)
			}
			return fine("%s is not there yet; the service makes it", e.cfg.Data)
		}
		f, err := os.CreateTemp(data, ".doctor-*")
		if err != nil {
			return wrong(data+" cannot be written", short(err), "sudo chown $(id -un) "+data)
		}
		name := f.Name()
		_, err = f.WriteString("rappel")
		if syncErr := f.Sync(); err == nil {
			err = syncErr
		}
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if removeErr := os.Remove(name); err == nil {
			err = removeErr
		}
		if err != nil {
			return wrong(data+" cannot be written", short(err), "df -h "+data)
		}
		return fine("%s can be written and synced", data)
	})
	if writable {
		e.look("machine.disk", "disk space", func() outcome { return diskSpace(data) })
	} else {
		e.leave("the data directory is not usable", "machine.disk")
	}
	e.look("machine.descriptors", "open files limit", descriptors)
	e.look("machine.exposed", "ports that others reach", e.exposed)
	e.look("secrets.files", "secrets in files of their owner", e.secrets)
	e.look("pbx.accounts", "phones of callers reach the PBX", e.accounts)
	_ = ctx
}

// existing is the nearest directory at or above a path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// accounts looks whether the service can tell the PBX of callers' phones and of trunks.
func (e *examination) accounts() outcome {
	if !e.cfg.Has(RoleSwitch) {
		return skipped("this process does not drive a PBX")
	}
	for key, path := range map[string]string{"asterisk.accounts": e.cfg.Asterisk.Accounts, "asterisk.trunks": e.cfg.Asterisk.Trunks} {
		if path == "" {
			return doubtful(key+" is not set", "no caller's phone can register and no trunk is known",
				"name the files that pjsip.conf includes: asterisk.accounts: /etc/asterisk/pjsip_accounts.conf, asterisk.trunks: /etc/asterisk/pjsip_trunks.conf")
		}
		// The file is replaced whole, so it is the folder that must be writable.
		if err := unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
			return wrong(filepath.Dir(path)+" cannot be written", "no caller's phone can register: "+err.Error(),
				"run the service in Asterisk's group, as deploy/systemd does, and: chown root:asterisk "+filepath.Dir(path)+" && chmod 770 "+filepath.Dir(path))
		}
	}
	return fine("both files can be replaced")
}

func diskSpace(dir string) outcome {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return wrong(dir, short(err), "df -h "+dir)
	}
	free := fs.Bavail * uint64(fs.Bsize)
	seen := fmt.Sprintf("%.1f GiB free below %s", float64(free)/(1<<30), dir)
	switch {
	case free < leastDisk:
		return wrong(seen, "a full disk stops dispatch and loses messages", "find what fills it: sudo du -xh "+dir+" | sort -h | tail; or set data: to a larger disk")
	case free < goodDisk:
		return doubtful(seen, "less than 5 GiB is little for messages and backups", "sudo du -xh "+dir+" | sort -h | tail")
	}
	return fine("%s", seen)
}

func descriptors() outcome {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return wrong("unknown", short(err), "ulimit -n")
	}
	// The Go runtime raises the soft limit to the hard one.
	switch {
	case l.Max < leastDescriptors:
		return wrong(fmt.Sprintf("%d", l.Max), "too few for the sockets of a busy day", "LimitNOFILE=65536 in the service's unit, or ulimit -Hn 65536")
	case l.Max < goodDescriptors:
		return doubtful(fmt.Sprintf("%d", l.Max), "enough for a small town only", "LimitNOFILE=65536 in the service's unit")
	}
	return fine("%d", l.Max)
}

// exposed looks for sockets of ours and of our parts that machines elsewhere can reach although nobody configured it.
func (e *examination) exposed() outcome {
	private := map[int]string{4222: "NATS", 6222: "NATS cluster", 8222: "NATS monitor", 5038: "Asterisk manager"}
	if u, err := url.Parse(e.cfg.Asterisk.ARI); err == nil && e.cfg.Has(RoleSwitch) && isLoopbackHost(u.Hostname()) {
		if n, err := strconv.Atoi(u.Port()); err == nil {
			private[n] = "ARI"
		}
	}
	if u, err := url.Parse(e.cfg.Postgres.URL.Value()); err == nil && isLoopbackHost(u.Hostname()) {
		port := 5432
		if n, err := strconv.Atoi(u.Port()); err == nil {
			port = n
		}
		private[port] = "PostgreSQL"
	}
	for _, listen := range []string{e.cfg.Ops.Listen, e.cfg.Web.Listen} {
		if !loopback(listen) {
			continue
		}
		if _, port, err := net.SplitHostPort(listen); err == nil {
			if n, err := strconv.Atoi(port); err == nil && n > 0 {
				private[n] = "Rappel's own " + listen
			}
		}
	}
	var open []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		listening, err := listeners(table)
		if err != nil {
			return skipped("this system does not say which ports listen: " + short(err))
		}
		for _, l := range listening {
			if name := private[int(l.Port())]; name != "" && !l.Addr().Unmap().IsLoopback() {
				open = append(open, fmt.Sprintf("%s on %s", name, l))
			}
		}
	}
	if len(open) > 0 {
		return wrong(strings.Join(open, ", "), "a port meant for this machine listens on every address",
			"bind it to 127.0.0.1 (bindaddr in http.conf, listen_addresses in postgresql.conf) and check: ss -ltnp")
	}
	return fine("none of %d private ports", len(private))
}

func isLoopbackHost(host string) bool {
	if host == "localhost" || host == "" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// listeners reads the listening sockets of one table of proc(5).
func listeners(table string) ([]netip.AddrPort, error) {
	f, err := os.Open(table)
	if err != nil {
		return nil, fmt.Errorf("read sockets: %w", err)
	}
	defer func() { _ = f.Close() }() // It was only read.
	var found []netip.AddrPort
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != "0A" { // TCP_LISTEN
			continue
		}
		address, port, ok := strings.Cut(fields[1], ":")
		raw, hexErr := hex.DecodeString(address)
		n, portErr := strconv.ParseUint(port, 16, 16)
		if !ok || hexErr != nil || portErr != nil {
			continue
		}
		// Each 32-bit word is in the machine's byte order; every machine we build for is little-endian.
		for i := 0; i+3 < len(raw); i += 4 {
			raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
		}
		if addr, ok := netip.AddrFromSlice(raw); ok {
			found = append(found, netip.AddrPortFrom(addr, uint16(n)))
		}
	}
	return found, nil
}

// secrets looks at the files that hold secrets. Read has refused open ones that the configuration names; what the service
// wrote itself is looked at here.
func (e *examination) secrets() outcome {
	var open []string
	for _, path := range []string{e.cfg.Web.Key, e.cfg.NATS.Credentials, e.cfg.Asterisk.Accounts, e.cfg.Asterisk.Trunks, filepath.Join(e.cfg.Data, "outcomes.spool")} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			continue // What is missing is another check's business.
		}
		if info.Mode().Perm()&0o007 != 0 {
			open = append(open, path)
		}
	}
	if len(open) > 0 {
		return wrong(strings.Join(open, ", "), "everybody on this machine may read these secrets", "chmod o= "+strings.Join(open, " "))
	}
	return fine("none is open to everybody")
}

// pages looks at the address of the pages and their certificate.
func (e *examination) pages(ctx context.Context) {
	if !e.cfg.Has(RoleWeb) {
		e.leave("this process does not serve pages", "web.listen", "web.certificate")
		return
	}
	e.look("web.listen", "address of the pages", func() outcome { return e.listens(ctx, "web", e.cfg.Web.Listen) })
	e.look("web.ops", "address of the probes", func() outcome { return e.listens(ctx, "ops", e.cfg.Ops.Listen) })
	e.look("web.certificate", "TLS certificate", func() outcome {
		if e.cfg.Web.Certificate == "" {
			return fine("none is needed on %s", e.cfg.Web.Listen)
		}
		pair, err := tls.LoadX509KeyPair(e.cfg.Web.Certificate, e.cfg.Web.Key)
		if err != nil {
			return wrong(e.cfg.Web.Certificate, short(err), "name the key that belongs to it in web.key; they belong together when both print the same: openssl x509 -noout -pubkey -in "+e.cfg.Web.Certificate+"; openssl pkey -pubout -in "+e.cfg.Web.Key)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			return wrong(e.cfg.Web.Certificate, short(err), "renew the certificate")
		}
		left := time.Until(leaf.NotAfter)
		seen := "valid until " + leaf.NotAfter.Format(time.DateOnly)
		switch {
		case left <= 0:
			return wrong(seen, "browsers refuse an expired certificate", "renew it and restart the service")
		case left < certificateAhead:
			return doubtful(seen, "it ends in less than two weeks", "renew it")
		}
		return fine("%s", seen)
	})
}

// listens reports whether the address is free or held by Rappel itself.
func (e *examination) listens(ctx context.Context, name, address string) outcome {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		if err := l.Close(); err != nil {
			return wrong(address, short(err), "ss -ltnp")
		}
		return fine("%s is free", address)
	}
	path := "/sign-in"
	if name == "ops" {
		path = "/livez"
	}
	scheme := "http"
	if name == "web" && e.cfg.Web.Certificate != "" {
		scheme = "https"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, reqErr := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+path, nil)
	if reqErr != nil {
		return wrong(address, short(reqErr), "correct "+name+".listen")
	}
	// The certificate has a check of its own, and names another host than this address.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // See above.
	defer client.CloseIdleConnections()
	res, getErr := client.Do(req)
	if getErr == nil {
		defer func() { _ = res.Body.Close() }() // Only the status counts.
		if res.StatusCode == http.StatusOK {
			return fine("%s is served by Rappel now", address)
		}
	}
	return wrong(address, short(err), "find who holds it: ss -ltnp | grep "+address[strings.LastIndexByte(address, ':'):]+"; or set "+name+".listen to another port")
}
