package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/deploy"
)

const good = `
data: data
postgres:
  url: ${PG}
asterisk:
  password: file:ari.secret
`

func environment(name string) (string, bool) {
	v, ok := map[string]string{"PG": "postgres://rappel:zb7uhJ@127.0.0.1/rappel", "PORT": "8181"}[name]
	return v, ok
}

func parse(t *testing.T, text string) (Config, error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ari.secret"), []byte("9f2c\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "open.secret"), []byte("9f2c\n"), 0o644))
	c, err := Parse(filepath.Join(dir, "rappel.yaml"), []byte(text), environment)
	if err != nil {
		require.NotContains(t, err.Error(), "zb7uhJ", "a password in an error")
	}
	return c, err
}

func TestAGoodFile(t *testing.T) {
	c, err := parse(t, good+"web:\n  listen: 127.0.0.1:${PORT}\nroles: [web, switch, dispatch]\ndrain: 90s\n")
	require.NoError(t, err)
	require.Equal(t, "9f2c", c.Asterisk.Password.Value())
	require.Equal(t, "127.0.0.1:8181", c.Web.Listen)
	require.True(t, filepath.IsAbs(c.Data))
	require.Equal(t, []string{"web", "switch", "dispatch"}, c.Roles)
	require.InDelta(t, 90, c.Drain.Seconds(), 0)
	require.NotContains(t, strings.Join([]string{c.Postgres.URL.String(), c.Asterisk.Password.GoString()}, " "), "9f2c")
}

func TestEachFaultIsOneLineWithItsRemedy(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":        {good + "web:\n  lissten: 127.0.0.1:1\n", `:8:3: web.lissten: is not a key; did you mean listen?`},
		"unknown group":      {good + "metrics:\n  x: 1\n", `:7:1: metrics: is not a key; keys here are`},
		"missing variable":   {strings.Replace(good, "${PG}", "${NOWHERE}", 1), `:4:8: postgres.url: needs the environment variable NOWHERE, which is not set; set it: export NOWHERE=…`},
		"missing secret":     {strings.Replace(good, "password: file:ari.secret", "user: x", 1), `: asterisk.password: is missing; write password: file:/etc/rappel/ari.secret, or ${RAPPEL_ARI_PASSWORD}`},
		"open secret file":   {strings.Replace(good, "ari.secret", "open.secret", 1), `others may read (mode 0644); chmod 600 `},
		"absent secret file": {strings.Replace(good, "ari.secret", "no.secret", 1), `which cannot be read; make it: umask 077; openssl rand -hex 24 > `},
		"default password":   {strings.Replace(good, "file:ari.secret", "changeme", 1), `:6:13: asterisk.password: holds a password that everybody knows; make one: openssl rand -hex 24`},
		"bad duration":       {good + "drain: 10x\n", `:7:8: drain: "10x" is not a length of time; write a number with its unit: 90s, 10m, 36h`},
		"negative duration":  {good + "drain: -1s\n", `:7:8: drain: "-1s" is not above zero`},
		"bad number":         {good + "nats: {replicas: many}\n", `:7:18: nats.replicas: "many" is not a whole number`},
		"out of range":       {good + "nats: {replicas: 9}\n", `nats.replicas: "9" is out of range; write a number from 1 to 5`},
		"bad bool":           {good + "calls: {no_wrap_up: perhaps}\n", `calls.no_wrap_up: "perhaps" is neither true nor false; write true or false`},
		"bad instant":        {good + "clock: {start: tomorrow}\n", `clock.start: "tomorrow" is not an instant`},
		"bad role":           {good + "roles: [web, boss]\n", `:7:14: roles[1]: "boss" is not a role; roles are switch, dispatch, web`},
		"parted roles":       {good + "roles: [dispatch, web]\n", `roles: parts switch from dispatch, which are always one process; name both of them, or neither`},
		"not a list":         {good + "roles: web\n", `:7:8: roles: "web" is not a list; write it as [one, two]`},
		"not a group":        {good + "web: 8080\n", `:7:6: web: "8080" is not a group of keys; write one of its keys per line`},
		"twice":              {good + "data: x\n", `mapping key "data" already defined at [2:1]; keep one of the two`},
		"not yaml":           {"data: \"x\n", `:1:7: is not YAML: could not find end character of double-quoted text; check the indentation and quotes of that line`},
		"bad listen":         {good + "web: {listen: localhost}\n", `web.listen: "localhost" is not an address to listen on`},
		"naked pages":        {good + "web: {listen: '0.0.0.0:80'}\n", `web.listen: "0.0.0.0:80" would serve the pages unencrypted beyond this machine; set web.certificate`},
		"not postgres":       {strings.Replace(good, "${PG}", "mysql://x", 1), `postgres.url: is not the address of a database; write postgres://`},
		"secret in url":      {strings.Replace(good, "  password", "  ari: http://u:zb7uhJ@127.0.0.1/ari\n  password", 1), `asterisk.ari: holds a user or password; put them into their own keys`},
		"list as a value":    {good + "data2: 1\n", `data2: is not a key; did you mean data?`},
		"value as a list":    {strings.Replace(good, "data: data", "data: [x]", 1), `data: is not a single value; write one value after the colon`},
		"two documents":      {good + "---\ndata: x\n", `holds several documents`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, c.text)
			require.Error(t, err)
			require.Contains(t, err.Error(), c.want)
			require.NotContains(t, err.Error(), "\n", "one line")
			require.Contains(t, err.Error(), "rappel.yaml")
		})
	}
}

func TestAFileOfWindowsEditor(t *testing.T) {
	_, err := parse(t, "\ufeff"+strings.ReplaceAll(good, "\n", "\r\n"))
	require.NoError(t, err)
}

func TestAMissingFile(t *testing.T) {
	_, err := Read(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorContains(t, err, "does not exist; make it: rappel config example > rappel.yaml, or name another file with --config")
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("a: {b: [1, {c: d}]}\n? x\n: y\n<<: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse("rappel.yaml", []byte(text), environment)
		if err != nil {
			require.NotEmpty(t, err.Error())
		}
	})
}

func TestTheExampleNamesEveryKeyAndItsDefault(t *testing.T) {
	lookup := func(name string) (string, bool) {
		return map[string]string{
			"RAPPEL_POSTGRES_URL": "postgres://rappel:zb7uhJ@127.0.0.1/rappel", "RAPPEL_ARI_PASSWORD": "9f2c",
		}[name], true
	}
	c, err := Parse("/etc/rappel/rappel.yaml", []byte(deploy.Example()), lookup)
	require.NoError(t, err)
	want := Defaults()
	want.Postgres.URL, want.Asterisk.Password = c.Postgres.URL, c.Asterisk.Password
	want.Asterisk.Sounds, want.Asterisk.PBXSounds = "/var/lib/rappel/sounds", "/var/lib/rappel/sounds"
	want.Web.TrustedProxies = []string{}
	require.Equal(t, want, c, "an example that differs from the defaults misleads")
	for _, key := range fields() {
		leaf := key[strings.LastIndexByte(key, '.')+1:]
		require.Contains(t, deploy.Example(), leaf+":", "the example lacks %s", key)
	}
}
