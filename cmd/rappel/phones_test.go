package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// manyCallers is how many a PBX is tried with.
const manyCallers = 10_000

// patience is how long the test waits for the PBX to know a change of the records. Operators are promised five seconds; what
// it took is printed, because this machine may do ten other things.
const patience = 2 * time.Minute

const (
	herTone = 600.0
	hisTone = 900.0
)

// office is a scheme as an operator makes it, by commands alone, with the service running.
type office struct {
	t     *testing.T
	dir   string
	pbx   *setup.Asterisk
	pacer *phone.Pacer
	trunk *phone.Trunk
	said  chan *phone.Call // Room for every call that a person of the test answers.
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, pbx: setuptest.Asterisk(t), pacer: phone.NewPacer(), said: make(chan *phone.Call, 8)}
	t.Cleanup(o.pacer.Close)
	// Tuesday, ten o'clock, whatever the date of the test.
	o.dir, _ = place(t, "clock: {start: 2026-06-16T10:00:00+02:00}\n"+pbxConfig(o.pbx))
	t.Setenv("ARI_PASSWORD", o.pbx.ARIPassword())
	var err error
	o.trunk, err = phone.NewTrunk(phone.TrunkOptions{
		Listen: "127.0.0.7:0", PBX: o.pbx.SIPAddr().String(), Tones: []float64{herTone, hisTone}, Pacer: o.pacer, Logger: zap.NewNop(),
		Answer: func(phone.Ring) phone.Behaviour { return phone.Answers(100*time.Millisecond, hisTone) },
		OnCall: func(_ context.Context, _ phone.Ring, c *phone.Call) { o.said <- c },
	})
	require.NoError(t, err)
	t.Cleanup(o.trunk.Close)
	done(t, o.dir, "migrate")
	done(t, o.dir, "scheme", "create", "--name", "Gardons le contact", "--country", "FR", "--zone", "Europe/Paris")
	done(t, o.dir, "scheme", "trunk", "town", "--host", o.trunk.Addr().Addr().String(),
		"--port", fmt.Sprint(o.trunk.Addr().Port()), "--cli", "+33199001000")
	done(t, o.dir, "line", "add", "+33199001000")
	return o
}

// bring imports a file of these rows.
func (o *office) bring(rows ...string) {
	o.t.Helper()
	file := filepath.Join(o.t.TempDir(), "people.csv")
	text := "Référence;Type;Nom;Prénom;Téléphone;Langue;Rythme;Plages;Appelant de référence;Consentement;Actif\n" + strings.Join(rows, "\n") + "\n"
	require.NoError(o.t, os.WriteFile(file, []byte(text), 0o600))
	done(o.t, o.dir, "import", file)
}

// phone makes a phone of what rappel caller phone prints.
func (o *office) phone(ref string, onCall func(context.Context, *phone.Incoming)) *phone.Phone {
	o.t.Helper()
	sheet := done(o.t, o.dir, "caller", "phone", ref, "--language", "en")
	value := func(name string) string {
		for line := range strings.Lines(sheet) {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				return strings.TrimSpace(rest)
			}
		}
		require.Fail(o.t, "not on the sheet", "%s: %s", name, sheet)
		return ""
	}
	require.GreaterOrEqual(o.t, len(value("Secret")), 32)
	p, err := phone.New(phone.Options{
		User: value("User"), Secret: value("Secret"), Registrar: value("Server"), Pacer: o.pacer, Tones: []float64{herTone, hisTone},
		OnCall: onCall, Logger: zap.NewNop(),
	})
	require.NoError(o.t, err)
	o.t.Cleanup(p.Close)
	return p
}

// within fails the test unless the condition holds in time, and prints how long it took.
func within(t *testing.T, limit time.Duration, since time.Time, what string, holds func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithDeadline(t.Context(), since.Add(limit))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Fail(t, "too late", "%s took more than %s", what, limit)
		}
	}
	t.Logf("%s: %s", what, time.Since(since).Round(time.Millisecond))
}

func registers(p *phone.Phone) func(context.Context) bool {
	return func(ctx context.Context) bool { return p.Register(ctx) == nil }
}

// refused tells a phone that the PBX turns away from one that it does not answer in time.
func refused(p *phone.Phone) func(context.Context) bool {
	return func(ctx context.Context) bool {
		err := p.Register(ctx)
		return err != nil && ctx.Err() == nil
	}
}

// worksUntil dials the feature code for ready until her phone rings. The PBX knows a new caller a moment before the service
// does, which then asks her to try again.
func worksUntil[T any](o *office, p *phone.Phone, rings <-chan T) T {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), patience)
	defer cancel()
	for {
		c, err := p.Dial(ctx, "*1", phone.DialOptions{})
		require.NoError(o.t, err)
		select {
		case <-c.Done():
		case <-ctx.Done():
			require.Fail(o.t, "the service did not end the feature call")
		}
		select {
		case rang := <-rings:
			return rang
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
			require.Fail(o.t, "her phone did not ring")
		}
	}
}

// SIP from records, as an operator lives it: a caller who was imported registers at once, one who was disabled is cut at
// once, ten thousand are loaded in seconds, and the two who talk meanwhile notice nothing.
func TestPhonesFromRecords(t *testing.T) {
	o := openOffice(t)
	service, ops := serving(t, o.dir)
	within(t, patience, time.Now(), "the service is ready", func(context.Context) bool {
		return probe("http://"+ops+"/readyz") == http.StatusOK
	})

	// A new caller's phone works with what the operator was shown, and the secret is shown once.
	began := time.Now()
	o.bring("A01;appelante;Lambert;Claire;;français;;;;;oui",
		"B001;bénéficiaire;Dupont;Odette;01 99 00 20 01;français;quotidien;9h30-17h;A01;oui;")
	calls := make(chan *phone.Call, 1)
	claire := o.phone("A01", func(ctx context.Context, in *phone.Incoming) {
		if c, err := in.Answer(ctx); err == nil {
			c.Say(phone.Tone(herTone))
			calls <- c
			<-c.Done()
		}
	})
	within(t, patience, began, "import, sheet and first registration of a new caller", registers(claire))
	_, errs, status := said(t, o.dir, "caller", "phone", "A01")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "--renew")
	require.NotContains(t, done(t, o.dir, "caller", "list"), secretOf(t, o, "A01"))
	_, errs, status = said(t, o.dir, "caller", "phone", "B001")
	require.Equal(t, 2, status, errs)

	// She talks to somebody for the rest of the test.
	hers := worksUntil(o, claire, calls)
	var his *phone.Call
	select {
	case his = <-o.said:
	case <-time.After(patience):
		require.Fail(t, "nobody was called")
	}
	hear, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := hers.HearTone(hear, hisTone)
	require.NoError(t, err)

	// Cut while her phone rings: it stops, and the person is not rung.
	ringing := make(chan *phone.Incoming, 1)
	o.bring("A02;appelant;Dubois;Karim;;français;;;;;oui",
		"B002;bénéficiaire;Martin;Paul;01 99 00 20 02;français;quotidien;9h30-17h;A02;oui;")
	karim := o.phone("A02", func(_ context.Context, in *phone.Incoming) {
		if in.Ring() == nil {
			ringing <- in
			<-in.Done()
		}
	})
	within(t, patience, time.Now(), "registration of a second caller", registers(karim))
	in := worksUntil(o, karim, ringing)
	done(t, o.dir, "caller", "disable", "A02")
	cut := time.Now()
	within(t, patience, cut, "the disabled caller's phone stops ringing", func(context.Context) bool {
		select {
		case <-in.Done():
			return true
		default:
			return false
		}
	})
	within(t, patience, cut, "the disabled caller is refused", refused(karim))
	_, err = karim.Dial(t.Context(), "*1", phone.DialOptions{})
	require.Error(t, err, "nor does she get in by dialling")

	// A new secret cuts the phone with the old one; so does an import that says she is not active.
	began = time.Now()
	again := o.phoneAgain("A01")
	within(t, patience, began, "registration with a new secret", registers(again))
	within(t, patience, began, "the old secret is refused", refused(claire))
	began = time.Now()
	o.bring("A01;appelante;Lambert;Claire;;français;;;;;non")
	within(t, patience, began, "import of a caller who left; she is refused", refused(again))

	// Ten thousand more.
	rows := make([]string, manyCallers)
	for i := range rows {
		rows[i] = fmt.Sprintf("C%05d;appelant;Nom%05d;Anne;;français;;;;;oui", i, i)
	}
	began = time.Now()
	o.bring(rows...)
	t.Logf("import of %d callers: %s", manyCallers, time.Since(began).Round(time.Millisecond))
	imported := time.Now()
	last := o.phone(fmt.Sprintf("C%05d", manyCallers-1), nil)
	within(t, patience, imported, "the last of 10,000 callers registers after their import", registers(last))
	began = time.Now()
	o.bring("A03;appelant;Petit;Marc;;français;;;;;oui")
	marc := o.phone("A03", nil)
	within(t, patience, began, "one more beside 10,000 registers", registers(marc))
	began = time.Now()
	done(t, o.dir, "caller", "disable", "A03")
	within(t, patience, began, "one less beside 10,000 is refused", refused(marc))

	require.False(t, over(hers) || over(his), "the call goes on")
	t.Logf("longest silence in the call meanwhile: %s", hers.Heard().LongestSilence)
	for _, r := range o.trunk.Ledger().Records() {
		require.NotEqual(t, "+33199002002", r.Number, "nobody rang her for a caller who is gone")
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	require.NoError(t, hers.Hangup(ctx))
	for _, private := range []string{"Lambert", "Claire", "Dupont", "Odette", "+33199", "0199002", "Petit", secretOf(t, o, "A01")} {
		require.NotContains(t, page(t, "http://"+ops+"/metrics"), private)
	}
	log := service()
	for _, private := range []string{"Lambert", "Claire", "Dupont", "Odette", "+33199", "0199002", "Petit"} {
		require.NotContains(t, log, private, "personal data in the log")
	}
	sealed(t, o.dir)
}

// phoneAgain is a phone with a new secret.
func (o *office) phoneAgain(ref string) *phone.Phone {
	o.t.Helper()
	sheet := strings.Fields(done(o.t, o.dir, "caller", "phone", ref, "--renew", "--language", "en"))
	p, err := phone.New(phone.Options{User: sheet[3], Secret: sheet[5], Registrar: sheet[1], Pacer: o.pacer, Logger: zap.NewNop()})
	require.NoError(o.t, err)
	o.t.Cleanup(p.Close)
	return p
}

func over(c *phone.Call) bool {
	select {
	case <-c.Done():
		return true
	default:
		return false
	}
}

// secretOf reads a secret from the file that the PBX includes.
func secretOf(t *testing.T, o *office, ref string) string {
	t.Helper()
	var user string
	for line := range strings.Lines(done(t, o.dir, "caller", "list")) {
		if f := strings.Fields(line); f[0] == ref {
			user = f[2]
		}
	}
	require.NotEmpty(t, user)
	text, err := os.ReadFile(o.pbx.AccountsPath())
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "username="+user+"\npassword=")
	if !found {
		return "disabled"
	}
	secret, _, _ := strings.Cut(rest, "\n")
	return secret
}

// sealed fails the test when anybody else may read what the service wrote.
func sealed(t *testing.T, dir string) {
	t.Helper()
	data := filepath.Join(dir, "data")
	info, err := os.Stat(data)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o007, "%s has mode %s", data, info.Mode())
}

// serving starts the service in a process of its own and returns where its probes are, and what stops it and returns its
// log.
func serving(t *testing.T, dir string) (stop func() string, ops string) {
	t.Helper()
	c := rappel(t, dir, "serve")
	log := &logFollower{found: make(chan string, 1)}
	c.Stderr = log
	require.NoError(t, c.Start())
	select {
	case ops = <-log.found:
	case <-time.After(patience):
		_ = c.Process.Kill()
		require.Fail(t, "not serving", log.String())
	}
	return func() string {
		require.NoError(t, c.Process.Signal(os.Interrupt))
		require.NoError(t, c.Wait(), log.String())
		return log.String()
	}, ops
}

func page(t *testing.T, address string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	res, err := client.Get(address)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

// pbxConfig is the part of the configuration that names a PBX.
func pbxConfig(pbx *setup.Asterisk) string {
	return fmt.Sprintf(`
asterisk:
  ari: %q
  user: %q
  password: ${ARI_PASSWORD}
  sip: %q
  accounts: %q
  trunks: %q
  sounds: %q
  pbx_sounds: %q
web: {listen: "127.0.0.1:0"}
ops: {listen: "127.0.0.1:0"}
`, pbx.ARIURL(), pbx.ARIUser(), pbx.SIPAddr(), pbx.AccountsPath(), pbx.TrunksPath(), pbx.SoundsDir(), pbx.SoundsPath())
}
