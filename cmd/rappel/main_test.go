package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// asProgram makes this test binary the program itself, so that tests see real processes.
const asProgram = "RAPPEL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// rappel makes a process of the program.
func rappel(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), self, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), asProgram+"=1")
	return c
}

// said runs the program to its end and returns what it said and its exit status.
func said(t *testing.T, dir string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	c := rappel(t, dir, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if c.ProcessState == nil {
		require.NoError(t, err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

func done(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, errs, status := said(t, dir, args...)
	require.Zero(t, status, "rappel %s: %s%s", strings.Join(args, " "), out, errs)
	return out
}

func TestMistakesAreAnsweredWithWhatToType(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rappel.yaml"), []byte("web:\n  lissten: 127.0.0.1:1\n"), 0o600))
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"serv"}, 2, "Type rappel --help"},
		{[]string{"shift", "ad", "A01"}, 2, "unknown command \"ad\" for \"rappel shift\"; did you mean add?"},
		{[]string{"user", "token", "make"}, 2, "Type rappel user token --help"},
		{[]string{"serve", "--fast"}, 2, "Type rappel serve --help"},
		{[]string{"serve", "now"}, 2, "Type rappel serve --help"},
		{[]string{"serve"}, 1, "rappel: rappel.yaml:2:3: web.lissten: is not a key; did you mean listen?\nCorrect it, then type: rappel config check rappel.yaml\n"},
		{[]string{"serve", "--config", "none.yaml"}, 1, "rappel config example > rappel.yaml"},
		{[]string{"doctor"}, 1, "web.lissten"},
		{[]string{"import"}, 2, "Type rappel import --help"},
		{[]string{"import", "people.csv", "--language", "xx"}, 2, "write fr, nl, de or en"},
		{[]string{"scheme", "create"}, 2, "Type rappel scheme create --help"},
		{[]string{"scheme", "create", "--name", " "}, 2, "the name is empty"},
		{[]string{"scheme", "create", "--name", "Rappel", "--hold", "-5m"}, 2, "below zero"},
	} {
		_, errs, status := said(t, dir, c.args...)
		require.Equal(t, c.status, status, "%v: %s", c.args, errs)
		require.Contains(t, errs, c.want, "%v", c.args)
	}
	out, _, status := said(t, dir, "doctor", "--json")
	require.Equal(t, 1, status)
	var d app.Diagnosis
	require.NoError(t, json.Unmarshal([]byte(out), &d), "who asks for JSON gets it")
	require.Contains(t, d.Checks[0].Cause, "did you mean listen?")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	c := rappel(t, dir, "config", "example")
	c.Stdout = full
	require.Error(t, c.Run(), "half a file must not look like a whole one")
	require.NoError(t, full.Close())
	require.Contains(t, done(t, dir, "version"), "rappel ")
	require.Contains(t, done(t, dir, "config", "example"), "postgres:")
}

// place is a configuration file with real parts behind it.
func place(t *testing.T, more string) (dir string, pg *setup.Postgres) {
	t.Helper()
	pg = setuptest.Postgres(t)
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ari.secret"), []byte("4af1c09e\n"), 0o600))
	text := fmt.Sprintf("data: data\npostgres: {url: %q, owner_url: %q}\n%s", pg.URL(), pg.URL(), more)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rappel.yaml"), []byte(text), 0o600))
	return dir, pg
}

func TestPeopleInAndOut(t *testing.T) {
	dir, pg := place(t, "asterisk: {password: file:ari.secret}\n")
	// As the README has it: a login that owns the database, may make roles, and is no superuser.
	server, err := pgx.Connect(t.Context(), pg.URL())
	require.NoError(t, err)
	for _, statement := range []string{"CREATE ROLE town LOGIN CREATEROLE PASSWORD 'b8c1'", "CREATE DATABASE town OWNER town"} {
		_, err = server.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	require.NoError(t, server.Close(t.Context()))
	town, err := url.Parse(pg.URL())
	require.NoError(t, err)
	town.User, town.Path = url.UserPassword("town", "b8c1"), "/town"
	config := filepath.Join(dir, "rappel.yaml")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	text = bytes.ReplaceAll(text, []byte(fmt.Sprintf("%q", pg.URL())), []byte(fmt.Sprintf("%q", town)))
	require.NoError(t, os.WriteFile(config, text, 0o600))
	_, errs, status := said(t, dir, "scheme", "list")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "Type: rappel migrate")
	require.Contains(t, done(t, dir, "migrate"), "version")
	once := done(t, dir, "migrate")
	require.Equal(t, once, done(t, dir, "migrate"), "again changes nothing")

	_, errs, status = said(t, dir, "user", "link")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "rappel scheme create")
	id := strings.TrimSpace(done(t, dir, "scheme", "create", "--name", "Gardons le contact", "--country", "FR", "--zone", "Europe/Paris"))
	require.Len(t, id, 36)
	done(t, dir, "scheme", "trunk", "town", "--host", "192.0.2.10", "--cli", "+33199001000")
	for _, name := range []string{"town-1", "Town", "1", "trunk", "a;b", strings.Repeat("a", 41)} {
		_, errs, status = said(t, dir, "scheme", "trunk", name, "--host", "192.0.2.10", "--cli", "+33199001000")
		require.Equal(t, 2, status, name)
		require.Contains(t, errs, "its name", name)
	}
	for flag, value := range map[string]string{"--lines": "0", "--port": "99999", "--codecs": "x", "--dtmf": "x", "--host": ""} {
		_, errs, status = said(t, dir, "scheme", "trunk", "town", "--host", "192.0.2.10", flag, value)
		require.Equal(t, 2, status, "%s: %s", flag, errs)
		require.NotContains(t, errs, "SQLSTATE", flag)
	}
	_, errs, status = said(t, dir, "line", "add", "+33199001000", "--flow", "nowhere")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "there are after-call")
	require.Equal(t, "+32\n+33\n", done(t, dir, "scheme", "destinations", "+33", "+32"))
	_, _, status = said(t, dir, "scheme", "destinations", "0033")
	require.Equal(t, 2, status)
	require.Contains(t, done(t, dir, "scheme", "destinations", "--ordinary"), "ordinary numbers of FR")
	require.Contains(t, done(t, dir, "inbox", "list"), "LEFT AT")
	done(t, dir, "line", "add", "+33 1 99 00 10 00")
	done(t, dir, "line", "add", "+33199001001", "--languages", "de,fr")
	require.Regexp(t, `\+33199001000\s+fr\s+registration\s+\+33199001000\n\+33199001001\s+de,fr\s`, done(t, dir, "line", "list"))
	done(t, dir, "line", "add", "+33199001001", "--delivered", "1001")
	require.Regexp(t, `\+33199001001\s+de,fr\s+registration\s+1001\n`, done(t, dir, "line", "list"), "what no flag names stays")
	done(t, dir, "line", "add", "+33199001002")
	done(t, dir, "line", "remove", "+33199001002")
	require.NotContains(t, done(t, dir, "line", "list"), "+33199001002")
	_, errs, status = said(t, dir, "line", "remove", "+33199001002")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "rappel line list")
	require.Contains(t, done(t, dir, "line", "pools"), "nobody is a registrar")
	require.Contains(t, done(t, dir, "line", "hours"), "always")
	require.Contains(t, done(t, dir, "line", "hours", "mon-fri", "13:30-17:00"), "Mon  13:30-17:00\n")
	done(t, dir, "line", "close", "2999-12-24")
	done(t, dir, "line", "open", "2999-12-25", "10:00-12:00")
	require.Contains(t, done(t, dir, "line", "hours"), "2999-12-24  closed\n2999-12-25  10:00-12:00\n")
	done(t, dir, "line", "usual", "2999-12-24")
	require.NotContains(t, done(t, dir, "line", "hours"), "2999-12-24")
	require.Contains(t, done(t, dir, "hours", "show"), "Mon       9:30-17:00", "the calls go on as before")
	for _, wrong := range [][]string{{"hours", "mon"}, {"hours", "mon", "17-13"}, {"close", "soon"}, {"usual", "2999-12-24"}} {
		_, errs, status = said(t, dir, append([]string{"line"}, wrong...)...)
		require.Equal(t, 2, status, "%v: %s", wrong, errs)
	}
	require.Contains(t, done(t, dir, "scheme", "list"), "Gardons le contact")

	file := filepath.Join("..", "..", "deploy", "example", "personnes.csv")
	file, err = filepath.Abs(file)
	require.NoError(t, err)
	out, errs, status := said(t, dir, "import", file, "--dry-run")
	require.Zero(t, status, errs)
	require.Contains(t, out, "Nothing was kept")
	first := done(t, dir, "import", file)
	require.NotContains(t, first, " 0 new")
	require.Regexp(t, `(?m)^registrar +fr +[1-9]\d* +0 +at once, for other languages after 2m0s$`, done(t, dir, "line", "pools"))
	again := done(t, dir, "import", file)
	require.Contains(t, again, " 0 new, 0 changed", "the same file twice changes nothing")

	done(t, dir, "export", "people.csv")
	info, err := os.Stat(filepath.Join(dir, "people.csv"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm(), "people's data is for its owner")
	require.Contains(t, done(t, dir, "import", "people.csv"), " 0 new, 0 changed", "an export comes back unchanged")
	_, errs, status = said(t, dir, "export", "people.csv")
	require.Equal(t, 2, status, "an export overwrites nothing: %s", errs)

	link := done(t, dir, "user", "link")
	require.Regexp(t, `^http://127\.0\.0\.1:8080/sign-in\?link=[A-Za-z0-9_-]{43}\n$`, link)

	token := done(t, dir, "user", "token", "new", "the hall")
	require.Regexp(t, `^rappel_[A-Za-z0-9_-]{43}\n$`, token)
	_, errs, status = said(t, dir, "user", "token", "new", "the hall")
	require.Equal(t, 2, status)
	require.Contains(t, errs, `rappel user token revoke "the hall"`)
	require.NotContains(t, done(t, dir, "user", "token", "list"), strings.TrimSpace(token), "shown once")
	done(t, dir, "user", "token", "revoke", "the hall")
	_, errs, status = said(t, dir, "user", "token", "revoke", "the hall")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "rappel user token list")

	require.Contains(t, done(t, dir, "config", "check"), "is good")
	require.NoDirExists(t, filepath.Join(dir, "data"), "checking changes nothing")
	diagnosis, _, status := said(t, dir, "doctor", "--json")
	require.Equal(t, 1, status, "there is no PBX")
	var d app.Diagnosis
	require.NoError(t, json.Unmarshal([]byte(diagnosis), &d))
	require.Greater(t, len(d.Checks), 25)
	for _, f := range d.Checks {
		if strings.HasPrefix(f.Check, "postgres.") && f.Check != "postgres.durability" {
			require.Equal(t, app.VerdictOK, f.Verdict, "%s: %s %s", f.Check, f.Detail, f.Cause)
		}
		if f.Check == "pbx.reachable" {
			require.Equal(t, app.VerdictFail, f.Verdict)
			require.NotEmpty(t, f.Fix)
		}
	}
}

func TestServeStopsWhenTold(t *testing.T) {
	pbx := setuptest.Asterisk(t)
	dir, _ := place(t, pbxConfig(pbx))
	t.Setenv("ARI_PASSWORD", pbx.ARIPassword())
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		c := rappel(t, dir, "serve")
		log := &logFollower{found: make(chan string, 1)}
		c.Stderr = log
		require.NoError(t, c.Start())
		var ops string
		select {
		case ops = <-log.found:
		case <-time.After(time.Minute):
			_ = c.Process.Kill()
			require.Fail(t, "not serving", log.String())
		}
		// The database was empty: serve has migrated it, because it knows the owner.
		require.Eventually(t, func() bool { return probe("http://"+ops+"/livez") == http.StatusOK }, time.Minute, 50*time.Millisecond)
		require.Empty(t, done(t, dir, "scheme", "list"), "the schema is there")
		require.NoError(t, c.Process.Signal(signal))
		require.NoError(t, c.Wait(), log.String())
		require.Contains(t, log.String(), `"msg":"stopped"`)
		require.NotContains(t, log.String(), pbx.ARIPassword())
	}
}

func probe(address string) int {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	res, err := client.Get(address)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// logFollower keeps a log and says when it names the address of the probes.
type logFollower struct {
	text  bytes.Buffer
	found chan string // Room for the one address.
	told  bool
}

var opsAddress = regexp.MustCompile(`"ops":"([0-9.:]+)"`)

// Write implements io.Writer; the process's output is copied by one goroutine, which Wait waits for.
func (l *logFollower) Write(b []byte) (int, error) {
	l.text.Write(b)
	if m := opsAddress.FindSubmatch(l.text.Bytes()); m != nil && !l.told {
		l.told = true
		l.found <- string(m[1])
	}
	return len(b), nil
}

// String is the log; call it after Wait.
func (l *logFollower) String() string { return l.text.String() }
