package app

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// check looks at every value and at what they mean together. Paths become absolute.
func (d *decoder) check(c *Config) {
	for key, path := range map[string]*string{
		"data": &c.Data, "nats.credentials": &c.NATS.Credentials, "asterisk.sounds": &c.Asterisk.Sounds,
		"asterisk.recordings": &c.Asterisk.Recordings, "asterisk.accounts": &c.Asterisk.Accounts, "asterisk.trunks": &c.Asterisk.Trunks,
		"web.certificate": &c.Web.Certificate, "web.key": &c.Web.Key, "calls.dialplans": &c.Calls.Dialplans, "speech.installation": &c.Speech.Installation,
	} {
		*path = d.path(*path)
		if key == "speech.installation" || key == "calls.dialplans" || key == "web.certificate" || key == "web.key" || key == "nats.credentials" {
			d.exists(key, *path)
		}
	}
	if c.Data == "" {
		d.fault("data", "is empty", "name a directory the service may write to, for example /var/lib/rappel")
	}
	if c.Asterisk.Sounds == "" {
		c.Asterisk.Sounds = filepath.Join(c.Data, "sounds")
	}
	if c.Asterisk.PBXSounds == "" {
		c.Asterisk.PBXSounds = c.Asterisk.Sounds
	}
	for i, r := range c.Roles {
		if !slices.Contains(Roles(), r) {
			d.fault(fmt.Sprintf("roles[%d]", i), "is not a role", "roles are "+strings.Join(Roles(), ", "))
		}
	}
	if what, remedy := rolesTogether(c.Roles); what != "" {
		d.fault("roles", what, remedy)
	}
	if _, err := zapcore.ParseLevel(c.Log.Level); err != nil {
		d.fault("log.level", "is not a level", "write debug, info, warn or error")
	}
	if c.Log.Format != "json" && c.Log.Format != "console" {
		d.fault("log.format", "is not a format", "write json or console")
	}
	if c.Clock.Speed <= 0 || c.Clock.Speed > 1000 {
		d.fault("clock.speed", "is out of range", "write a number above 0 and up to 1000; 1 is real time")
	}
	if !slices.Contains(roster.Languages(), roster.Language(c.Speech.Language)) {
		d.fault("speech.language", "is not a language of Rappel", "write fr, nl, de or en")
	}
	if key := c.Secrets.Refusals.Value(); key != "" && len(key) < leastKey {
		d.fault("secrets.refusals", fmt.Sprintf("is shorter than %d characters", leastKey), "make one: umask 077; openssl rand -base64 48 > refusals.key")
	}
	d.positive("drain", c.Drain)
	d.positive("postgres.patience", c.Postgres.Patience)
	if c.Postgres.KeepEvents < 30*24*time.Hour {
		d.fault("postgres.keep_events", "is less than thirty days", "write at least 720h; 9600h is 400 days")
	}
	d.positive("nats.max_age", c.NATS.MaxAge)
	d.positive("dispatch.ahead", c.Dispatch.Ahead)
	d.positive("dispatch.horizon", c.Dispatch.Horizon)
	d.positive("calls.registrar_ring", c.Calls.RegistrarRing)
	d.positive("calls.patience", c.Calls.Patience)
	d.between("postgres.connections", c.Postgres.Connections, 2, 500)
	d.between("nats.max_disk_mib", c.NATS.MaxDisk, 16, 1<<20)
	d.between("nats.max_memory_mib", c.NATS.MaxMemory, 1, 1<<20)
	d.between("nats.replicas", c.NATS.Replicas, 1, 5)
	d.between("asterisk.starts_per_second", c.Asterisk.StartsPerSecond, 1, 2000)
	d.between("dispatch.max_missed", c.Dispatch.MaxMissed, 1, 100)
	d.postgres("postgres.url", c.Postgres.URL, true)
	d.postgres("postgres.owner_url", c.Postgres.OwnerURL, false)
	d.asterisk(c)
	d.web(c)
	d.listen("ops.listen", c.Ops.Listen)
	if c.Web.Listen == c.Ops.Listen && slices.Contains(c.Roles, RoleWeb) && !strings.HasSuffix(c.Ops.Listen, ":0") {
		d.fault("ops.listen", "is the address of web.listen too", "choose another port for one of them")
	}
	if c.NATS.URL != "" {
		d.url("nats.url", c.NATS.URL, "nats", "tls", "ws", "wss")
	}
}

func (d *decoder) exists(key, path string) {
	if path == "" {
		return
	}
	if _, err := os.Stat(path); err != nil {
		d.fault(key, "cannot be read: "+path+" is not there for this user", "name a file or folder that exists")
	}
}

func (d *decoder) positive(key string, v time.Duration) {
	if v <= 0 {
		d.fault(key, "is not above zero", "write a length of time such as 10m, or remove the key for the default")
	}
}

func (d *decoder) between(key string, v, low, high int) {
	if v < low || v > high {
		d.fault(key, "is out of range", "write a number from "+strconv.Itoa(low)+" to "+strconv.Itoa(high))
	}
}

// postgres checks an address without ever printing it: it may hold a password.
func (d *decoder) postgres(key string, v Secret, required bool) {
	if v == "" {
		if required {
			d.fault(key, "is missing", "write url: ${RAPPEL_POSTGRES_URL} and set that variable to postgres://user:password@host:5432/rappel")
		}
		return
	}
	u, err := url.Parse(v.Value())
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		d.fault(key, "is not the address of a database", "write postgres://user:password@host:5432/rappel")
		return
	}
	if password, ok := u.User.Password(); ok {
		d.notDefault(key, password)
	}
}

// notDefault refuses the passwords that manuals print.
func (d *decoder) notDefault(key, password string) {
	known := []string{"changeme", "change-me", "password", "secret", "admin", "asterisk", "rappel", "postgres", "1234", "12345678", "test", "default"}
	if slices.Contains(known, strings.ToLower(password)) {
		d.fault(key, "holds a password that everybody knows", "make one: openssl rand -hex 24")
	}
}

func (d *decoder) asterisk(c *Config) {
	if !slices.Contains(c.Roles, RoleSwitch) {
		return
	}
	d.url("asterisk.ari", c.Asterisk.ARI, "http", "https")
	if c.Asterisk.User == "" {
		d.fault("asterisk.user", "is missing", "write the name of a user of ari.conf")
	}
	if c.Asterisk.Password == "" {
		d.fault("asterisk.password", "is missing", "write password: file:/etc/rappel/ari.secret, or ${RAPPEL_ARI_PASSWORD}")
		return
	}
	d.notDefault("asterisk.password", c.Asterisk.Password.Value())
	d.listen("asterisk.sip", c.Asterisk.SIP)
	if public := c.Asterisk.PublicSIP; public != "" && strings.ContainsAny(public, "/@ ") {
		d.fault("asterisk.public_sip", "is not the address of a server", "write its name, and the port when it is not 5060: sip.example.org:5060")
	}
	if c.Asterisk.Application == "" {
		d.fault("asterisk.application", "is missing", "write rappel, as in extensions.conf")
	}
}

func (d *decoder) web(c *Config) {
	if !slices.Contains(c.Roles, RoleWeb) {
		return
	}
	listens := d.listen("web.listen", c.Web.Listen)
	if (c.Web.Certificate == "") != (c.Web.Key == "") {
		d.fault("web.certificate", "and web.key belong together", "name both files, or neither")
	}
	if c.Web.PublicURL != "" {
		d.url("web.public_url", c.Web.PublicURL, "http", "https")
	}
	for i, p := range c.Web.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			d.fault(fmt.Sprintf("web.trusted_proxies[%d]", i), "is not a network", "write it as 192.0.2.10/32")
		}
	}
	if !listens || loopback(c.Web.Listen) || c.Web.Certificate != "" || strings.HasPrefix(c.Web.PublicURL, "https:") {
		return
	}
	d.fault("web.listen", "would serve the pages unencrypted beyond this machine",
		"set web.certificate and web.key, or web.public_url: https://… when a proxy does TLS, or listen on 127.0.0.1")
}

// loopback reports whether only this machine reaches the address.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// listen reports whether the value is an address to listen on.
func (d *decoder) listen(key, v string) bool {
	host, port, err := net.SplitHostPort(v)
	if err == nil {
		if n, portErr := strconv.Atoi(port); portErr != nil || n < 0 || n > 65535 {
			d.fault(key, "has no port from 0 to 65535", "write host:port, for example 127.0.0.1:8080")
			return false
		}
		if host != "" && host != "localhost" {
			_, err = netip.ParseAddr(host)
		}
	}
	if err != nil {
		d.fault(key, "is not an address to listen on", "write an IP address and a port, for example 127.0.0.1:8080")
	}
	return err == nil
}

func (d *decoder) url(key, v string, schemes ...string) {
	u, err := url.Parse(v)
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" {
		d.fault(key, "is not an address", "write "+schemes[0]+"://host:port")
		return
	}
	if u.User != nil {
		// The place of the value would print it.
		at := d.places[key]
		at.value = ""
		d.places[key] = at
		d.fault(key, "holds a user or password", "put them into their own keys")
	}
}

// rolesTogether says what is wrong with a set of roles, or nothing.
func rolesTogether(roles []string) (what, remedy string) {
	switch {
	case len(roles) == 0:
		return "names no role", "remove the key to run all of them"
	case slices.Contains(roles, RoleSwitch) != slices.Contains(roles, RoleDispatch):
		return "parts switch from dispatch, which are always one process", "name both of them, or neither"
	}
	return "", ""
}

// SetRoles replaces the roles, as the command line does.
func (c *Config) SetRoles(roles []string) error {
	for _, r := range roles {
		if !slices.Contains(Roles(), r) {
			return fmt.Errorf("--roles %s: %q is not a role; roles are %s", strings.Join(roles, ","), r, strings.Join(Roles(), ", "))
		}
	}
	if len(roles) == 0 {
		return nil
	}
	if what, remedy := rolesTogether(roles); what != "" {
		return fmt.Errorf("--roles %s %s; %s", strings.Join(roles, ","), what, remedy)
	}
	c.Roles = roles
	return nil
}

// Has reports whether the process plays the role.
func (c *Config) Has(role string) bool { return slices.Contains(c.Roles, role) }

// Secure reports whether browsers reach the pages over TLS.
func (c *Config) Secure() bool {
	return c.Web.Certificate != "" || strings.HasPrefix(c.Web.PublicURL, "https:")
}

// PhoneServer is where callers' phones register.
func (c *Config) PhoneServer() string {
	if c.Asterisk.PublicSIP != "" {
		return c.Asterisk.PublicSIP
	}
	return c.Asterisk.SIP
}

// PublicURL is what browsers type, without a slash at its end.
func (c *Config) PublicURL() string {
	switch {
	case c.Web.PublicURL != "":
		return strings.TrimSuffix(c.Web.PublicURL, "/")
	case c.Web.Certificate != "":
		return "https://" + c.Web.Listen
	}
	return "http://" + c.Web.Listen
}

// fields is used by the test that compares the example file with the keys.
func fields() []string {
	var all []string
	var walk func(reflect.Type, string)
	walk = func(t reflect.Type, prefix string) {
		for f := range t.Fields() {
			key := strings.TrimPrefix(prefix+"."+f.Tag.Get("yaml"), ".")
			if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]() {
				walk(f.Type, key)
				continue
			}
			all = append(all, key)
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return all
}
